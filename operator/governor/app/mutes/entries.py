"""One GovernanceMute as the directory knows it, and how often it is looked at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from governor.app.ports import Json, ObjectKey
from governor.domain.muting import in_force, mute_of, policy_named
from governor.domain.surroundings import Mute

State = Literal["active", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times in seconds; the defaults keep the promise of 10 s from a change to a run."""

    gathering: float = 0.2
    """How long changes are gathered before they are told: at start there are many."""

    looking: float = 60.0
    """Between two looks at the wall clock, which may jump, and at every mute's policy."""

    settling: float = 30.0
    """So long after the start a policy may not have been seen yet that is there."""

    retrying: float = 10.0
    """Until a status is written again that could not be."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """A version of a mute's spec. Another version is another entry."""

    key: ObjectKey
    generation: int
    policy: str
    """The name of the policy that it names; empty if it can't be understood."""
    mute: Mute | None
    """None: it can't be honoured."""
    over: bool
    """Whether it had ended when the clock was last looked at."""
    body: Json
    """The object as it was last seen or written: what a status write starts from."""
    state: State | None = None
    """None: not known yet, or it has ended."""
    current: bool = True
    """False: there is another version, or none any more."""

    @classmethod
    def read(cls, body: Json, now: datetime) -> Self:
        """An entry of an object as the API server gave it."""
        metadata: dict[str, Any] = body["metadata"]
        mute = mute_of(body)
        return cls(
            key=ObjectKey(
                uid=metadata["uid"], namespace=metadata["namespace"], name=metadata["name"]
            ),
            generation=metadata.get("generation", 0),
            policy=policy_named(body),
            mute=mute,
            over=mute is None or not in_force(mute, now),
            body=body,
        )
