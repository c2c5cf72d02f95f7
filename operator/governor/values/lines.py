"""Text from elsewhere on one line: no break of a line, and nothing that can't be seen."""


def flat(text: str) -> str:
    """The text on one line of printable characters, with single spaces between words."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
