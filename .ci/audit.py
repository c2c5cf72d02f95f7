"""Is a package with a known vulnerability installed, and does a file that git keeps hold a secret?

    python .ci/audit.py vulnerabilities    what requirements.lock installs
    python .ci/audit.py secrets            what git keeps, or would keep, below this folder

Exits with 1 if something was found. Where nobody can be asked about vulnerabilities, that is
said in one line, and is no failure.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).parents[1]

_UNANSWERED = re.compile("connect|timeout|timed out|max retries", re.IGNORECASE)
"""How the errors of pip-audit read that only mean that nobody answered."""


def vulnerabilities() -> Sequence[str]:
    """Those known of the lock's packages, as the package index tells them."""
    lock = ("--requirement", str(ROOT / "requirements.lock"), "--require-hashes", "--disable-pip")
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "pip_audit", *lock, "--format=json", "--progress-spinner=off"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stdout.strip():
        return known(json.loads(done.stdout))
    why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if not _UNANSWERED.search(why):
        return (f"pip-audit failed: {why}",)
    print(f"vulnerabilities: not looked up, since nobody answers: {why[:200]}")
    return ()


def known(report: Mapping[str, Any]) -> Sequence[str]:
    """The vulnerabilities in a report of pip-audit's; says which packages nobody knows."""
    packages = report["dependencies"]
    looked_up = [package for package in packages if "skip_reason" not in package]
    # An index that only mirrors files answers "not found" of everything: that is no all-clear.
    print(f"vulnerabilities: looked up {len(looked_up)} of {len(packages)} packages")
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}"
        for package in looked_up
        for found in package["vulns"]
    ]


def secrets() -> Sequence[str]:
    """Whatever reads like a secret, but for the words that pyproject.toml says are none."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    harmless = set(settings["tool"]["audit"]["not-secrets"])
    found, names = SecretsCollection(), _kept()
    with default_settings():  # they ask no server whether a token works
        for name in names:
            found.scan_file(name)
        print(f"secrets: looked into {len(names)} files")
        return [
            f"{name}:{secret.line_number}: {secret.type}"
            for name, secret in found
            if secret.secret_value not in harmless
        ]


def _kept() -> Sequence[str]:
    """What is tracked, or would be if everything were added."""
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    done = subprocess.run(  # noqa: S603
        ["git", *listing],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in done.stdout.split("\0") if Path(name).is_file()]


AUDITS: Mapping[str, Callable[[], Sequence[str]]] = {
    "vulnerabilities": vulnerabilities,
    "secrets": secrets,
}


def main() -> None:
    """Runs the audits that are named, all of them if none is."""
    found = [problem for name in sys.argv[1:] or AUDITS for problem in AUDITS[name]()]
    for problem in found:
        print(f"FOUND: {problem}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
