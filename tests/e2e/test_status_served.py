"""A policy's status as a real API server keeps it: every field, within its size."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import TypeAdapter
from tests.support.served import Served, mute, size, status

from governor.api.status import PolicyStatus
from governor.domain.log import LIMIT_BYTES
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = pytest.mark.e2e

MUTES = 8
LONGEST_VIOLATED = "-123456789012345.1234 is below the red line -123456789012345.1234"


@pytest.fixture(autouse=True)
def no_operator(one_operator: OperatorProcess) -> None:
    """Statuses are written by hand here: the session's operator would write them too."""
    one_operator.stop()


@pytest.fixture(scope="module")
def served(stack: Stack) -> Served:
    """The CRDs, served."""
    return Served.on(stack)


@pytest.fixture
def policy(served: Served) -> Iterator[str]:
    """The name of a policy."""
    with served.policy() as name:
        yield name


def test_every_field_of_a_status_is_kept(served: Served, policy: str) -> None:
    """What the operator writes is what it reads back."""
    written = status()

    kept = served.write(policy, written)["status"]

    assert TypeAdapter(PolicyStatus).validate_python(kept) == PolicyStatus.model_validate(written)
    assert kept == written


def test_a_status_of_nothing_is_taken(served: Served, policy: str) -> None:
    """Every field of a status may be absent."""
    assert served.write(policy, {})["status"] == {}


def test_a_full_status_stays_below_64_kib(served: Served, policy: str) -> None:
    """As many checks as there can be, all violated, told, dispatched and muted.

    Each has had a finding before; the log is full of entries for as many channels as a
    policy can have.
    """
    mutes = PolicyStatus.model_validate({"mutes": [mute(number) for number in range(MUTES)]})
    full = status(mutes=mutes.mutes)
    for check in full["checks"]:
        check["message"] = LONGEST_VIOLATED
        del check["blind"], check["lastBlind"], check["blindSince"], check["blindSlot"]
    (entry,) = full["pending"]
    while size(full["pending"]) + size(entry) < LIMIT_BYTES:
        full["pending"].append(entry | {"id": str(uuid4())})

    body = served.write(policy, full)

    assert size(body["status"]["pending"]) > LIMIT_BYTES - size(entry)
    assert size(body["status"]) + size(body["metadata"]["managedFields"]) < 64 * 1024
