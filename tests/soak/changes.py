"""What users and the platform do meanwhile: each change is whole, or not tried."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from tests.soak.estate import BAD, GOOD, MUTED, NUMBER_LINE, Governed
from tests.soak.faults import API_SERVER, GOVERNED
from tests.soak.world import World
from tests.support.manifests import mute

from governor_local.world import Health


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    Attributes:
        needs: what must be in order for it.
        apply: makes it; False if there is nothing to change now.
    """

    needs: frozenset[str]
    apply: Callable[[World, Random], bool]


def turn(world: World, rng: Random) -> bool:
    """Some dials are turned."""
    dials = [dial for each in world.policies for dial in each.dials]
    for dial in rng.sample(dials, k=min(len(dials), rng.randint(1, 4))):
        dial.turn(rng.choice((GOOD, BAD)))
    return True


def sway(world: World, rng: Random) -> bool:
    """The platform's agents do well, or badly."""
    world.become(Health.BAD if world.agents.health is Health.GOOD else Health.GOOD)
    return True


def drift(world: World, rng: Random) -> bool:
    """Some playbooks drift, and are to be deprecated."""
    first = len(world.drifted)
    new = [f"pb-{first + each:04}" for each in range(rng.randint(1, 3))]
    world.playbooks.add(*new)
    world.drifted += new
    return True


def edit(world: World, rng: Random) -> bool:
    """A spec is edited: a number in it, or how often it is measured."""
    policy = _one(world.living, rng)
    if policy is None:
        return False
    for number in policy.numbers:
        number.value = rng.choice((0, 2 * NUMBER_LINE))
    if not policy.numbers:
        policy.spec["interval"] = rng.choice(("5s", "10s"))
    world.api.change(policy.manifest())
    return True


def delete(world: World, rng: Random) -> bool:
    """A policy is deleted."""
    policy = _one(world.living, rng)
    if policy is None:
        return False
    world.delete(policy)
    return True


def recreate(world: World, rng: Random) -> bool:
    """One that was deleted comes back under its name."""
    policy = _one([each for each in world.policies if not each.uid], rng)
    if policy is None:
        return False
    world.create(policy)
    return True


def mute_one(world: World, rng: Random) -> bool:
    """Somebody mutes a policy for a while, or takes the mute away."""
    policy = _one([each for each in world.living if each.name.startswith(MUTED)], rng)
    if policy is None:
        return False
    path = f"/apis/governance.aiops.dev/v1alpha1/namespaces/{world.namespace}/governancemutes"
    if policy.name in {each["metadata"]["name"] for each in world.api.items(path)}:
        world.api.delete("governancemutes", policy.name, world.namespace)
    else:
        end = datetime.now(UTC) + timedelta(seconds=rng.randint(5, 60))
        world.api.create(mute(policy.name, world.namespace, policy.name, end))
    return True


def wipe(world: World, rng: Random) -> bool:
    """Somebody takes a status away that owes nobody anything.

    What is undelivered when a status is wiped is lost; that is said, and not soaked.
    """
    policy = _one(world.living, rng)
    if policy is None:
        return False
    body = world.api.policy(policy.name, world.namespace)
    return not body.get("status", {}).get("pending") and world.api.wipe_status(body)


def _one(policies: Sequence[Governed], rng: Random) -> Governed | None:
    return rng.choice(policies) if policies else None


_API = frozenset({API_SERVER})
_DATABASE = frozenset({GOVERNED})

Changes = Mapping[str, tuple[int, Change]]
"""By name, with how often each is chosen against the others."""

CHURN: Changes = {
    "spec edited": (2, Change(_API, edit)),
    "policy deleted": (1, Change(_API, delete)),
    "policy created again": (1, Change(_API, recreate)),
}
"""What becomes of a crowd."""

CHANGES: Changes = {
    "dials turned": (8, Change(_DATABASE, turn)),
    "platform swayed": (2, Change(_DATABASE, sway)),
    "playbooks drifted": (2, Change(_DATABASE, drift)),
    "spec edited": (4, Change(_API, edit)),
    "policy deleted": (2, Change(_API, delete)),
    "policy created again": (3, Change(_API, recreate)),
    "mute": (2, Change(_API, mute_one)),
    "status wiped": (1, Change(_API, wipe)),
}
"""What becomes of all kinds of policies."""
