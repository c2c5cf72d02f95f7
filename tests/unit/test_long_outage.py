"""Half an hour without the sink, while 500 findings open and end: the table is as without it.

The sink is the double that obeys the sink's contract; the clock is the test's. How a real one
fails, and that it has the same rows then: tests/integration/test_sink_outages.py.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.support.builders import slo, spec
from tests.support.world import World

from governor.api.status import PolicyStatus
from governor.app.ports import ObjectKey

pytestmark = pytest.mark.no_cover  # it is long

MINUTES = 30
SELDOM_EVERY = 6
"""Minutes; what flaps as seldom as that stays below the bound of the log."""
FLAPPING, SELDOM = 34, 6
"""Policies of each kind."""
EPISODES = {"flaps": MINUTES // 2, "seldom": MINUTES // SELDOM_EVERY}
FINDINGS = FLAPPING * EPISODES["flaps"] + SELDOM * EPISODES["seldom"]
MOST_BYTES = 64 * 1024

Row = Mapping[str, Any]


async def half_an_hour(*, down: bool) -> tuple[Mapping[str, Sequence[Row]], int]:
    """The rows of each policy, oldest first, and the size of the largest status ever."""
    largest = 0
    async with World() as world:
        keys: dict[ObjectKey, str] = {}
        for check, count in (("flaps", FLAPPING), ("seldom", SELDOM)):
            for number in range(count):
                body = world.store.create("aiops", f"{check}-{number:02}", spec(slo(check)))
                keys[ObjectKey.of(body)] = check
                world.scheduler.policy_seen(body)
        for key in keys:
            await world.settled(key, "Ok")
        world.sink.down = "stopped" if down else None
        for minute in range(MINUTES):
            bad = {"flaps": minute % 2 == 0, "seldom": minute % SELDOM_EVERY < 2}
            world.say(**{check: "violated" if now else "ok" for check, now in bad.items()})
            world.clock.forward(60)
            for key in keys:
                world.scheduler.policy_tick(key.uid, 60)
            for key, check in keys.items():
                verdict = "Violated" if bad[check] else "Ok"
                await world.settled(key, verdict, told=not down)
                status = world.store.peek(key)["status"]
                largest = max(largest, len(json.dumps(status, separators=(",", ":"))))
        world.sink.down = None
        for key in keys:
            world.scheduler.policy_tick(key.uid, 60)
        for key in keys:
            await world.settled(key, "Ok")
            assert PolicyStatus.model_validate(world.store.peek(key)["status"]).pending == ()
        rows = defaultdict(list)
        for row in sorted(world.sink.events.values(), key=lambda row: row["opened_at"]):
            rows[row["policy"]].append(row)
        return rows, largest


def span(row: Row) -> tuple[object, object, object]:
    return row["opened_at"], row["resolved_at"], row["resolved_reason"]


async def test_the_table_is_that_of_half_an_hour_without_an_outage() -> None:
    """Episode for episode below the log's bound; above it, rows count what they stand for."""
    assert FINDINGS >= 500
    undisturbed, _ = await half_an_hour(down=False)
    disturbed, largest = await half_an_hour(down=True)

    assert largest <= MOST_BYTES
    assert disturbed.keys() == undisturbed.keys()
    for policy, rows in disturbed.items():
        wanted = undisturbed[policy]
        episodes = EPISODES[policy.split("-")[0]]
        assert len(wanted) == episodes
        assert all(row["resolved"] for row in rows)
        assert sum(1 + row["folded"] for row in rows) == episodes
        whole = {span(row) for row in rows if not row["folded"]}
        assert whole <= set(map(span, wanted))
        # What was folded began with the first of them and ended with the last.
        assert min(row["opened_at"] for row in rows) == wanted[0]["opened_at"]
        assert max(row["resolved_at"] for row in rows) == wanted[-1]["resolved_at"]
    folded = {
        policy.split("-")[0]
        for policy, rows in disturbed.items()
        if len(rows) < len(undisturbed[policy])
    }
    assert folded == {"flaps"}
