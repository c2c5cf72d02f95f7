"""How hosts are written."""

from urllib.parse import urlsplit


def host_of(url: str) -> str:
    """The host of a url, and its port if it says one: never its path, which may be a secret."""
    parts = urlsplit(url)
    host = parts.hostname or "?"
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port is None else f"{shown}:{parts.port}"
