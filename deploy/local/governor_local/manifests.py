"""Renders what `deploy/` ships, as it is or as the embedded stack needs it."""

import os
import subprocess
import tempfile
from pathlib import Path

import yaml

from governor_local.errors import CommandError

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


def local_samples(kubectl: Path, prometheus_url: str) -> str:
    """The samples through the local overlay, measuring from that Prometheus.

    Raises:
        CommandError: the overlay does not build.
    """
    patch = [{"op": "replace", "path": "/spec/prometheus/url", "value": prometheus_url}]
    target = {"kind": "GovernanceSource", "name": "prometheus"}
    with tempfile.TemporaryDirectory(prefix="governor-local-overlay-") as name:
        # kustomize takes relative paths only, and resolves them after following links.
        folder = Path(name).resolve()
        kustomization = {
            "resources": [os.path.relpath(_OVERLAY, folder)],
            "patches": [{"target": target, "patch": yaml.safe_dump(patch)}],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return rendered(kubectl, folder)
