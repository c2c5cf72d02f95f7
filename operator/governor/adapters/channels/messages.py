"""What people are told: a title, lines, and a command that shows more.

One template a message, all of them for chats and mailboxes; what users wrote is made
harmless before a template sees it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from governor.adapters.channels.plain import plain, shortened
from governor.api.log import Transition
from governor.domain.governance import SELF_FAILURE
from governor.domain.judging import number
from governor.domain.notices import Notice
from governor.values.lines import flat

TITLE = 150
"""Characters. Phones show the beginning of it, and often nothing else."""

_NAME = 253
_TEXT = 500
_ITEM = 160
"""Characters of a finding's message within a digest."""

_SEVERITIES = ("critical", "warning", "info")

_STATES = {
    Transition.OPEN: "opened",
    Transition.REMINDER: "still open",
    Transition.RESOLVE: "resolved",
}

_ENDS = {
    "Recovered": "it recovered",
    "CheckRemoved": "its check was removed",
    "PolicyDeleted": "the policy was deleted",
    "Superseded": "it goes on under another id",
}

_GONE = "PolicyDeleted"

# Plain text, no HTML: what users wrote is made harmless by `plain`, for every service.
_TEMPLATES = Environment(  # noqa: S701
    loader=PackageLoader("governor.adapters.channels"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to people; a service with little room may leave out lines."""

    title: str
    lines: tuple[str, ...]
    command: str
    """The last line: how to see more."""
    severity: str
    """The gravest of what it tells."""
    resolved: bool
    """Whether it tells of nothing that is open."""

    @property
    def body(self) -> str:
        """All lines, the command last."""
        return "\n".join((*self.lines, self.command))


def message(notices: Sequence[Notice]) -> Message:
    """One message of one notice, or of several.

    Self failures that share a source and a transition are one matter: the source's.
    """
    matters = _matters(notices)
    first = matters[0][0]
    if len(matters) > 1:
        said = _digest(matters, notices)
    elif len(notices) > 1:
        said = _rendered("source", notices=_views(notices), source=plain(first.source or "", _NAME))
    else:
        said = _rendered("notice", **_view(first))
    title, _, rest = said.partition("\n")
    *lines, command = rest.strip("\n").split("\n")
    return Message(
        title=shortened(title, TITLE),
        lines=tuple(lines),
        command=command,
        severity=_gravest(notices),
        resolved=_all_resolved(notices),
    )


def _digest(matters: Sequence[Sequence[Notice]], notices: Sequence[Notice]) -> str:
    counts = Counter(_STATES[it.transition] for it in notices)
    namespaces = {flat(it.namespace) for it in notices}
    return _rendered(
        "digest",
        severity=_gravest(notices),
        resolved=_all_resolved(notices),
        total=len(notices),
        counts=[(counts[state], state) for state in _STATES.values() if counts[state]],
        parts=[
            (state, [_item(matter) for matter in group])
            for state, group in groupby(matters, key=lambda matter: _STATES[matter[0].transition])
        ],
        namespace=namespaces.pop() if len(namespaces) == 1 else None,
    )


def _matters(notices: Sequence[Notice]) -> list[list[Notice]]:
    """What belongs together, in the order of telling: opened before resolved, gravest first."""
    matters: dict[tuple[str, ...], list[Notice]] = {}
    for it in notices:
        shared = it.event_type == SELF_FAILURE and it.source
        key = ("source", it.source or "", it.transition) if shared else ("one", str(it.id))
        matters.setdefault(key, []).append(it)
    states = list(_STATES)
    return sorted(
        matters.values(),
        key=lambda matter: (states.index(matter[0].transition), _rank(_gravest(matter))),
    )


def _item(matter: Sequence[Notice]) -> dict[str, Any]:
    """One line of a digest."""
    view = _view(matter[0])
    return {
        "severity": _gravest(matter),
        "of": view["of"],
        "what": plain(matter[0].message, _ITEM),
        "source": view["source"] if len(matter) > 1 else None,
        "policies": [_view(it)["policy"] for it in matter],
    }


def _views(notices: Iterable[Notice]) -> list[Mapping[str, Any]]:
    return [_view(it) for it in notices]


def _view(notice: Notice) -> Mapping[str, Any]:
    """A notice as templates may show it: no text of it can do anything."""
    policy = plain(f"{notice.namespace}/{notice.policy}", 2 * _NAME)
    check = plain(notice.check, _NAME)
    ended = plain(notice.resolved_reason or "", _NAME)
    gone = f"kubectl get governancepolicies -n {notice.namespace}"
    return {
        "state": _STATES[notice.transition],
        "severity": plain(notice.severity, _NAME),
        "of": f"{policy} {check}" if check else policy,
        "policy": policy,
        "check": check,
        "cluster": plain(notice.cluster, _NAME),
        "what": plain(notice.message, _TEXT),
        "lines": _lines(notice),
        "since": _moment(notice.since),
        "at": _moment(notice.at),
        "lasting": _lasting(notice.at - notice.since),
        "ended": _ENDS.get(ended, ended),
        "hint": plain(notice.hint, _TEXT),
        "next_action": plain(notice.next_action, _NAME),
        "steps": [plain(step, _TEXT) for step in notice.steps],
        "owner": plain(notice.human_owner, _NAME),
        "agent": plain(notice.lead_agent or "", _NAME),
        "source": plain(notice.source or "", _NAME),
        "event_type": plain(notice.event_type, _NAME),
        "finding": str(notice.finding),
        "command": flat(gone if notice.resolved_reason == _GONE else notice.command),
    }


def _lines(notice: Notice) -> str:
    """The value against its lines; empty where there are none."""
    if notice.value is None or notice.red_line is None:
        return ""
    target = "" if notice.target is None else f", target {number(notice.target)}"
    side = f"; {notice.direction.lower()} is good" if notice.direction else ""
    return f"{number(notice.value)}, red line {number(notice.red_line)}{target}{side}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _lasting(time: timedelta) -> str:
    """A duration in its two largest units."""
    minutes = int(time.total_seconds() // 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    shown = [f"{count} {unit}" for count, unit in parts if count > 0][:2]
    return " ".join(shown) or "less than a minute"


def _gravest(notices: Iterable[Notice]) -> str:
    """Of findings that are open, if there are any: what has ended is grave no more."""
    told = list(notices)
    unresolved = [it for it in told if it.transition is not Transition.RESOLVE]
    return min((it.severity for it in unresolved or told), key=_rank)


def _all_resolved(notices: Iterable[Notice]) -> bool:
    return all(it.transition is Transition.RESOLVE for it in notices)


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _rendered(name: str, **context: Any) -> str:
    return _TEMPLATES.get_template(f"chat_{name}.txt").render(context)
