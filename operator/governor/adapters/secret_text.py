"""The text of a credential, as files and editors leave it in a Secret."""

from collections.abc import Callable

from governor.values.outcomes import FaultError

_MARK = "\ufeff"


def secret_text(value: bytes, refuse: Callable[[str], FaultError]) -> str:
    """The text, without the ends of lines that editors and `echo` add.

    Args:
        value: as it is stored.
        refuse: makes the fault of a remedy, which tells no part of the value.

    Raises:
        FaultError: it is no UTF-8, or begins with a byte order mark.
    """
    try:
        text = value.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:  # Its own text quotes what it could not read.
        raise refuse("must hold UTF-8 text") from None
    if text.startswith(_MARK):
        raise refuse("begins with a byte order mark: save it as UTF-8 without one")
    return text
