"""Building the embedded stack's programs: once, one at a time, with a clear word on failure."""

import io
import threading
from pathlib import Path

import pytest

from governor_local import builds
from governor_local.binaries import Binaries
from governor_local.builds import GoBuild
from governor_local.errors import BuildError, PlatformError, StackError
from governor_local.reporting import Reporter, duration

#: Stands in for Go where only our own handling of it is tested.
FAKE_GO = """#!/bin/sh
[ "$1" = env ] && { echo go1.99.0; exit; }
echo built >> "$COUNTER"
while [ "$1" != -o ]; do shift; done
sleep 0.3
echo "$GOFLAGS $CGO_ENABLED $GOTOOLCHAIN $GOOS" > "$2/server"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "cache" / "governor-local"


@pytest.fixture
def build(tmp_path: Path) -> GoBuild:
    """A build that real Go refuses: its tool is in a module without a checksum."""
    module = tmp_path / "thing"
    module.mkdir()
    (module / "go.mod").write_text(
        "module thing\n\ngo 1.25\n\ntool example.invalid/server\n\nrequire example.invalid v1.0.0\n"
    )
    (module / "go.sum").write_text("")
    return GoBuild(
        module=module,
        programs={"server": "etcd"},
        flags=(),
        usual_seconds=60,
        download_megabytes=7,
        disk_gigabytes=0.001,
        kept_megabytes=1,
        way_out="set KUBEBUILDER_ASSETS",
    )


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go on PATH that makes an empty program; gives the file that counts its runs."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(FAKE_GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    counter = tmp_path / "counter"
    monkeypatch.setenv("COUNTER", str(counter))
    return counter


def test_failed_build_shows_the_logs_end_and_a_way_on(build: GoBuild, cache: Path) -> None:
    said = io.StringIO()

    with pytest.raises(BuildError) as caught:
        builds.ensure(build, Reporter(said))

    message = str(caught.value)
    assert "Building etcd failed" in message
    assert "missing go.sum entry for module" in message
    assert "Run the same command again" in message
    assert "set KUBEBUILDER_ASSETS" in message
    assert "building etcd, once: failed" in said.getvalue()
    assert {"lock", "thing-build.log"} == {path.name for path in cache.iterdir()}


def test_build_says_what_it_costs_before_it_starts(build: GoBuild, fake_go: Path) -> None:
    said = io.StringIO()

    builds.ensure(build, Reporter(said))

    assert "usually 1 min 0 s; downloads 7 MB, needs 0.001 GB" in said.getvalue().splitlines()[0]


def test_two_builds_at_once_build_once(build: GoBuild, fake_go: Path, cache: Path) -> None:
    threads = [threading.Thread(target=builds.ensure, args=(build, Reporter())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fake_go.read_text() == "built\n"
    assert {"lock", build.directory.name} == {path.name for path in cache.iterdir()}


def test_settings_of_the_users_do_not_change_the_outcome(
    build: GoBuild, fake_go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOFLAGS", "-tags=surprise")
    monkeypatch.setenv("GOTOOLCHAIN", "auto")

    folder = builds.ensure(build, Reporter())

    assert (folder / "etcd").read_text() == "-modcacherw 0 local \n"


def test_changed_module_is_built_anew(build: GoBuild, fake_go: Path) -> None:
    before = builds.ensure(build, Reporter())
    (build.module / "go.sum").write_text("changed")

    assert builds.ensure(build, Reporter()) != before


def test_what_a_killed_build_left_is_removed(build: GoBuild, fake_go: Path, cache: Path) -> None:
    (cache / "build-killed" / "modules").mkdir(parents=True)

    builds.ensure(build, Reporter())

    assert not (cache / "build-killed").exists()


def test_too_little_disk_is_said_before_the_build(
    build: GoBuild, fake_go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(build, "disk_gigabytes", 1e6)

    with pytest.raises(BuildError, match="Make room there, or set XDG_CACHE_HOME"):
        builds.ensure(build, Reporter())

    assert not fake_go.exists()


def test_go_that_is_too_old_is_passed_over(
    build: GoBuild, fake_go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_mod = build.module / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("go 1.25", "go 1.100"))

    with pytest.raises(BuildError, match=r"Go 1\.100 or newer"):
        builds.ensure(build, Reporter())


def test_assets_folder_without_the_programs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    with pytest.raises(StackError, match="no program kube-apiserver in it"):
        Binaries.find(Reporter())


def test_assets_folder_goes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "ensure", lambda build, _: Path("/cached") / build.title)
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("kube-apiserver", "etcd"):
        (assets / name).touch(mode=0o755)

    without = Binaries.find(Reporter())
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = Binaries.find(Reporter())

    assert Path("/cached/kube-apiserver and etcd/etcd") == without.etcd
    assert (assets / "etcd", assets / "kube-apiserver") == (found.etcd, found.kube_apiserver)


def test_another_platform_is_refused_before_any_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.setattr(builds, "ensure", lambda *_: pytest.fail("it went on"))

    with pytest.raises(PlatformError, match=r"this is Linux aarch64\. Nothing was downloaded"):
        Binaries.find(Reporter())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (6, "6 s"), (59.6, "1 min 0 s"), (220, "3 min 40 s")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert text == duration(seconds)
