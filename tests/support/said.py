"""What a check's status says of its latest run."""

Said = tuple[str, str, str]
"""Verdict, reason and message."""

READY = "Reachable"
"""The reason of a source that is ready."""


def error(reason: str, message: str) -> Said:
    """The measuring failed."""
    return "Error", reason, message


def no_data(reason: str, message: str) -> Said:
    """There was nothing to judge."""
    return "NoData", reason, message
