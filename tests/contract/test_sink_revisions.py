"""The port Sink, held by every implementation: revisions of policies."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from tests.support.sinks import T0, Closing, Subject

from governor.app.ports import Revision


def revision_of(number: int) -> Revision:
    """Of a policy of its own."""
    return Revision(
        policy_uid=str(uuid4()),
        generation=1,
        namespace="aiops",
        policy="flywheel",
        spec={"number": number},
        seen_at=T0,
        field_manager="argocd",
    )


async def test_revision_is_stored_once(sink: Closing) -> None:
    """The first revision of a generation stays; what was not stored is None."""
    uid = str(uuid4())
    revision = Revision(
        policy_uid=uid,
        generation=4,
        namespace="aiops",
        policy="flywheel",
        spec={"checks": [{"name": "a", "objective": {"redLine": 0.1}}]},
        seen_at=T0,
        field_manager="kubectl\x00",
    )
    await sink.record_revision(revision)
    await sink.record_revision(replace(revision, spec={"checks": []}))

    assert await sink.revision(uid, 4) == revision.spec
    assert await sink.revision(uid, 5) is None
    assert await sink.revision("unknown", 4) is None


async def test_revisions_of_clusters_are_apart(subject: Subject, sink: Closing) -> None:
    """A restored copy of a cluster has the same uids, and specs of its own."""
    other = subject.sink_of(f"other-{uuid4()}")
    revision = replace(revision_of(1), spec={"mine": True})
    uid = revision.policy_uid
    await sink.record_revision(revision)
    assert await other.revision(uid, 1) is None
    await other.record_revision(replace(revision, spec={"mine": False}))

    assert await sink.revision(uid, 1) == {"mine": True}
    assert await other.revision(uid, 1) == {"mine": False}


async def test_crowd_of_revisions_is_stored(sink: Closing) -> None:
    """Hundreds at once, as when an operator starts, one of them twice: either of those stays."""
    revisions = [revision_of(number) for number in range(300)]
    once, *others = revisions
    twice = replace(once, spec={"number": "another"})

    await asyncio.gather(*(sink.record_revision(each) for each in [*revisions, twice]))

    for each in others:
        assert await sink.revision(each.policy_uid, 1) == each.spec
    assert await sink.revision(once.policy_uid, 1) in (once.spec, twice.spec)


async def test_ping_answers(sink: Closing) -> None:
    """A sink that works says so by not raising."""
    await sink.ping()
