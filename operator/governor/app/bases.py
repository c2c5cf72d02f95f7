"""What a policy's next decision starts from: our own last write, or a newer truth."""

from datetime import datetime

from governor.api.status import PolicyStatus
from governor.app.subjects import Subject


class Base:
    """The newest version of a policy, and its status as the next decision takes it.

    Values that wait for a write are held here; a status that somebody else wrote
    takes their place.
    """

    def __init__(self, seen: Subject) -> None:
        self.subject = seen
        self.written = seen.status()
        """As the API server has it."""
        self.status = self.written
        """The same, with what is not worth a write of its own."""
        self.written_at: datetime | None = self.written.last_evaluated
        """Since when values wait for a write: a status may be written without any new one."""

    def see(self, subject: Subject) -> None:
        """Takes note of a version from a watch or a read; an older one is ignored."""
        if not subject.newer_than(self.subject):
            if not self.subject.newer_than(subject):
                self.subject = subject  # our own write's echo: the watch's object is kept anyway
            return
        if subject.raw_status != self.subject.raw_status:
            self.written = self.status = subject.status()
        self.subject = subject

    def hold(self, status: PolicyStatus) -> None:
        """Keeps a status that is not worth a write yet."""
        self.status = status

    def confirm(self, answer: Subject, status: PolicyStatus, at: datetime) -> None:
        """The API server has taken our status.

        A newer version may have come by while the answer was on its way.
        """
        overtaken = self.subject if self.subject.newer_than(answer) else None
        self.subject = answer
        self.written = self.status = status
        self.written_at = status.last_evaluated or at
        if overtaken is not None:
            self.see(overtaken)
