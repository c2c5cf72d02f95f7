"""Logs: one form for all, and no passwords."""

import io
import json
import logging
from uuid import uuid4

import pytest

from governor.telemetry import logs

pytestmark = pytest.mark.usefixtures("logging_restored")


def configured(**how: str) -> io.StringIO:
    """The stream that everything is logged to."""
    stream = io.StringIO()
    logs.configure(**({"style": "json", "level": "info"} | how), stream=stream)  # type: ignore[arg-type]
    return stream


def test_json_has_the_message_its_origin_and_the_extras() -> None:
    """One object a line."""
    stream = configured(cluster="prod")

    logging.getLogger("governor.app.running").warning(
        "policy %s is late", "flywheel", extra={"seconds": 2.5}
    )

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "message": "policy flywheel is late",
        "logger": "governor.app.running",
        "level": "warning",
        "seconds": 2.5,
        "cluster": "prod",
    }


def test_an_exception_stays_on_its_line() -> None:
    """A trace does not tear a JSON line apart."""
    stream = configured()

    logging.getLogger("x").error("it failed", exc_info=ValueError("line one\nline two"))

    [line] = stream.getvalue().splitlines()
    assert "ValueError: line one\nline two" in json.loads(line)["exception"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_what_others_wrote_begins_no_line(style: str) -> None:
    """Neither in the message nor in the extras, whatever a reader takes for a line's end."""
    stream = configured(style=style)
    forged = "x\r\n2026-11-25T12:00:00Z [error] forged\x1b[31m\x85\u2028forged\u2029forged"

    logging.getLogger("x").warning("can't: %s", forged, extra={"error": forged, "policy": forged})

    [line] = stream.getvalue().splitlines()
    assert line.isprintable()
    if style == "json":
        assert json.loads(line)["error"] == forged


@pytest.mark.parametrize("style", ["json", "console"])
def test_the_password_of_a_url_is_never_logged(style: str) -> None:
    """Not in the message, not in the extras, not in an exception."""
    stream = configured(style=style)
    url = "postgresql://writer:hunter2@sink:5432/db"

    error = OSError(f"can't reach {url}")
    logging.getLogger("x").error("with %s", url, extra={"url": url}, exc_info=error)

    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("postgresql://writer:***@sink:5432/db") >= 3


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variables(style: str) -> None:
    """They hold tokens and DSNs, which no pattern would find."""
    stream = configured(style=style)

    def connect(token: str) -> None:
        raise OSError(f"a token of {len(token)} letters is refused")

    secret = uuid4().hex
    try:
        connect(secret)
    except OSError:
        logging.getLogger("x").exception("it failed")

    assert "in connect" in stream.getvalue()
    assert "a token of 32 letters is refused" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_libraries_only_warn_unless_debugging() -> None:
    """Its libraries log every step."""
    stream = configured()
    logging.getLogger("kopf.objects").info("Timer succeeded")
    logging.getLogger("kopf.objects").warning("no such resource")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "no such resource"
    ]

    stream = configured(level="debug")
    logging.getLogger("kopf.objects").debug("Timer succeeded")
    assert "Timer succeeded" in stream.getvalue()


def test_the_level_is_respected() -> None:
    """Below it nothing is written."""
    stream = configured(style="console", level="error")

    logging.getLogger("governor").warning("not this")
    logging.getLogger("governor").error("but this")

    assert "not this" not in stream.getvalue()
    assert "but this" in stream.getvalue()
