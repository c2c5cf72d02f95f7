"""Every command works in a loop in which a name that hangs is in nobody's way."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.name_server import HANGS, KNOWN, PATIENCE, name_server

from governor import wiring
from governor.cli.main import FAILED, main
from governor.errors import GovernorError

pytestmark = pytest.mark.usefixtures("logging_restored")

DONE = "that was all"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the commands want to know."""
    url = tmp_path / "url"
    url.write_text("postgresql://writer:hunter2@db/governance")
    monkeypatch.setenv("GOVERNOR_DATABASE_URL_FILE", str(url))
    monkeypatch.setenv("GOVERNOR_NAMESPACE", "governance-system")


async def look_up(*_: Any, **__: Any) -> None:
    """A command's work: it asks for two names, though there is one thread for all else."""
    loop = asyncio.get_running_loop()
    with name_server() as names, ThreadPoolExecutor(1) as executor:
        loop.set_default_executor(executor)
        asking = loop.create_task(loop.getaddrinfo(HANGS, 80))
        await names.heard(HANGS)
        async with asyncio.timeout(PATIENCE):
            await loop.getaddrinfo(KNOWN, 80)
        assert names.busy == 1
        names.answer()
        await asking
    raise GovernorError(DONE)


# `governor check`: tests/integration/test_hanging_names.py.
@pytest.mark.parametrize(
    ("work", "arguments"), [("run", ()), ("migrate", ()), ("history", ("aiops/flywheel",))]
)
def test_a_command_is_not_held_up_by_a_name_that_hangs(
    work: str,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever it is that it asks for."""
    monkeypatch.setattr(wiring, work, look_up)

    assert main([work, *arguments]) == FAILED

    assert capsys.readouterr().err == f"governor: {DONE}\n"
