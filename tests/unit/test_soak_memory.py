"""The soak sees memory that grows, process by process, and is not misled by a warm-up."""

from collections.abc import Callable, Sequence

import pytest
from tests.soak.memory import LONG_ENOUGH, Sample, trend

TEN_MINUTES = 600


def life(mib: Callable[[int], float], seconds: int = TEN_MINUTES, led: int = 0) -> list[Sample]:
    """A sample a second; the process leads from that second on."""
    return [Sample(at=1000.0 + t, mib=mib(t), leads=t >= led) for t in range(seconds + 1)]


def level(samples: Sequence[Sample]) -> bool:
    found = trend(samples)
    assert found is not None
    return found.level


LEVEL: dict[str, list[Sample]] = {
    "flat": life(lambda _: 150),
    "warms up": life(lambda t: 80 + min(t, 190) * 0.5),
    "swings": life(lambda t: 150 + 20 * (t % 10 < 4)),
    "peaks now and then": life(lambda t: 220 if t % 100 < 10 else 150),
    "shrinks": life(lambda t: 200 - t / 10),
    "grows by a fiftieth": life(lambda t: 150 + 3 * t / TEN_MINUTES),
    "a standby that comes to lead late": life(lambda t: 90 if t < 400 else 150, led=400),
}

GROWING: dict[str, list[Sample]] = {
    "by 6 MiB a minute": life(lambda t: 100 + t / 10),
    "while it swings": life(lambda t: 100 + t / 10 + 20 * (t % 10 < 5)),
    "at once, and keeps it": life(lambda t: 100 if t < 350 else 120),
    "without ever leading": life(lambda t: 100 + t / 10, led=TEN_MINUTES + 1),
    "and ends the leadership meanwhile": [
        Sample(at=each.at, mib=each.mib, leads=100 < number < 300)
        for number, each in enumerate(life(lambda t: 100 + t / 10))
    ],
}


@pytest.mark.parametrize("how", LEVEL)
def test_memory_is_level(how: str) -> None:
    """Whatever comes and goes."""
    assert level(LEVEL[how])


@pytest.mark.parametrize("how", GROWING)
def test_memory_that_grows_is_seen(how: str) -> None:
    """Also through noise."""
    assert not level(GROWING[how])


def test_what_is_said_of_it() -> None:
    """Medians of the second and the last third."""
    found = trend(life(lambda t: 100 + t // 200 * 10))

    assert str(found) == "110.0 to 120.0 MiB within 10.0 min"


def test_a_short_life_says_nothing() -> None:
    """Nor one that came to lead only lately, nor one that was stopped for most of the time."""
    short = int(LONG_ENOUGH) - 1
    stopped = life(lambda t: 100 + t)

    assert trend([]) is None
    assert trend(life(lambda t: 100 + t, short)) is None
    assert trend(life(lambda t: 100 + t, led=TEN_MINUTES - short)) is None
    assert trend([*stopped[:250], *stopped[-2:]]) is None
    assert trend(life(lambda t: 100 + t, short), long_enough=short) is not None
