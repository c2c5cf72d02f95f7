"""What breaks, and how it is mended: one thing of a name is broken once at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from tests.soak.world import World, chat_path, events_path
from tests.support.cluster import eventually

from governor_local.operator_process import OperatorProcess
from governor_local.receiver import How
from governor_local.servers import Server

API_SERVER = "kube-apiserver"
GOVERNED = "governed"
_NOT_TAKEN: tuple[How, ...] = (503, 429, "refuse", "hang", "garbage")
"""After none of these answers a channel may give up."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that is out of order."""

    what: str
    """Its name in `World.down`."""
    mend: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        longest: seconds until it is mended, at most.
        inject: breaks something that is not broken yet; None if all such things are.
    """

    longest: float
    inject: Callable[[World, Random], Broken | None]


def _replica(world: World, rng: Random) -> OperatorProcess | None:
    """One that runs, the leader rather than the other."""
    sound = [each for each in world.pair.both if each.name not in world.down and each.running]
    leader = world.leader()
    return rng.choice([*sound, *([leader] * 2 if leader in sound else [])]) if sound else None


def _disturbed(world: World, mend: Callable[[], None]) -> Callable[[], None]:
    which = world.disturbances.begin()

    def mended() -> None:
        mend()
        world.disturbances.end(which)

    return mended


def kill(world: World, rng: Random) -> Broken | None:
    """SIGKILL of a replica."""
    replica = _replica(world, rng)
    if replica is None:
        return None
    mend = _disturbed(world, replica.launch)
    replica.kill()
    return Broken(replica.name, mend)


def sleep(world: World, rng: Random) -> Broken | None:
    """SIGSTOP of a replica, perhaps until its Lease is over."""
    replica = _replica(world, rng)
    if replica is None:
        return None
    mend = _disturbed(world, replica.resume)
    replica.pause()
    return Broken(replica.name, mend)


def roll(world: World, rng: Random) -> Broken | None:
    """A rolling restart: each is stopped in an orderly way, and is ready before the next."""
    if world.down & {each.name for each in world.pair.both} or API_SERVER in world.down:
        return None
    mend = _disturbed(world, lambda: None)
    for replica in world.pair.both:
        replica.restart()
    return Broken("rolling restart", mend)


def _stop(server: Callable[[World], Server]) -> Callable[[World, Random], Broken | None]:
    def inject(world: World, rng: Random) -> Broken | None:
        it = server(world)
        if it.name in world.down:
            return None
        it.stop()
        return Broken(it.name, it.start)

    return inject


def restart_api_server(world: World, rng: Random) -> Broken | None:
    """The API server is killed, and comes back."""
    server = world.stack.control_plane.apiserver
    if server.name in world.down:
        return None

    def start() -> None:
        server.start()
        eventually(world.served)

    mend = _disturbed(world, start)
    server.kill()
    return Broken(server.name, mend)


def hang_api_server(world: World, rng: Random) -> Broken | None:
    """The API server takes connections, and answers nobody."""
    server = world.stack.control_plane.apiserver
    if server.name in world.down:
        return None
    mend = _disturbed(world, server.resume)
    server.pause()
    return Broken(server.name, mend)


def refuse(world: World, rng: Random) -> Broken | None:
    """A channel's receiver does not take what it is told."""
    paths = [chat_path(world.namespace), events_path(world.namespace)]
    path = rng.choice(paths)
    if path in world.down:
        return None
    receiver = world.stack.receiver
    receiver.behave(path, rng.choice(_NOT_TAKEN))
    return Broken(path, lambda: receiver.behave(path, "accept"))


Faults = Mapping[str, Fault]
"""By the name that the summary counts them under."""

KILLS: Faults = {"SIGKILL": Fault(6, kill)}

SURVIVED: Faults = {
    "sink down": Fault(15, _stop(lambda world: world.stack.sink)),
    "Prometheus down": Fault(10, _stop(lambda world: world.stack.prometheus)),
    "governed database down": Fault(10, _stop(lambda world: world.stack.governed)),
    "Alertmanager down": Fault(10, _stop(lambda world: world.stack.alertmanager)),
    "API server restarted": Fault(5, restart_api_server),
    "API server hangs": Fault(12, hang_api_server),
    "receiver refuses": Fault(15, refuse),
}
"""What the operator depends on breaks; its own processes live on."""

FAULTS: Faults = {
    **KILLS,
    "SIGSTOP": Fault(25, sleep),
    "rolling restart": Fault(0, roll),
    **SURVIVED,
}
"""All that break."""
