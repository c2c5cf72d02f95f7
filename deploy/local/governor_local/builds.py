"""Compiles the parts that no package registry offers as a program, once per user.

Each build is a committed Go module whose go.mod names the programs as tools.
The outcome is cached by the digest of everything that goes into it, so that a
second checkout or a CI run does not build again. Go's own caches are private
to the build and removed after it: they are twenty times the size of the result.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from governor_local.errors import BuildError, log_end
from governor_local.paths import cache_root, go_module
from governor_local.processes import launched
from governor_local.reporting import Reporter
from governor_local.toolchain import find_go

_GIGABYTE = 1000**3


@dataclass(frozen=True, slots=True, kw_only=True)
class GoBuild:
    """One Go module to build.

    Attributes:
        module: folder of its go.mod.
        programs: what Go names each program → what we call it.
        flags: arguments of ``go build``.
        usual_seconds: how long it took on two cores from empty caches.
        download_megabytes: how much Go downloads.
        disk_gigabytes: how much disk it needs while it runs.
        kept_megabytes: how much of that stays.
        way_out: what else a person can do if it fails.
    """

    module: Path
    programs: Mapping[str, str]
    flags: tuple[str, ...]
    usual_seconds: float
    download_megabytes: int
    disk_gigabytes: float
    kept_megabytes: int
    way_out: str = ""

    @property
    def title(self) -> str:
        """The programs, for a person."""
        return " and ".join(self.programs.values())

    @property
    def directory(self) -> Path:
        """Where the programs are once built; its name covers all that goes into them."""
        digest = hashlib.sha256(repr((sorted(self.programs.items()), self.flags)).encode())
        for name in ("go.mod", "go.sum"):
            digest.update((self.module / name).read_bytes())
        return cache_root() / f"{self.module.name}-{digest.hexdigest()[:16]}"


_COMPONENT_VERSION = "-X k8s.io/component-base/version"

KUBERNETES = GoBuild(
    module=go_module("kubernetes"),
    programs={"kube-apiserver": "kube-apiserver", "server": "etcd"},
    # Without the stamp the server calls itself v0.0.0-master, which clients refuse to compare.
    flags=(
        (
            f"-ldflags=-s -w {_COMPONENT_VERSION}.gitVersion=v1.37.2"
            f" {_COMPONENT_VERSION}.gitMajor=1 {_COMPONENT_VERSION}.gitMinor=37"
            f" {_COMPONENT_VERSION}.gitCommit=module {_COMPONENT_VERSION}.gitTreeState=clean"
        ),
    ),
    usual_seconds=420,
    download_megabytes=90,
    disk_gigabytes=4,
    kept_megabytes=145,
    way_out="set KUBEBUILDER_ASSETS to a folder that holds kube-apiserver and etcd",
)

PROMETHEUS = GoBuild(
    module=go_module("prometheus"),
    programs={"prometheus": "prometheus", "promtool": "promtool"},
    # Service discovery would add the client of every cloud: most of the download and time.
    flags=(
        "-tags=remove_all_sd",
        "-ldflags=-s -w -X github.com/prometheus/common/version.Version=3.16.0",
    ),
    usual_seconds=240,
    download_megabytes=170,
    disk_gigabytes=3,
    kept_megabytes=100,
)

ALERTMANAGER = GoBuild(
    module=go_module("alertmanager"),
    programs={"alertmanager": "alertmanager", "amtool": "amtool"},
    flags=("-ldflags=-s -w -X github.com/prometheus/common/version.Version=0.31.1",),
    usual_seconds=100,
    download_megabytes=50,
    disk_gigabytes=1,
    kept_megabytes=52,
)


def ensure(build: GoBuild, reporter: Reporter) -> Path:
    """Give the folder with the build's programs, building them if the cache has none.

    Raises:
        BuildError: there is no Go, too little disk, or the build failed.
    """
    if build.directory.is_dir():
        return build.directory
    with _only_one(reporter):
        if not build.directory.is_dir():  # another process may have built it meanwhile
            _build(build, reporter)
    return build.directory


def _build(build: GoBuild, reporter: Reporter) -> None:
    go = find_go(build.module)
    free = shutil.disk_usage(cache_root()).free / _GIGABYTE
    if free < build.disk_gigabytes:
        raise BuildError(
            f"Building {build.title} needs {build.disk_gigabytes:g} GB of disk for a while, and"
            f" {cache_root()} has {free:.1f} GB free. Make room there, or set XDG_CACHE_HOME to a"
            " folder on another disk."
        )
    for left_by_a_killed_build in cache_root().glob("build-*"):
        shutil.rmtree(left_by_a_killed_build)
    workplace = Path(tempfile.mkdtemp(prefix="build-", dir=cache_root()))
    note = (
        f"downloads {build.download_megabytes} MB, needs {build.disk_gigabytes:g} GB of disk"
        f" meanwhile, keeps {build.kept_megabytes} MB in {cache_root()}"
    )
    try:
        what = f"building {build.title}, once"
        with reporter.work(what, usual_seconds=build.usual_seconds, note=note):
            _compile(build, go, workplace)
        for produced, name in build.programs.items():
            (workplace / "bin" / produced).rename(workplace / "bin" / name)
        (workplace / "bin").rename(build.directory)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)  # what resists goes before the next build


def _compile(build: GoBuild, go: Path, workplace: Path) -> None:
    (workplace / "bin").mkdir()
    log = workplace / "log"
    command = [str(go), "build", "-trimpath", "-buildvcs=false", "-mod=readonly", *build.flags]
    command += ["-o", f"{workplace}/bin/", "tool"]
    with log.open("w") as output:
        process = subprocess.Popen(
            launched(command, directory=build.module, death_signal=signal.SIGKILL),
            env=_environment(workplace),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            status = process.wait()
        except BaseException:  # Ctrl-C: the compilers that Go started must end, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            raise
    if status != 0:
        kept = cache_root() / f"{build.module.name}-build.log"
        log.replace(kept)
        ways = ["Run the same command again: nothing of this attempt is left in its way"]
        ways += ["if a download failed, look at GOPROXY and the network"]
        ways += [build.way_out] if build.way_out else []
        raise BuildError(
            f"Building {build.title} failed ({go} build, status {status}). Its log ends with:\n"
            f"{log_end(kept)}\nThe whole log: {kept}\nHow to go on: {'; '.join(ways)}."
        )


def _environment(workplace: Path) -> dict[str, str]:
    """Give the caller's environment with every setting replaced that would change the outcome."""
    kept = {name: value for name, value in os.environ.items() if name not in _OVERRIDING}
    return kept | {
        "CGO_ENABLED": "0",
        "GOCACHE": f"{workplace}/cache",
        "GOFLAGS": "-modcacherw",  # else the module cache could not be removed
        "GOMODCACHE": f"{workplace}/modules",
        "GOPATH": f"{workplace}/path",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


_OVERRIDING = {"GOARCH", "GOBIN", "GOEXPERIMENT", "GOOS", "GOROOT"}


@contextlib.contextmanager
def _only_one(reporter: Reporter) -> Iterator[None]:
    """Hold the user's build lock: two builds at once would take memory and time from each other."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with reporter.work("waiting for another build of this user", usual_seconds=240):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
