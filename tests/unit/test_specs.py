"""What a policy said at a generation, for texts."""

from tests.support.builders import NOON, slo, spec

from governor.adapters.memory.sink import InMemorySink
from governor.api.policy import PolicySpec
from governor.app.ports import Revision
from governor.app.specs import Specs

FIRST, SECOND = spec(slo("first")), spec(slo("second"))


def checks(found: PolicySpec | None) -> list[str]:
    """The names of a spec's checks."""
    assert found is not None
    return [check.name for check in found.checks]


def test_of_earlier_generations_only_the_needed_are_kept() -> None:
    """And they are written down as their author wrote them."""
    specs = Specs("uid", InMemorySink())
    specs.keep(1, FIRST, needed=())
    specs.keep(2, SECOND, needed=(1,))
    assert specs.known == {1: FIRST, 2: SECOND}
    assert checks(specs.at(1)) == ["first"]

    specs.keep(3, SECOND, needed=())

    assert specs.known == {3: SECOND}
    assert specs.at(1) is None


def test_a_spec_is_parsed_once_between_two_rests() -> None:
    """Who tells much asks often; who tells nothing keeps nothing."""
    specs = Specs("uid", InMemorySink())
    specs.keep(1, FIRST, needed=())
    assert not specs.parsed

    found = specs.at(1)
    assert specs.at(1) is found
    assert specs.parsed

    specs.rest()
    assert not specs.parsed
    assert specs.at(1) == found


def test_what_can_not_be_read_counts_as_unknown() -> None:
    """It was written under another schema."""
    specs = Specs("uid", InMemorySink())
    specs.keep(1, {"checks": "none"}, needed=())

    assert specs.at(1) is None


async def test_the_sink_is_asked_for_what_this_process_has_not_seen() -> None:
    """Once; None where it does not know it either."""
    sink = InMemorySink()
    revision = Revision(
        policy_uid="uid",
        generation=1,
        namespace="aiops",
        policy="flywheel",
        spec=FIRST,
        seen_at=NOON,
        field_manager="kubectl",
    )
    await sink.record_revision(revision)
    specs = Specs("uid", sink)

    assert checks(await specs.find(1)) == ["first"]
    assert specs.known == {1: FIRST}
    assert await specs.find(2) is None
