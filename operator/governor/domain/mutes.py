"""Which checks are silenced until when, and the row that tells of each mute.

What a mute is worth, `domain.muting` says. A mute that is honoured is like a finding: it
opens when a decision begins to honour it, and is resolved when it ends. One that comes into
force again, as its end was moved or its policy lets it once more, opens anew.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from governor.api.log import Entry
from governor.api.status import FindingRef, MuteRef
from governor.domain.entries import Decision, Evidence, open_finding, opened, resolved
from governor.domain.muting import KEPT, reach, silences
from governor.domain.policies import Check, Policy
from governor.domain.surroundings import Mute
from governor.values.lines import flat
from governor.values.moments import in_seconds

GOVERNANCE_MUTE = "governance_mute"
EXPIRED = "Expired"
REMOVED = "MuteRemoved"

_PLACE = "mute/"


def muted_until(
    mutes: Iterable[Mute], policy: Policy, check: Check | None, *, severity: str = "critical"
) -> datetime | None:
    """When the last of the mutes ends that silence a check.

    Args:
        mutes: those that are honoured.
        policy: theirs.
        check: one of its checks; None: the policy as a whole.
        severity: of a finding of the policy as a whole.
    """
    return max(
        (m.expires_at for m in mutes if silences(m, policy, check, severity=severity)),
        default=None,
    )


def tell(
    decision: Decision,
    known: Sequence[MuteRef],
    mutes: Sequence[Mute],
    policy: Policy,
    *,
    over: Collection[str] = (),
) -> tuple[tuple[MuteRef, ...], tuple[Entry, ...]]:
    """The mutes that the status knows after this decision, and what is told of changes.

    Args:
        decision: the one.
        known: those that the status knew before it.
        mutes: those that are honoured.
        policy: theirs.
        over: the uids of those that are there and have ended, maybe at another time than the
            status knows.
    """
    now_known, told = [], []
    by_uid = {mute.uid: mute for mute in mutes}
    for ref in known:
        if (mute := by_uid.pop(ref.uid, None)) is not None:
            now_known.append(ref.model_copy(update={"expires_at": mute.expires_at}))
            continue
        ended = ref.expires_at <= decision.at or ref.uid in over
        reason = EXPIRED if ended else REMOVED
        evidence = Evidence(severity="info", reason=reason, message=f"mute {ref.name} has ended")
        told.append(resolved(decision, ref.finding, row_of(ref.uid), evidence, reason))
    for mute in by_uid.values():
        finding = open_finding(decision, GOVERNANCE_MUTE, row_of(mute.uid))
        told.append(_opened(decision, finding, mute, policy))
        now_known.append(ref_of(mute, finding))
    return tuple(now_known), tuple(told)


def again(
    decision: Decision, known: Iterable[MuteRef], mutes: Iterable[Mute], policy: Policy
) -> Iterator[Entry]:
    """The beginnings of the mutes that are in force, said once more.

    Args:
        decision: when they are said.
        known: those that the status knows.
        mutes: those that are honoured; the end of any other is decided next.
        policy: theirs.
    """
    refs = {ref.uid: ref for ref in known}
    for mute in mutes:
        if mute.uid in refs:
            yield _opened(decision, refs[mute.uid].finding, mute, policy)


def named(check: str, mutes: Iterable[Mute]) -> Mute | None:
    """The one of these mutes that a row's `check_name` names."""
    return next((mute for mute in mutes if row_of(mute.uid) == check), None)


def ref_of(mute: Mute, finding: FindingRef) -> MuteRef:
    """A mute as the status knows it; `finding` is its row."""
    return MuteRef(uid=mute.uid, name=mute.name, finding=finding, expires_at=mute.expires_at)


def row_of(uid: str) -> str:
    """What a mute's row has for a `check_name`."""
    return _PLACE + uid


def _opened(decision: Decision, finding: FindingRef, mute: Mute, policy: Policy) -> Entry:
    """Tells whom the mute silences at this time, and whom not."""
    found = reach(mute, policy)
    kept = f"; {KEPT}: {found.kept}" if found.kept else ""
    said = f"mute {mute.name} of {mute.owner} silences {found.what}"
    evidence = Evidence(
        severity="info",
        reason="Muted",
        message=flat(f"{said} until {in_seconds(mute.expires_at)}: {mute.reason}{kept}"),
        impact={
            "mute": mute.name,
            "owner": mute.owner,
            "reason": mute.reason,
            "expires_at": in_seconds(mute.expires_at),
        },
        lists={"checks": found.checks},
    )
    return opened(decision, finding, row_of(mute.uid), evidence)
