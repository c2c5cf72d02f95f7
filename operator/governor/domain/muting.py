"""What a GovernanceMute is worth, and which checks it silences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from governor.api.loading import load_mute
from governor.api.mute import LONGEST_DAYS, MuteSpec, MuteStatus
from governor.domain.conditions import Told, upsert
from governor.domain.judging import one_line
from governor.domain.policies import Check, Policy
from governor.domain.surroundings import Mute
from governor.errors import SpecError
from governor.values.moments import in_seconds

ACCEPTED = "Accepted"
ACTIVE = "Active"

EXPIRED = "Expired"
POLICY_NOT_FOUND = "PolicyNotFound"

LONGEST = timedelta(days=LONGEST_DAYS)

MOST = 8
"""So many mutes of a policy are honoured, those that end last; its status has room for them."""

KEPT = "not silenced, as spec.mutes of the policy is not Allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a mute reaches."""

    checks: tuple[str, ...]
    """The names of those that it silences, in the policy's order."""
    what: str
    """The same in words, with the findings of the policy as a whole."""
    kept: str
    """What it would silence if the policy let it, in words; empty: nothing."""


def silences(
    mute: Mute, policy: Policy, check: Check | None, *, severity: str = "critical"
) -> bool:
    """Whether a mute silences a check, as far as the policy lets it; whatever the time.

    Args:
        mute: names the policy.
        policy: says what may be muted.
        check: one of the policy's; None: the policy as a whole.
        severity: of a finding of the policy as a whole.
    """
    if check is not None:
        named = not mute.checks or check.name in mute.checks
        return named and _may_be_muted(policy, check.severity)
    # A mute that can silence no check says so in its status, and then silences nothing.
    whole = not mute.checks and any(_may_be_muted(policy, c.severity) for c in policy.checks)
    return whole and _may_be_muted(policy, severity)


def reach(mute: Mute, policy: Policy) -> Reach:
    """What a mute silences of its policy, and what the policy keeps from it."""
    own = [check.name for check in policy.checks]
    silenced = tuple(check.name for check in policy.checks if silences(mute, policy, check))
    kept = [c for c in own if c not in silenced and (not mute.checks or c in mute.checks)]
    what = f"all {len(own)} checks" if list(silenced) == own and len(own) > 1 else _list(silenced)
    if silenced and not mute.checks:
        what += " and the findings of the policy as a whole"
        if not silences(mute, policy, None, severity="critical"):
            kept.append("the finding that governance itself fails")
    return Reach(checks=silenced, what=what, kept=_list(kept))


def in_force(mute: Mute, now: datetime) -> bool:
    """Whether a mute has not ended yet."""
    return now < mute.expires_at


def honoured(mutes: Iterable[Mute], policy: Policy, now: datetime) -> tuple[Mute, ...]:
    """The mutes that silence something of the policy now."""
    living = [
        mute
        for mute in mutes
        if in_force(mute, now) and any(silences(mute, policy, check) for check in policy.checks)
    ]
    latest = sorted(living, key=lambda mute: (mute.expires_at, mute.uid), reverse=True)[:MOST]
    return tuple(mute for mute in living if mute in latest)


def mute_of(body: Mapping[str, Any]) -> Mute | None:
    """The mute that an object is; None if it can't be honoured at any time.

    One that has ended is given: when it silences is asked with the time.
    """
    try:
        spec = load_mute(body)
    except SpecError:
        return None
    created = _created_at(body)
    if not created < spec.expires_at <= created + LONGEST:
        return None
    return _mute(body, spec)


def policy_named(body: Mapping[str, Any]) -> str:
    """The name of the policy that an object mutes; empty if it can't be understood."""
    try:
        return load_mute(body).policy_ref.name
    except SpecError:
        return ""


def judged(
    before: MuteStatus,
    body: Mapping[str, Any],
    policy: Policy | None,
    now: datetime,
    *,
    rivals: Sequence[Mute] = (),
) -> MuteStatus:
    """The status of a mute.

    Args:
        before: what it was.
        body: the mute.
        policy: the one that it names; None if there is none that can be understood.
        now: the time.
        rivals: all mutes of the policy.
    """
    generation = body["metadata"].get("generation", 0)
    truth, reason, message = accepted = _accepted(body, policy, now, rivals)
    active: Told = ("False", reason, "silences nothing: see Accepted")
    if truth == "True":
        active = ("True", "Muting", message)
    conditions = before.conditions
    for type_, told in ((ACCEPTED, accepted), (ACTIVE, active)):
        conditions = upsert(conditions, type_, told, generation=generation, now=now)
    return before.model_copy(update={"observed_generation": generation, "conditions": conditions})


def _accepted(
    body: Mapping[str, Any], policy: Policy | None, now: datetime, rivals: Sequence[Mute]
) -> Told:
    try:
        spec = load_mute(body)
    except SpecError as error:
        return "False", "SpecInvalid", one_line(str(error))
    created = _created_at(body)
    latest = (
        f"{in_seconds(created + LONGEST)} at the latest, {LONGEST_DAYS} days after its creation"
    )
    if spec.expires_at > created + LONGEST:
        return "False", "TooLong", f"it is not honoured: let expiresAt be {latest}"
    if spec.expires_at <= now:
        ended = in_seconds(spec.expires_at)
        return "False", EXPIRED, f"it ended at {ended}: delete it, or let it end later: {latest}"
    name, namespace = spec.policy_ref.name, body["metadata"]["namespace"]
    if policy is None:
        told = (
            f"there is no GovernancePolicy {name} in namespace {namespace} that can be understood"
        )
        return "False", POLICY_NOT_FOUND, f"{told}: create or mend it, or name another in policyRef"
    mute = _mute(body, spec)
    verdict = _over_checks(mute, name, policy)
    if verdict[0] == "True" and mute in rivals and mute not in honoured(rivals, policy, now):
        why = f"GovernancePolicy {name} has {MOST} mutes that end later, and no more are honoured"
        return "False", "TooMany", f"{why}: delete one of them, or let this one end later"
    return verdict


def _over_checks(mute: Mute, name: str, policy: Policy) -> Told:
    """What an acceptable mute does to a policy of that name."""
    own = [check.name for check in policy.checks]
    unknown = [check for check in mute.checks if check not in own]
    if mute.checks and len(unknown) == len(mute.checks):
        told = f"GovernancePolicy {name} has no check {_list(unknown)}: it has {_list(own)}"
        return "False", "CheckNotFound", told
    found = reach(mute, policy)
    if not found.checks:
        told = f"GovernancePolicy {name} forbids to mute {found.kept}"
        return "False", "Forbidden", f"{told}: its spec.mutes would have to be Allowed"
    told = f"silences {found.what} until {in_seconds(mute.expires_at)}"
    if found.kept:
        told += f"; {KEPT}: {found.kept}"
    if unknown:
        told += f"; the policy has no check {_list(unknown)}"
    return "True", "Accepted", told


def _may_be_muted(policy: Policy, severity: str) -> bool:
    if policy.mutes is None:
        return severity != "critical"
    return policy.mutes == "Allowed"


def _mute(body: Mapping[str, Any], spec: MuteSpec) -> Mute:
    return Mute(
        uid=body["metadata"]["uid"],
        name=body["metadata"]["name"],
        checks=spec.checks or (),
        reason=spec.reason,
        owner=spec.owner,
        expires_at=spec.expires_at.astimezone(UTC),
    )


def _created_at(body: Mapping[str, Any]) -> datetime:
    """As the API server says, which lets nobody change it."""
    return datetime.fromisoformat(body["metadata"]["creationTimestamp"])


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
