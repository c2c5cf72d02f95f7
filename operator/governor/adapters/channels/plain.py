"""Texts that users wrote, made harmless for chats: they say what they say, and do nothing.

Some services read plain text as markdown or HTML, whatever they are told. So nothing that
starts a mention, a tag, a link or an emphasis is left as it was; look-alikes are put where
a reader won't mind, a zero-width space where the character itself matters.
"""

import re

from governor.values.lines import flat

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


def plain(text: str, longest: int) -> str:
    """One line of at most so many characters that no service takes for more than text."""
    line = shortened(flat(text), longest).translate(_LOOK_ALIKES)
    line = _EDGE_UNDERSCORES.sub(lambda found: "\uff3f" * len(found[0]), line)
    for pattern, replacement in _TORN:
        line = pattern.sub(replacement, line)
    return line


def shortened(text: str, longest: int) -> str:
    """At most so many characters, the last of them … if something is missing."""
    return text if len(text) <= longest else text[: max(longest - 1, 0)].rstrip() + "…"
