"""Why a verdict is what it is: the closed vocabulary of `status.checks[].reason`."""

from enum import StrEnum


class Verdict(StrEnum):
    """What a check's latest run says, worst first."""

    VIOLATED = "Violated"
    ERROR = "Error"
    NO_DATA = "NoData"
    WARNING = "Warning"
    OK = "Ok"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANKS[self]

    @property
    def measured(self) -> bool:
        """Whether a number was judged."""
        return self not in (Verdict.ERROR, Verdict.NO_DATA)


_RANKS = {verdict: rank for rank, verdict in enumerate(Verdict)}


class Reason(StrEnum):
    """One word for why; messages say the rest."""

    # A number was judged.
    MET = "Met"
    PAST_TARGET = "PastTarget"
    PAST_RED_LINE = "PastRedLine"

    # There was no number to judge: never a pass.
    EMPTY_RESULT = "EmptyResult"
    NON_FINITE = "NonFinite"
    NULL_VALUE = "NullValue"
    EMPTY_POPULATION = "EmptyPopulation"
    TOO_FEW_SAMPLES = "TooFewSamples"
    NOT_YET_EVALUATED = "NotYetEvaluated"

    # The measuring itself failed.
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_FORBIDDEN = "SourceForbidden"
    SECRET_INVALID = "SecretInvalid"  # noqa: S105 - a reason, not a secret
    UNREACHABLE = "Unreachable"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    PERMISSION_DENIED = "PermissionDenied"
    TLS_FAILED = "TLSFailed"
    RELATION_NOT_FOUND = "RelationNotFound"
    COLUMN_NOT_FOUND = "ColumnNotFound"
    COLUMN_TYPE = "ColumnType"
    QUERY_INVALID = "QueryInvalid"
    TIMEOUT = "Timeout"
    SERVER_ERROR = "ServerError"
    MALFORMED_ANSWER = "MalformedAnswer"
    REDIRECTED = "Redirected"
    PARTIAL_DATA = "PartialData"
    QUERY_WARNING = "QueryWarning"
    SEVERAL_SERIES = "SeveralSeries"
    SEVERAL_ROWS = "SeveralRows"
    SEVERAL_COLUMNS = "SeveralColumns"
    NOT_A_NUMBER = "NotANumber"

    @property
    def needs_a_person(self) -> bool:
        """Whether waiting can't help: somebody must change a spec (`Stalled`)."""
        return self in (Reason.QUERY_INVALID, Reason.SOURCE_NOT_FOUND, Reason.SOURCE_FORBIDDEN)
