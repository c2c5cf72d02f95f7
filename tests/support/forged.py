"""Times and statuses of another hand, which nobody can reckon with."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.schemas import fields, schema_of
from tests.support.served import status

from governor.api.kinds import RESOURCES
from governor.app.ports import Json

NEVER = ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00")
"""What the CRDs' format `date-time` takes, and UTC does not have."""

ENDS = ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")
"""What it takes, too, and any sum with it may carry past what can be held."""

NO_TIMES = (
    *NEVER,
    "0000-12-31T10:00:00Z",  # as the API server gives the latter back in metadata
    "10000-01-01T11:59:59Z",
    "2026-02-03T04:05:06",  # no zone
    "2026-02-30T04:05:06Z",
    "noon",
    "",
    5,
    None,
)
"""What may stand where a time is expected."""


def places() -> tuple[str, ...]:
    """Every time in a policy's status, such as `checks[].finding.openedAt`."""
    policy = next(each for each in RESOURCES if each.kind == "GovernancePolicy")
    whole = fields(schema_of(policy)["properties"]["status"])
    return tuple(path[1:] for path, field in whole if field.get("format") == "date-time")


def forged(check: str, place: str, time: str) -> Json:
    """A status with all that there can be, of one check; and with that time at that place."""
    made = status()
    made["checks"] = [made["checks"][0] | {"name": check}]
    for entry in made["pending"]:  # one whose id depends on both of its times
        entry |= {"check": check, "transition": "reminder"}
    *parents, name = place.split(".")
    for each in _below(made, parents):
        each[name] = time
    assert time in json.dumps(made)
    return made


def _below(whole: dict[str, Any], path: list[str]) -> Iterator[dict[str, Any]]:
    """The objects at a path, of lists each member."""
    if not path:
        yield whole
        return
    step, *rest = path
    member = whole[step.removesuffix("[]")]
    for each in member if step.endswith("[]") else [member]:
        yield from _below(each, rest)
