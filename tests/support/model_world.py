"""A cluster, a sink and channels for one policy, which outlive every operator; and its model.

Every version of the policy is kept with the model of it, so that whoever decides on a version,
however old, is compared with what should be decided on it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.support.around import ScriptedAround
from tests.support.effects import Fuse, FusedEvents, FusedSink, FusedStore, offering
from tests.support.findings_model import Model, Place
from tests.support.promises import open_findings
from tests.support.wishes import Around, Wish
from tests.support.world import HandClock

from governor.adapters.memory.authority import InMemoryAuthority
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.log import Transition
from governor.api.status import PolicyStatus
from governor.app.ports import Json, ObjectKey
from governor.app.services import Services
from governor.app.subjects import Subject
from governor.domain import log
from governor.domain.notices import Notice
from governor.domain.surroundings import ChannelKind, Mute
from governor.errors import DeliveryError

CHANNELS = {"chat": ChannelKind.CHAT, "pager": ChannelKind.EVENTS}


class ModelWorld:
    """Everything that is not an operator."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.store = FusedStore(self.fuse)
        self.sink = FusedSink(self.fuse)
        self.events = FusedEvents(self.fuse)
        self.clock = HandClock()
        self.around = ScriptedAround()
        self.heard: dict[str, Counter[UUID]] = {name: Counter() for name in CHANNELS}
        """How often each channel was told each transition."""
        self.told: dict[str, set[UUID]] = {name: set() for name in CHANNELS}
        """The openings and ends among them, of the present policy."""
        self.begun: set[tuple[str, UUID]] = set()
        """Which channel has heard which finding's opening."""
        self.broken: list[str] = []
        """Promises that were broken where a lane would only have tried again."""
        self.over: set[tuple[str, UUID]] = set()
        """And which one's end."""
        for name, kind in CHANNELS.items():
            self.around.channel(name, kind)
        self._offer = self.around.offer
        self.around.offer = offering(self.fuse, self._hear)  # type: ignore[method-assign]
        self.models: dict[str, Model] = {}
        """By resourceVersion."""
        self.writing: tuple[Model, PolicyStatus] = Model(), PolicyStatus()
        """What the next write makes of the policy, if it succeeds."""
        self.ids: dict[tuple[Place, int], UUID] = {}
        """The id under which a finding is known."""
        self.torn = False
        """Whether somebody has written into a status: what was not told yet may be lost."""
        self.tight = False
        """Whether the log was ever so full that some of it may have been let go."""
        self.store.on_stored = self._stored
        self.wish = Wish()
        self.key = self.create()

    def services(self, epoch: int) -> Services:
        """What an operator works with in that term."""
        return Services(
            store=self.store,
            sink=self.sink,
            events=self.events,
            measurer=None,  # type: ignore[arg-type] - measurements are given
            telemetry=InMemoryTelemetry(),
            clock=self.clock,
            around=self.around.around(),
            authority=InMemoryAuthority(epoch),
        )

    def create(self) -> ObjectKey:
        """The policy is created, again perhaps: it is another one then."""
        self.writing = Model(), PolicyStatus()
        self.ids.clear()
        for told in self.told.values():
            told.clear()
        self.torn = self.tight = False
        meta = self.store.create("aiops", "flywheel", self.wish.spec)["metadata"]
        self.key = ObjectKey(uid=meta["uid"], namespace=meta["namespace"], name=meta["name"])
        return self.key

    def edit(self, **changes: Any) -> None:
        """The author changes the spec."""
        self.writing = self.model, self.status
        self.wish = replace(self.wish, **changes)
        self.store.change_spec(self.key, self.wish.spec)

    def scribble(self, status: Json, model: Model) -> None:
        """Somebody who may writes into the status; the model is what is left to know."""
        self.torn = True
        self.writing = model, PolicyStatus.model_validate(status)
        body = self.store._find(self.key)
        body["status"] = dict(status)
        self.store._stored(body)

    @property
    def body(self) -> Json:
        """The policy as it is."""
        return self.store.peek(self.key)

    @property
    def status(self) -> PolicyStatus:
        """Its status."""
        return Subject(self.body).status()

    @property
    def model(self) -> Model:
        """What should be known of the policy as it is."""
        return self.models[self.body["metadata"]["resourceVersion"]]

    @property
    def standing(self) -> tuple[Mute, ...]:
        """The mutes that there are, ended or not."""
        return self.around.standing.get(("aiops", "flywheel"), ())

    def mute(self, checks: Sequence[str], minutes: int) -> None:
        """Somebody creates a mute."""
        now = self.clock.now()
        new = Mute(
            uid=f"uid-of-{now.timestamp()}",
            name=f"mute-{now.timestamp()}",
            checks=tuple(checks),
            reason="a migration",
            owner="sre",
            expires_at=now + timedelta(minutes=minutes),
        )
        self.around.standing["aiops", "flywheel"] = (*self.standing, new)

    def move_mutes(self, minutes: int) -> None:
        """Somebody moves the ends of all mutes; one that was over is in force again."""
        ends = self.clock.now() + timedelta(minutes=minutes)
        moved = tuple(replace(mute, expires_at=ends) for mute in self.standing)
        self.around.standing["aiops", "flywheel"] = moved

    def unmute(self) -> None:
        """Somebody deletes all mutes."""
        self.around.standing.clear()

    def surroundings(self) -> Around:
        """As the model knows them."""
        now = self.clock.now()
        return Around(
            mutes=tuple((mute.uid, mute.checks) for mute in self.standing if now < mute.expires_at),
            usable=frozenset(name for name in CHANNELS if name in self.around.views),
        )

    def rows(self) -> list[dict[str, Any]]:
        """The sink's rows of the policy."""
        return [row for row in self.sink.events.values() if row["policy_uid"] == self.key.uid]

    def open_rows(self) -> dict[Place, UUID]:
        """Those that are open. The sink holds one a place."""
        rows = [row for row in self.rows() if not row["resolved"]]
        places = {(row["check_name"], row["event_type"]): row["id"] for row in rows}
        assert len(places) == len(rows)
        return places

    async def _hear(self, channel: str, key: ObjectKey, notices: Sequence[Notice]) -> list[UUID]:
        if channel not in self.around.views:
            raise DeliveryError("planted: there is no such channel")
        ids = list(await self._offer(channel, key, notices))
        for notice in notices:
            if notice.id in ids:
                self._note(channel, notice)
        return ids

    def _note(self, channel: str, notice: Notice) -> None:
        """Notes what was heard, and what should never be.

        After a status was wiped, nobody knows who had heard of what.
        """
        first = not self.heard[channel][notice.id]
        self.heard[channel][notice.id] += 1
        line, transition = (channel, notice.finding), notice.transition
        if transition is Transition.OPEN:
            if first and line in self.over:
                self.broken.append(f"{channel} heard an opening after its end")
            self.begun.add(line)
        elif line not in self.begun and not self.torn:
            self.broken.append(f"{channel} heard a {transition} before its opening")
        if transition is Transition.RESOLVE:
            self.over.add(line)
        elif transition is Transition.REMINDER and first and line in self.over:
            self.broken.append(f"{channel} heard a reminder after the end")
        if transition is not Transition.REMINDER:
            self.told[channel].add(notice.id)

    def _stored(self, version: str) -> None:
        model, status = self.writing
        self.models[version] = model
        for place, finding in open_findings(status).items():
            number = model.open.get(place)
            if number is None:
                continue  # as somebody has scribbled
            known = self.ids.setdefault((place, number), finding.id)
            assert known == finding.id or self.torn, f"{place} has two ids"
            self.ids[place, number] = finding.id
        size = sum(log.size(entry) + 1 for entry in status.pending)
        self.tight = self.tight or size > log.LIMIT_BYTES // 2
