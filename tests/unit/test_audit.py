"""`make audit` finds what is planted, and an index that does not answer fails nobody's build."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"


def audited(what: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the audit says of a folder."""
    return subprocess.run(
        [sys.executable, AUDIT, what],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An empty repository."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key = 'AKIA" + "Z3MGNFKTCJ4QJDTR'", "AWS Access Key"),
        ("-----BEGIN RSA PRIVATE" + " KEY-----", "Private Key"),
        ("url: postgresql://governor:" + "q9Tz7Lr2@db:5432/governance", "Basic Auth Credentials"),
        ("token = 'ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx'", "GitHub Token"),
        ("password: '" + "Vq8z-Kd2mPw7'", "Secret Keyword"),
    ],
)
def test_a_planted_secret_is_found(checkout: Path, text: str, kind: str) -> None:
    """In a file that nobody has added yet, too; its value is not repeated."""
    (checkout / "settings.yaml").write_text(f"# harmless\n{text}\n")

    done = audited("secrets", checkout)

    assert done.returncode == 1
    assert f"FOUND: settings.yaml:2: {kind}" in done.stdout
    assert text not in done.stdout


def test_words_of_examples_are_no_secrets(checkout: Path) -> None:
    """Nor is what git ignores looked at."""
    (checkout / "settings.yaml").write_text("url: postgresql://USER:PASSWORD@HOST/DATABASE\n")
    (checkout / "ignored.yaml").write_text("url: postgresql://a:" + "q9Tz7Lr2@db/a\n")
    (checkout / ".gitignore").write_text("ignored.yaml\n")

    done = audited("secrets", checkout)

    assert (done.returncode, done.stdout) == (0, "secrets: looked into 2 files\n")


def test_a_known_vulnerability_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """With what mends it; what the index does not know counts as not looked up."""
    unmended = {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": "worse"}
    mended = unmended | {"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}
    report = {
        "dependencies": [
            {"name": "fine", "version": "1", "vulns": []},
            {"name": "bad", "version": "1.0", "vulns": [mended, unmended]},
            {"name": "unknown", "skip_reason": "Dependency not found on PyPI"},
        ],
        "fixes": [],
    }

    assert runpy.run_path(str(AUDIT))["known"](report) == [
        "bad 1.0: PYSEC-1, mended in 1.1, 2.0",
        "bad 1.0: PYSEC-2, mended in no version yet",
    ]
    assert capsys.readouterr().out == "vulnerabilities: looked up 2 of 3 packages\n"


def test_without_a_network_it_says_so_and_passes(tmp_path: Path) -> None:
    """A proxy where nobody listens: every connection is refused."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "XDG_CACHE_HOME": str(tmp_path)}

    done = audited("vulnerabilities", tmp_path, **nowhere, PIP_CACHE_DIR=str(tmp_path))

    assert done.returncode == 0, done.stdout
    [line] = done.stdout.splitlines()
    assert line.startswith("vulnerabilities: not looked up, since nobody answers: ")
