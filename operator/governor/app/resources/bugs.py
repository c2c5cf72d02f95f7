"""How an unforeseen error is logged where its own words may quote a secret."""

import traceback
from pathlib import PurePath


def whereabouts(error: BaseException) -> str:
    """What went wrong and where, in none of the error's own words: `ValueError at made.py:7`."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
