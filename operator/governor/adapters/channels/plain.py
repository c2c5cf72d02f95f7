"""Texts that users wrote, made harmless for chats: they say what they say, and do nothing.

Some services read plain text as markdown or HTML, whatever they are told. So nothing that
starts a mention, a tag, a link or an emphasis is left as it was; look-alikes are put where
a reader won't mind, a zero-width space where the character itself matters.
"""

import re

_APART = "\u200b"
"""A zero-width space: seen by machines only."""

_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "*": "∗", "`": "'", "~": "∼"})
"""Tags, mentions as `<!here>`, links as `<url|text>`, emphasis, code."""

_EDGE_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
"""Underscores that could be emphasis; those within a word are part of a name."""

_TORN = (
    (re.compile("@"), "@" + _APART),  # mentions
    (re.compile(r"\](?=[(\[])"), "]" + _APART),  # links with another text
    (re.compile(r"\|(?=\|)"), "|" + _APART),  # spoilers
    (re.compile(r"&(?=#?\w+;)"), "&" + _APART),  # entities that stand for any of these
)


def one_line(text: str) -> str:
    """Without line breaks and whatever else can't be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(text: str, longest: int) -> str:
    """One line of at most so many characters that no service takes for more than text."""
    flat = shortened(one_line(text), longest).translate(_LOOK_ALIKES)
    flat = _EDGE_UNDERSCORES.sub(lambda found: "\uff3f" * len(found[0]), flat)
    for pattern, replacement in _TORN:
        flat = pattern.sub(replacement, flat)
    return flat


def shortened(text: str, longest: int) -> str:
    """At most so many characters, the last of them … if something is missing."""
    return text if len(text) <= longest else text[: max(longest - 1, 0)].rstrip() + "…"
