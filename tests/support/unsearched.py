"""What goes by itself, without a search for garbage in cycles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unsearched() -> Iterator[None]:
    """For the block's time nobody searches; what there was before is gone."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
