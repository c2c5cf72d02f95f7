"""Judges what was told by what the statuses said: nothing lost, nothing twice, nothing wrong.

It shares no code with the operator: ids are derived here once more, as the protocol has it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from tests.soak.estate import ALERTS, CHAT, EVENTS, MUTED
from tests.soak.evidence import CloudEvent, Evidence, Message, Row
from tests.soak.history import Finding, History, Place, Promise

MOST_BYTES = 64 * 1024
_ALERT_ROUND = timedelta(seconds=90)
"""Within this time Alertmanager is told what fires; generously."""
_COPIED = timedelta(seconds=90)
"""What is yet to be told for so long is kept where no deletion reaches it; generously."""
_SEEN, _KEPT = timedelta(seconds=5), timedelta(seconds=15)
"""A deletion is noted so soon, and what is left is kept so soon; generously."""
_ID_DIGITS = 16
"""Of a transition's id in an Event's name."""
_ONCE = ("open", "resolve")

Kind = Literal["lost", "double", "wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A promise that was not kept."""

    kind: Kind
    what: str
    policy: str
    """Its name, by which the operator's log can be searched."""
    uid: str = ""
    since: datetime | None = None
    """When it was decided what is lost, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the soak did, as far as a promise depends on it."""

    disturbed: Callable[[datetime, datetime], int]
    """How many times the operator was killed, stopped or cut off within such a time."""


@dataclass(slots=True)
class Judgement:
    """What one look at the evidence comes to."""

    flaws: list[Flaw] = field(default_factory=list)
    excused: int = 0
    """Losses that are stated: of policies that were deleted while nobody led."""


def judge(history: History, evidence: Evidence, circumstances: Circumstances) -> Judgement:
    """All that can be said at a quiet point."""
    case = _Case(history, evidence, circumstances)
    judgement = Judgement()
    for flaw in case.flaws():
        if flaw.kind == "lost" and case.excused(flaw):
            judgement.excused += 1
        else:
            judgement.flaws.append(flaw)
    return judgement


class _Case:
    def __init__(self, history: History, evidence: Evidence, circumstances: Circumstances) -> None:
        self._history = history
        self._evidence = evidence
        self._circumstances = circumstances
        self._names = {body["metadata"]["name"] for body in history.living.values()}
        self._rows: defaultdict[Place, list[Row]] = defaultdict(list)
        for row in sorted(evidence.rows, key=lambda row: row.opened_at):
            self._rows[row.place].append(row)
        self._absent = self._absent_findings()

    def flaws(self) -> Iterator[Flaw]:
        """Each promise in turn."""
        yield from self._missing_rows()
        yield from self._wrong_rows()
        yield from self._events()
        yield from self._cloud_events()
        yield from self._messages()
        yield from self._items()
        yield from self._alerts()
        yield from self._leftovers()

    def excused(self, flaw: Flaw) -> bool:
        """Whether its policy was deleted while nobody led, and it was news (rule 20)."""
        gone = self._history.gone.get(flaw.uid)
        if gone is None or flaw.since is None or gone.at - flaw.since > _COPIED:
            return False
        return self._circumstances.disturbed(gone.at - _SEEN, gone.at + _KEPT) > 0

    def _absent_findings(self) -> dict[str, Finding]:
        """Those that the table need not have: folded into another row, or known by its id."""
        ids = {row.id for row in self._evidence.rows}
        room = Counter(
            {place: sum(row.folded for row in rows) for place, rows in self._rows.items()}
        )
        absent = {}
        for finding in self._history.findings.values():
            if finding.id in ids:
                continue
            if room.get(finding.place, 0) > 0:
                room[finding.place] -= 1
                absent[finding.id] = finding
            elif finding.uid in self._history.wiped and self._covered(finding):
                absent[finding.id] = finding
        return absent

    def _covered(self, finding: Finding) -> bool:
        """Whether the finding before it was still open, which somebody's wipe had hidden."""
        return any(
            row.opened_at <= finding.opened_at
            and (row.resolved_at is None or row.resolved_at >= finding.opened_at)
            for row in self._rows[finding.place]
        )

    def _missing_rows(self) -> Iterator[Flaw]:
        ids = {row.id for row in self._evidence.rows}
        for finding in self._history.findings.values():
            if finding.id not in ids and finding.id not in self._absent:
                yield _flaw("lost", "has no row", finding, new=True)

    def _wrong_rows(self) -> Iterator[Flaw]:
        open_now = self._history.open_now()
        for rows in self._rows.values():
            for number, row in enumerate(rows):
                finding = self._history.findings.get(row.id)
                if finding is None:
                    what = f"row {row.id} of {row.place} is of no finding that a status had"
                    yield Flaw(kind="double", what=what, policy="")
                elif row.id in open_now and row.resolved_at is not None:
                    yield _flaw("wrong", "is open, its row is resolved", finding)
                elif row.id not in open_now and row.resolved_at is None:
                    yield _flaw("lost", "has ended, its row is open", finding)
                elif (
                    number + 1 < len(rows)
                    and row.resolved_at
                    and row.resolved_at > rows[number + 1].opened_at
                ):
                    yield _flaw("double", f"overlaps row {rows[number + 1].id}", finding)

    def _events(self) -> Iterator[Flaw]:
        told = set(self._evidence.events)
        for promise in self._promises("event".__eq__):
            if _digits(promise.id) not in told:
                yield _broken("has no Event", promise)
        known = {_digits(each) for each in self._known_ids()}
        for digits in told - known:
            what = f"an Event tells of transition {digits}…, which no status has had"
            yield Flaw(kind="double", what=what, policy="")

    def _cloud_events(self) -> Iterator[Flaw]:
        first: dict[str, CloudEvent] = {}
        opened: set[str] = set()
        known = self._known_ids()
        for event in self._evidence.cloud_events:
            finding = self._history.findings.get(event.finding)
            policy = finding.policy if finding else ""
            said = first.setdefault(event.id, event)
            # Its texts may be others after a crash: they are those of the spec that is known then.
            if (said.word, said.finding) != (event.word, event.finding):
                what = f"CloudEvent {event.id} came again of something else"
                yield Flaw(kind="double", what=what, policy=policy)
            if event.id not in known:
                what = f"CloudEvent {event.id} tells of what no status has had"
                yield Flaw(kind="double", what=what, policy=policy)
            if event.word == "opened":
                opened.add(event.finding)
            elif event.finding not in opened:
                what = f"CloudEvent {event.id}: {event.word} before it was opened"
                yield Flaw(kind="wrong", what=what, policy=policy)
        for promise in self._promises(_channel(EVENTS)):
            if promise.id not in first and self._audible(promise):
                yield _broken("has no CloudEvent", promise)

    def _messages(self) -> Iterator[Flaw]:
        heard: defaultdict[tuple[str, str], list[Message]] = defaultdict(list)
        for message in self._evidence.messages:
            if message.finding:
                word = "resolve" if message.title.startswith("[resolved]") else "open"
                heard[message.finding, word].append(message)
        for (id_, word), messages in heard.items():
            finding = self._history.findings.get(id_)
            reminders = self._reminders(id_) if word == "open" else 0
            crashes = self._circumstances.disturbed(
                messages[0].at - timedelta(seconds=60), messages[-1].at
            )
            if finding is None:
                what = f"the chat was told of finding {id_}, which no status has had"
                yield Flaw(kind="double", what=what, policy="")
            elif len(messages) - 1 - reminders > crashes:
                what = f"the chat heard {len(messages)} times: {word}; {crashes} crashes"
                yield _flaw("double", what, finding)
        untold = [
            promise
            for promise in self._promises(_channel(CHAT))
            if promise.transition in _ONCE
            and (promise.finding, promise.transition) not in heard
            and self._audible(promise)
        ]
        flaws = [_broken("was not told to the chat", promise) for promise in untold]
        yield from filter(self.excused, flaws)
        # A digest does not say which ones it tells of, but how many.
        told = sum(message.several for message in self._evidence.messages)
        yield from [flaw for flaw in flaws if not self.excused(flaw)][told:]

    def _reminders(self, finding: str) -> int:
        promises = self._history.promises.values()
        return sum(p.finding == finding and p.transition == "reminder" for p in promises)

    def _items(self) -> Iterator[Flaw]:
        counts = Counter(item.finding for item in self._evidence.items if item.active)
        for id_ in {item.finding for item in self._evidence.items}:
            finding = self._history.findings.get(id_)
            if finding is None:
                what = f"a work item is for finding {id_}, which no status has had"
                yield Flaw(kind="double", what=what, policy="")
            elif counts[id_] > 1:
                yield _flaw("double", f"has {counts[id_]} work items under way", finding)
        made = {item.finding for item in self._evidence.items}
        for promise in self._promises("dispatch".__eq__):
            if promise.transition == "open" and promise.finding not in made:
                yield _broken("has no work item", promise)

    def _alerts(self) -> Iterator[Flaw]:
        open_now = self._history.open_now()
        fire = {alert.finding for alert in self._evidence.alerts}
        for alert in self._evidence.alerts:
            still_told = self._evidence.at - alert.heard_at < _ALERT_ROUND
            if (
                alert.finding not in open_now
                and still_told
                and not self._ended_lately(alert.finding)
            ):
                what = f"an alert fires for finding {alert.finding}, which has ended"
                yield Flaw(kind="wrong", what=what, policy=alert.policy)
        told = {
            p.finding
            for p in self._promises(_channel(EVENTS))
            if p.transition == "open"
            and self._evidence.at - p.decided_at > _ALERT_ROUND
            and self._audible(p)
        }
        for id_ in (told & open_now) - fire:
            yield _flaw("lost", f"does not fire at {ALERTS}", self._history.findings[id_])

    def _ended_lately(self, finding: str) -> bool:
        """Its end may not have come to Alertmanager yet."""
        end = str(uuid5(UUID(finding), "resolve"))
        promise = self._history.promises.get(end)
        at = promise.decided_at if promise else None
        known = self._history.findings.get(finding)
        gone = self._history.gone.get(known.uid) if known else None
        times = [time for time in (at, gone.at if gone else None) if time]
        return any(self._evidence.at - time < _ALERT_ROUND for time in times)

    def _leftovers(self) -> Iterator[Flaw]:
        for name in self._evidence.series - self._names:
            yield Flaw(kind="wrong", what="has series, and is no more", policy=name)
        for name in self._names - self._evidence.series:
            yield Flaw(kind="wrong", what="has no series", policy=name)
        for uid in self._evidence.orphans:
            name = self._history.gone[uid].name
            yield Flaw(kind="wrong", what=f"is no more; ConfigMap orphan-{uid} is", policy=name)
        if self._history.largest > MOST_BYTES:
            what = f"a policy had {self._history.largest} bytes"
            yield Flaw(kind="wrong", what=what, policy="")

    def _promises(self, is_meant: Callable[[str], bool]) -> Iterator[Promise]:
        """Those to some target that must have been kept by now."""
        for promise in self._history.promises.values():
            if any(map(is_meant, promise.targets)) and promise.finding not in self._absent:
                yield promise

    def _audible(self, promise: Promise) -> bool:
        """Whether nothing may have silenced it meanwhile: a mute does, also late."""
        return not promise.policy.startswith(MUTED)

    def _known_ids(self) -> Collection[str]:
        """Of all transitions that there can have been."""
        ends = {str(uuid5(UUID(id_), word)) for id_ in self._history.findings for word in _ONCE}
        return ends | self._history.promises.keys()


def _channel(kind: str) -> Callable[[str], bool]:
    return lambda target: target.startswith("channel/") and target.endswith(f"-{kind}")


def _flaw(kind: Kind, what: str, finding: Finding, *, new: bool = False) -> Flaw:
    where = f"{finding.check or 'the policy'}, {finding.event_type}, finding {finding.id}"
    since = f"open since {finding.opened_at.isoformat(timespec='seconds')}"
    return Flaw(
        kind=kind,
        what=f"{where}, {since}: {what}",
        policy=finding.policy,
        uid=finding.uid,
        since=finding.opened_at if new else None,
    )


def _broken(what: str, promise: Promise) -> Flaw:
    at = promise.decided_at.isoformat(timespec="seconds")
    said = f"{promise.check or 'the policy'}, {promise.transition} of finding {promise.finding}"
    return Flaw(
        kind="lost",
        what=f"{said}, decided {at}: {what}",
        policy=promise.policy,
        uid=promise.uid,
        since=promise.decided_at,
    )


def _digits(id_: str) -> str:
    return UUID(id_).hex[:_ID_DIGITS]


def counted(flaws: Collection[Flaw]) -> Mapping[Kind, int]:
    """How many there are of each kind."""
    found = Counter(flaw.kind for flaw in flaws)
    return {kind: found[kind] for kind in ("lost", "double", "wrong")}
