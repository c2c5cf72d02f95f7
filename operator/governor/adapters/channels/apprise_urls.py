"""One Apprise URL of a Secret, checked before anything is sent; no message tells a part of it."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import apprise
from apprise import plugins
from apprise.manager_plugins import NotificationManager
from apprise.plugins.base import NotifyBase
from apprise.utils.parse import parse_urls

import governor.adapters.channels.apprise_logs  # noqa: F401 - before Apprise says anything
from governor.adapters.web.credentials import Secrets, invalid, written
from governor.api.servers import SecretKeyRef
from governor.values.outcomes import FaultError

_KINDS = NotificationManager()
with warnings.catch_warnings():  # Some services still import what Python is about to drop.
    warnings.simplefilter("ignore", DeprecationWarning)
    _KINDS.load_modules()

READ_SECONDS = 10.0
"""How long one wait for a service may take, whatever the URL says."""

_LOCAL = frozenset(
    {
        "blink1",
        "dbus",
        "gio",
        "glib",
        "gnome",
        "kde",
        "macosx",
        "qt",
        "syslog",
        "vapid",  # keeps its keys in files
        "windows",
    }
)
"""Kinds that show, blink or write where the operator runs: nobody would see it there."""

_FILES = frozenset({"keyfile", "pgp", "pgpprv", "pgppub", "subfile", "wkd"})
"""Options that read files, or make them."""

_ASSET = apprise.AppriseAsset(
    app_id="Governor",
    app_desc="Governance of AI agents",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    http_redirects=False,
    pgp_autogen=False,
    pem_autogen=False,
    storage_mode=apprise.PersistentStoreMode.MEMORY,
)


def service(ref: SecretKeyRef, secrets: Secrets) -> NotifyBase:
    """The service that the URL under that key names, with one target.

    Raises:
        FaultError: `SecretInvalid`, naming the Secret, the key and the remedy.
    """

    def refuse(remedy: str) -> FaultError:
        return invalid(ref.name, ref.key, remedy)

    text = written(ref.name, ref.key, secrets).strip()
    if len(text.split()) > 1 or len(parse_urls(text)) > 1 or not text.isprintable():
        raise refuse(
            "must hold exactly one Apprise URL, without spaces and control characters: make a "
            "channel of each"
        )
    parsed: dict[str, Any] | None = _quietly(lambda: plugins.url_to_dict(text))
    if not parsed:
        raise refuse("must hold an Apprise URL, such as tgram://token/chat: it can't be read")
    if parsed["schema"] in _LOCAL:
        raise refuse("names a service of a desktop or of this machine: name one of the network")
    if not _KINDS[parsed["schema"]].enabled:
        raise refuse("names a service that needs a library which the operator does not have")
    if _FILES & set(parsed.get("qsd") or ()):
        raise refuse(f"must not read files: leave out {', '.join(sorted(_FILES))}")
    made = _quietly(
        lambda: apprise.Apprise.instantiate(parsed, asset=_ASSET, suppress_exceptions=False)
    )
    if made is None or made.category != "native":
        raise refuse("lacks a part that its kind of Apprise URL needs, or has a wrong one")
    template = getattr(made, "template", None)
    if isinstance(template, apprise.AppriseAttachment) and len(template) > 0:
        raise refuse("must not read files: leave out template")
    if _targets(made) > 1:
        raise refuse("names several targets: make a channel of each, so that a failure names it")
    return _bounded(made)


def _targets(made: NotifyBase) -> int:
    """How many messages one would become."""
    made.retry = 0  # It counts its own repetitions; ours come with a backoff.
    return len(made) if hasattr(made, "__len__") else 1


def _bounded(made: NotifyBase) -> NotifyBase:
    """Without redirects, and with short waits, also where the URL asks for others."""
    made.redirects = False
    made.socket_read_timeout = _at_most(made.socket_read_timeout)
    made.socket_connect_timeout = _at_most(made.socket_connect_timeout)
    return made


def _at_most(seconds: float | None) -> float:
    return seconds if seconds is not None and 0 < seconds <= READ_SECONDS else READ_SECONDS


_T = TypeVar("_T")


def _quietly(work: Callable[[], _T]) -> _T | None:
    """None if it fails: errors of Apprise quote what it was given."""
    try:
        return work()
    except Exception:  # noqa: BLE001 - plugins raise what they like
        return None
