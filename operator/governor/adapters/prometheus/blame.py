"""Whose fault it is that a batch failed. Pure."""

from governor.values.outcomes import Fault
from governor.values.reasons import Reason

_SERVERS = frozenset(
    {Reason.UNREACHABLE, Reason.TLS_FAILED, Reason.AUTHENTICATION_FAILED, Reason.REDIRECTED}
)
"""What a query can't cause."""

_TOO_MANY = "HTTP 429"
"""Too many requests, in whatever words: which one it meets is chance."""


def of_the_server(fault: Fault) -> bool:
    """Whether any query would have failed so."""
    if fault.reason is Reason.SERVER_ERROR:  # A gateway's, if no Prometheus says why.
        return ":" not in fault.message or of_nobody(fault)
    return fault.reason in _SERVERS


def of_nobody(fault: Fault) -> bool:
    """Whether it says nothing of the query that met it: not even a gateway refused that one."""
    return fault.reason is Reason.SERVER_ERROR and fault.message.startswith(_TOO_MANY)
