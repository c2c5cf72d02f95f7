"""The vocabulary of reasons is whole, and each of its words is shown by the real operator."""

from collections import defaultdict

import pytest
from tests.support.bad_logins import MISSING, Addresses, logins
from tests.support.bad_prometheus import PROMETHEUS
from tests.support.bad_queries import BUILT_IN, CUSTOM, OTHERS
from tests.support.said import Said
from tests.support.sample_policy import BAD, GOOD

from governor.values.reasons import Reason

JUDGED = "Met PastTarget PastRedLine"
NO_DATA = "EmptyResult NonFinite NullValue EmptyPopulation TooFewSamples NotYetEvaluated"
ERRORS = (
    "SourceNotFound SourceForbidden SecretInvalid Unreachable AuthenticationFailed "
    "PermissionDenied TLSFailed RelationNotFound ColumnNotFound ColumnType QueryInvalid Timeout "
    "ServerError MalformedAnswer Redirected PartialData QueryWarning SeveralSeries SeveralRows "
    "SeveralColumns NotANumber"
)
NOWHERE = Addresses(
    user="user:password", real="a", nobody="b", plain="c", proven="d", strange="e", misnamed="f"
)


def shown() -> dict[str, dict[str, str]]:
    """Reason → row → verdict, of every row whose status the e2e tests compare."""
    rows: dict[str, Said] = {
        **{f"good/{check}": (it[0], it[1], it[-1]) for check, it in GOOD.items()},
        **{f"bad/{check}": (it[0], it[1], it[-1]) for check, it in BAD.items()},
        **{name: (it.verdict, it.reason, it.message) for name, it in PROMETHEUS.items()},
        **{name: it for table in (BUILT_IN, CUSTOM, OTHERS) for name, (_, it) in table.items()},
        **{name: it for name, (_, it) in MISSING.items()},
        **{name: it.says for name, it in logins(NOWHERE).items()},
        # tests/e2e/test_told_by_kubectl.py, in a test of its own
        "while-a-slow-check-runs": ("NoData", "NotYetEvaluated", ""),
    }
    by_reason: dict[str, dict[str, str]] = defaultdict(dict)
    for name, (verdict, reason, _) in rows.items():
        by_reason[reason][name] = verdict
    return by_reason


VERDICTS = {
    **dict.fromkeys(NO_DATA.split(), "NoData"),
    **dict.fromkeys(ERRORS.split(), "Error"),
    "Met": "Ok",
    "PastTarget": "Warning",
    "PastRedLine": "Violated",
}
SHOWN = shown()


def test_the_vocabulary() -> None:
    """These words and no others may stand in status."""
    assert {reason.value for reason in Reason} == {*f"{JUDGED} {NO_DATA} {ERRORS}".split()}


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.value)
def test_a_reason_is_shown_in_status(reason: Reason) -> None:
    """By the real operator, in a row of the e2e tables, with the one verdict that it stands for."""
    assert set(SHOWN[reason.value].values()) == {VERDICTS[reason.value]}


def test_what_needs_a_person() -> None:
    """Only these make a policy Stalled: waiting can't help."""
    assert {reason.value for reason in Reason if reason.needs_a_person} == {
        "QueryInvalid",
        "SourceNotFound",
        "SourceForbidden",
    }
