"""One stream of logs for everything in the process, as JSON or for people.

The application logs through the standard library, as kopf, aiohttp and SQLAlchemy do;
structlog renders all of it alike, to standard error.
"""

import logging
import re
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_PASSWORD = re.compile(r"(://[^:/?#\s\"']*:)[^/?#\s\"']*@")
"""The password in a URL, wherever a driver's message may quote one."""

_BREAKS = str.maketrans({each: f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"})
"""What some readers take for the end of a line, and JSON does not escape."""

_CHATTY = ("kopf", "aiohttp.access", "asyncio", "sqlalchemy", "alembic", "httpx", "httpcore")
"""Libraries whose every step would drown what matters: only their warnings are kept."""


def configure(
    *,
    style: Literal["json", "console"],
    level: str,
    cluster: str = "",
    stream: TextIO | None = None,
) -> None:
    """Routes every logger of the process to one stream. May be called again.

    Args:
        style: `json` for machines, `console` for people.
        level: the least that is logged; `debug` lets the libraries speak too.
        cluster: a name that every line carries, unless it is empty.
        stream: standard error where none is given.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if cluster:
        shared.append(_adding("cluster", cluster))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _Formatter(foreign_pre_chain=shared, processors=_rendering(style, colours=stream.isatty()))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        library = logging.getLogger(name)
        library.setLevel(logging.NOTSET if level == "debug" else logging.WARNING)


def _rendering(style: str, *, colours: bool) -> list[Processor]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if style == "console":
        # The default, where rich is installed, shows local variables: they hold secrets.
        plain = structlog.dev.plain_traceback
        return [
            strip,
            _visible,
            structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain),
        ]
    return [
        strip,
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        _unbroken,
    ]


def _visible(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What somebody else wrote begins no line of its own, and moves no cursor."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    return event


def _unbroken(_: WrappedLogger, __: str, line: Any) -> str:
    return str(line).translate(_BREAKS)


def _adding(key: str, value: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event[key] = value
        return event

    return add


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders a line, without the passwords that an error may quote."""

    def format(self, record: logging.LogRecord) -> str:
        return _PASSWORD.sub(r"\1***@", super().format(record))
