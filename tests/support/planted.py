"""Unmistakable secrets, and the places where they can be found again, however encoded."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import quote

_BITS, _SIXTH = 8, 6


class Planted:
    """One secret a place, by the name of the place."""

    def __init__(self) -> None:
        self._cores: dict[str, str] = {}

    def secret(self, place: str) -> str:
        """A new secret, with characters that URLs and JSON encode."""
        self._cores[place] = f"planted{secrets.token_hex(12)}"
        return f"{self._cores[place]}/+&%"

    def known(self, place: str, secret: str) -> None:
        """A secret that somebody else made."""
        self._cores[place] = secret

    def found(self, surfaces: Mapping[str, str]) -> list[tuple[str, str]]:
        """Surface and place of every secret that a text holds: as it is, or encoded."""
        return [
            (surface, place)
            for surface, text in surfaces.items()
            for place, core in self._cores.items()
            if any(form in text for form in forms(core))
        ]


def forms(core: str) -> Iterator[str]:
    """A secret's core as it is, percent-encoded, in hex, and in base64 amid anything else."""
    content = core.encode()
    yield from (core, quote(core, safe=""), content.hex())
    yield "".join(f"%{byte:02X}" for byte in content)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + content).decode()
            first = -(-before * _BITS // _SIXTH)
            yield text[first : (before + len(content)) * _BITS // _SIXTH]
