"""When only news can change what is decided on a policy: then none is decided anew without any."""

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.surroundings import Surroundings


def at_rest(status: PolicyStatus, surroundings: Surroundings) -> bool:
    """Whether a status, decided in these surroundings, is decided alike at any later time.

    Nothing is open that people could be reminded of, waits to be told, or ends by itself.
    """
    return not (
        status.pending
        or status.mutes
        or surroundings.mutes
        or any(place.finding for place in status.findings)
        or any(map(_moves, status.checks))
    )


def _moves(check: CheckStatus) -> bool:
    return bool(
        check.finding or check.blind or check.dispatch or check.suppressed or check.muted_until
    )
