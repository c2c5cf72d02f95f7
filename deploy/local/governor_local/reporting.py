"""Telling a waiting person what is going on, on a terminal or into a log."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_LOG_EVERY_SECONDS = 15.0


class Reporter:
    """Says lines and keeps one of them alive during long work; without a stream it is silent."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._live = stream is not None and stream.isatty()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line."""
        self._write(f"\r\033[K{text}\n" if self._live else f"{text}\n")

    @contextmanager
    def work(self, what: str, *, usual_seconds: float, note: str = "") -> Iterator[None]:
        """Show work in progress: what, for how long, how long it usually takes.

        On a terminal one line is rewritten each second; elsewhere a line is
        printed at the start, every 15 s and at the end.

        Args:
            what: a phrase such as "building etcd".
            usual_seconds: how long this usually takes.
            note: what else it costs, as download and disk.
        """
        started = time.monotonic()
        done = threading.Event()
        usual = f"usually {duration(usual_seconds)}" + (f"; {note}" if note else "")

        def tick() -> None:
            while not done.wait(1.0 if self._live else _LOG_EVERY_SECONDS):
                self._show(f"{what}: {duration(time.monotonic() - started)} ({usual})")

        self._show(f"{what} ({usual})")
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            done.set()
            ticker.join()
            self.say(f"{what}: {outcome} in {duration(time.monotonic() - started)}")

    def _show(self, text: str) -> None:
        self._write(f"\r\033[K{text}" if self._live else f"{text}\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        with self._lock:
            self._stream.write(text)
            self._stream.flush()


def duration(seconds: float) -> str:
    """Write seconds as a person would: 0.4 s, 12 s, 3 min 40 s."""
    if seconds < 10:  # noqa: PLR2004 - tenths matter only below
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
