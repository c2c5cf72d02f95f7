"""What a policy enforces: chosen in the log, done once, and what came of it told truly."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import NOON
from tests.support.remediation import IDS, Platform, drift
from tests.support.world import World

from governor.api.log import Target
from governor.api.status import PolicyStatus
from governor.app.ports import Deprecation, ObjectKey
from governor.domain.surroundings import Mute
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import FaultError, Measurement
from governor.values.reasons import Reason

ENFORCED = {"enforcement": "Enforce"}


class Gated(Platform):
    """A platform whose answers, and whose work, a test holds back."""

    def __init__(self) -> None:
        super().__init__()
        self.may_begin, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_begin.set()
        self.may_answer.set()
        self.begun = 0

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        """As the port says, at the test's pace."""
        self.begun += 1
        await self.may_begin.wait()
        answer = await super().deprecate(namespace, probe, ids, at)
        await self.may_answer.wait()
        return answer


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, whose trust has drifted."""
    async with World() as made:
        drifted = Measurement(value=0.5, lists={"would_deprecate_ids": IDS})
        made.say(built_in=drifted)
        yield made


@pytest.fixture
def platform(world: World, monkeypatch: pytest.MonkeyPatch) -> Gated:
    """The playbooks that are deprecated through the world's sources."""
    made = Gated()
    monkeypatch.setattr(world.around, "deprecate", made.deprecate)
    return made


def drift_check() -> dict[str, Any]:
    """A trustDrift check of every minute."""
    return {"interval": "60s", **drift()}


def chosen(world: World, key: ObjectKey) -> list[list[str]]:
    """The ids that the log, as the API server has it, says are to be deprecated."""
    status = PolicyStatus.model_validate(world.store.peek(key).get("status") or {})
    return [
        json.loads(entry.lists)["ids"]
        for entry in status.pending
        if Target.REMEDIATION in entry.targets
    ]


def runs(world: World) -> list[dict[str, Any]]:
    """What the finding's row says of remediations, without their ids and times."""
    rows = [row for row in world.sink.events.values() if row["event_type"] == "trust_drift"]
    return [
        {name: told for name, told in run.items() if name not in ("id", "at") and told}
        for row in rows
        for run in row["details"]["remediation"].get("runs", ())
    ]


async def told(world: World, key: ObjectKey) -> list[dict[str, Any]]:
    """The same, once there is something, and nothing waits."""
    await world.until(lambda: bool(runs(world)))
    await world.until(lambda: not world.store.peek(key)["status"].get("pending"))
    return runs(world)


async def test_nothing_is_touched_before_the_choice_is_written(
    world: World, platform: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names the ids first; then the platform, then row and Event say what came of it."""
    seen: list[list[list[str]]] = []
    deprecate = platform.deprecate

    async def looking(*args: Any) -> Deprecation:
        seen.append(chosen(world, key))
        return await deprecate(*args)

    monkeypatch.setattr(world.around, "deprecate", looking)
    world.store.fail(*["before"] * 4)
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: sum(world.measurer.calls.values()) > 1)
    assert platform.asked == []
    assert not world.telemetry.statuses[key].checks

    assert await told(world, key) == [{"changed": list(IDS)}]
    assert seen == [[list(IDS)]]
    assert platform.touched == list(IDS)
    assert sorted(world.reasons()) == ["FindingOpened", "Remediated"]


async def test_under_audit_it_is_only_said(world: World, platform: Gated) -> None:
    """Once, when the finding opens."""
    key = world.apply(drift_check())
    await world.settled(key, "Violated")
    world.slot(key)
    await world.until(lambda: world.measurer.calls["built-in"] == 2)
    await world.settled(key, "Violated")

    assert (platform.asked, runs(world)) == ([], [])
    assert sorted(world.reasons()) == ["FindingOpened", "WouldRemediate"]


async def test_killed_before_the_update_the_next_process_does_it(
    world: World, platform: Gated
) -> None:
    """On the same ids, whatever is measured by then."""
    platform.may_begin.clear()
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: platform.begun == 1)
    more = Measurement(value=0.9, lists={"would_deprecate_ids": (*IDS, "pb-4")})
    world.say(built_in=more)
    world.clock.forward(1)
    await world.restart(key)
    platform.may_begin.set()

    assert await told(world, key) == [{"changed": list(IDS)}]
    assert platform.touched == list(IDS)


async def test_killed_after_the_update_nobody_says_who_did_it(
    world: World, platform: Gated
) -> None:
    """Nothing is touched twice; what can't be known is `unconfirmed`."""
    platform.low = {"pb-1", "pb-2"}
    platform.may_answer.clear()
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: platform.touched == ["pb-1", "pb-2"])
    world.clock.forward(1)
    await world.restart(key)
    platform.may_answer.set()

    assert await told(world, key) == [{"unconfirmed": ["pb-1", "pb-2"], "not_changed": ["pb-3"]}]
    assert platform.touched == ["pb-1", "pb-2"]
    assert sorted(world.reasons()) == ["FindingOpened", "Remediated"]


async def test_killed_before_the_outcome_is_written_it_is_unconfirmed(
    world: World, platform: Gated
) -> None:
    """The answer was in, and went with the process."""
    platform.may_answer.clear()
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: platform.touched == list(IDS))
    world.store.fail(*["before"] * 2)
    platform.may_answer.set()
    await world.until(lambda: (Target.REMEDIATION, "delivered") in world.telemetry.deliveries)
    world.clock.forward(1)
    await world.restart(key)

    assert await told(world, key) == [{"unconfirmed": list(IDS)}]
    assert platform.touched == list(IDS)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"enforcement": "Audit"}, "enforcement is Audit"),
        ({**ENFORCED, "suspend": True}, "the policy is suspended"),
    ],
)
async def test_what_is_no_longer_wanted_between_decision_and_execution_is_not_done(
    world: World, platform: Gated, change: dict[str, Any], why: str
) -> None:
    """The source is away when it is decided, and back when the spec has changed."""
    platform.before = [_away()] * 100
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: platform.begun >= 1)
    world.clock.forward(1)
    world.store.change_spec(key, {"checks": [drift_check()], **change})
    platform.before.clear()

    [run] = await told(world, key)
    assert run == {"not_changed": list(IDS), "cancelled": why}
    assert platform.touched == []
    assert world.reasons() == ["FindingOpened"]


@pytest.mark.parametrize("how", ["muted", "withdrawn"])
async def test_muted_or_withdrawn_meanwhile_it_is_cancelled(
    world: World, platform: Gated, how: str
) -> None:
    """Asked immediately before the UPDATE, not when it was decided."""
    platform.before = [_away()] * 100
    key = world.apply(drift_check(), **ENFORCED, mutes="Allowed")
    await world.until(lambda: platform.begun >= 1)
    if how == "muted":
        world.around.standing["aiops", "flywheel"] = (_mute(),)
    else:
        world.around.refused["platform"] = "its access does not include Remediation"
    platform.before.clear()

    [run] = await told(world, key)
    why = "the check is muted" if how == "muted" else "its access does not include Remediation"
    assert run == {"not_changed": list(IDS), "cancelled": why}
    assert platform.touched == []


async def test_no_run_chooses_while_an_earlier_choice_waits(world: World, platform: Gated) -> None:
    """And the next one takes the rest."""
    platform.may_begin.clear()
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: platform.begun == 1)
    for calls in (2, 3):
        world.slot(key)
        await world.until(lambda n=calls: world.measurer.calls["built-in"] == n)
    assert chosen(world, key) == [list(IDS)]

    world.say(built_in=Measurement(value=0.5, lists={"would_deprecate_ids": ("pb-4",)}))
    platform.low.add("pb-4")
    platform.may_begin.set()
    await told(world, key)
    world.slot(key)
    await world.until(lambda: len(runs(world)) == 2)

    assert runs(world) == [{"changed": list(IDS)}, {"changed": ["pb-4"]}]
    assert platform.touched == [*IDS, "pb-4"]


async def test_a_source_that_is_away_delays_neither_row_nor_event(
    world: World, platform: Gated, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, of that policy; and what was chosen is done when it is back."""
    platform.before = [_away()] * 100
    key = world.apply(drift_check(), **ENFORCED)
    await world.until(lambda: world.reasons() == ["FindingOpened"] and len(world.rows()) == 1)
    await world.until(
        lambda: world.telemetry.deliveries.count((Target.REMEDIATION, "retried")) >= 2
    )
    platform.before.clear()
    world.scheduler.policy_tick(key.uid, 60)  # retries ride on ticks

    assert await told(world, key) == [{"changed": list(IDS)}]
    said = [r.__dict__["target"] for r in caplog.records if r.message == "can't deliver now"]
    assert said == ["remediation of aiops/flywheel"]


def _away() -> FaultError:
    return FaultError(Reason.UNREACHABLE, "connection refused")


def _mute() -> Mute:
    return Mute(
        uid="mute-1",
        name="quiet",
        checks=("drift",),
        reason="a migration",
        owner="sre",
        expires_at=NOON + timedelta(hours=1),
    )
