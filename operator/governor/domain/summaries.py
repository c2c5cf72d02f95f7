"""The checks of a policy together: counts, the SLO summary, the policy's verdict."""

from collections import Counter
from collections.abc import Sequence

from governor.api.status import CheckStatus, SloSummary, Summary
from governor.domain.policies import Policy
from governor.probes.promql import Promql
from governor.values.reasons import Reason, Verdict


def summary(checks: Sequence[CheckStatus]) -> Summary:
    """How many checks have which verdict."""
    count = Counter(check.verdict for check in checks)
    return Summary(
        ok=count[Verdict.OK],
        warning=count[Verdict.WARNING],
        violated=count[Verdict.VIOLATED],
        no_data=count[Verdict.NO_DATA],
        error=count[Verdict.ERROR],
    )


def worst(checks: Sequence[CheckStatus]) -> Verdict:
    """The worst verdict of any check."""
    return min((check.verdict for check in checks), key=lambda v: v.rank)


def slo(policy: Policy, checks: Sequence[CheckStatus]) -> SloSummary | None:
    """The promql checks together; None where there are none."""
    names = {check.name for check in policy.checks if isinstance(check.probe, Promql)}
    slos = [check for check in checks if check.name in names]
    if not slos:
        return None
    counts = Counter(check.verdict for check in slos)
    met = counts[Verdict.OK] + counts[Verdict.WARNING]
    violated, no_data = counts[Verdict.VIOLATED], counts[Verdict.NO_DATA]
    # A check that never ran says nothing about whether metrics are emitted.
    ran = all(check.reason is not Reason.NOT_YET_EVALUATED for check in slos)
    all_no_data = ran and no_data > 0 and met + violated == 0
    if violated:
        status = "violated"
    elif all_no_data:
        status = "no_data"
    elif counts[Verdict.ERROR]:
        status = "error"
    elif no_data:
        status = "partial_data"
    else:
        status = "ok"
    return SloSummary(
        violated=violated,
        no_data=no_data,
        ok=met,
        error=counts[Verdict.ERROR],
        all_no_data=all_no_data,
        status=status,
    )
