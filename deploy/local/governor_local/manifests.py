"""Renders what `deploy/` ships, as it is or as the embedded stack needs it."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from governor_local.errors import CommandError
from governor_local.stack import Stack

DEPLOY = Path(__file__).resolve().parents[2]
"""The checkout's folder `deploy`."""

_OVERLAY = DEPLOY / "local" / "overlay"


def rendered(kubectl: Path, folder: Path) -> str:
    """The manifests of a kustomization, as YAML.

    Raises:
        CommandError: it does not build.
    """
    done = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CommandError(f"{folder} does not build:\n{done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the samples' servers are in a stack, as URLs."""

    prometheus: str
    alertmanager: str
    cloud_events: str

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Those of a stack."""
        return cls(
            prometheus=stack.prometheus.url,
            alertmanager=stack.alertmanager.url,
            cloud_events=f"{stack.receiver.url}/cloudevents",
        )


def local_samples(kubectl: Path, addresses: Addresses) -> str:
    """The samples through the local overlay, with the servers at those addresses.

    Raises:
        CommandError: the overlay does not build.
    """
    with tempfile.TemporaryDirectory(prefix="governor-local-overlay-") as name:
        # kustomize takes relative paths only, and resolves them after following links.
        folder = Path(name).resolve()
        kustomization = {
            "resources": [os.path.relpath(_OVERLAY, folder)],
            "patches": [
                _replaced("GovernanceSource", "prometheus", "prometheus/url", addresses.prometheus),
                _replaced(
                    "GovernanceChannel", "oncall", "alertmanager/urls", [addresses.alertmanager]
                ),
                _replaced(
                    "GovernanceChannel", "event-bus", "cloudEvents/url", addresses.cloud_events
                ),
            ],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return rendered(kubectl, folder)


def _replaced(kind: str, name: str, field: str, value: object) -> dict[str, object]:
    """A patch of kustomize's that replaces one field of a spec."""
    operation = {"op": "replace", "path": f"/spec/{field}", "value": value}
    return {"target": {"kind": kind, "name": name}, "patch": yaml.safe_dump([operation])}
