"""The errors that cross module borders.

GovernorError
├ SettingsError         the process can't start as configured; exit at start
├ SpecError             a resource can't be understood; told in a condition, no retry
├ StoreError            the API server did not confirm; the run did not happen
│ ├ ConflictError       somebody wrote first: read, decide again
│ ├ GoneError           the object is no more, or is another one of the same name
│ ├ UnavailableError    timeout, lost connection, 429, 5xx: the outcome is unknown
│ └ NotLeadingError     another replica may lead: nothing was written or told
├ NoHistoryError        a person asked for values of which there are none
├ OutputError           what a person asked for can't be printed
└ DeliveryError         an entry could not be delivered; it stays in the log
  ├ NotLeadingError     the same
  ├ PartlyDeliveredError  some of a target's replicas took it
  ├ BusyError           the target said when to come back
  └ RejectedError       final: this target will never take it; counted and dropped
    └ RetiredError      final: this target will never take anything again

A violation, an absence of data and a fault in measuring are data
(`governor.values.outcomes`), never exceptions.
"""


class GovernorError(Exception):
    """Base of everything the operator raises on purpose."""


class SettingsError(GovernorError):
    """The settings are wrong; the message names each and its remedy."""


class SpecError(GovernorError):
    """A resource can't be understood; the message names the field and its remedy."""


class StoreError(GovernorError):
    """The API server did not confirm a read or a write."""


class ConflictError(StoreError):
    """The object has changed since it was read (409)."""


class GoneError(StoreError):
    """The object is no more, or its name now belongs to another uid (404)."""


class UnavailableError(StoreError):
    """No answer, or one that says to come back: whether it was done is unknown."""


class NoHistoryError(GovernorError):
    """There are no such values; the message says why, and what to look at."""


class OutputError(GovernorError):
    """Standard output does not take what a person asked for."""


class DeliveryError(GovernorError):
    """A target could not take an entry now; it will be tried again."""


class RejectedError(DeliveryError):
    """A target will never take this entry."""


class PartlyDeliveredError(DeliveryError):
    """Some of a target's replicas took it; the message says which did not, and why."""


class BusyError(DeliveryError):
    """A target is busy, and said when to come back."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds."""


class RetiredError(RejectedError):
    """A target will never take anything again."""


class NotLeadingError(StoreError, DeliveryError):
    """This process does not lead, or can't be sure any more: nothing was written or told."""
