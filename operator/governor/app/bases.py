"""What a policy's next decision starts from: our own last write, or a newer truth."""

from datetime import datetime

from governor.api.status import PolicyStatus
from governor.app.ports import Json
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
        self._sent: Json | None = None
        """What is being written, until its answer."""
        self._echo: Subject | None = None
        """That write, where a watch was faster than its answer."""

    def see(self, subject: Subject) -> None:
        """Takes note of a version from a watch or a read; an older one is ignored."""
        if not subject.newer_than(self.subject):
            if not self.subject.newer_than(subject):
                self.subject = subject  # our own write's echo: the watch's object is kept anyway
            return
        if subject.raw_status != self.subject.raw_status:
            self._take(subject)
        self.subject = subject

    @property
    def known(self) -> PolicyStatus:
        """As the API server has it, though it may be yet to answer."""
        return self.written if self._echo is None else self._echo.status()

    def sending(self, status: Json) -> None:
        """This status is about to be written."""
        self._sent = status

    def unconfirmed(self) -> None:
        """Whether it was written is not known; if a watch has told so, then it was."""
        self._sent = None
        if self._echo is not None:
            self._take(self._echo)

    def hold(self, status: PolicyStatus) -> None:
        """Keeps a status that is not worth a write yet."""
        self.status = status

    def confirm(self, answer: Subject, status: PolicyStatus, at: datetime) -> None:
        """The API server has taken our status.

        A newer version may have come by while the answer was on its way.
        """
        self._sent = self._echo = None
        overtaken = self.subject if self.subject.newer_than(answer) else None
        self.subject = answer
        self.written = self.status = status
        self.written_at = status.last_evaluated or at
        if overtaken is not None:
            self.see(overtaken)

    def _take(self, subject: Subject) -> None:
        """Its status is not the last one seen: it is what we are writing, or somebody else's."""
        self._echo = None
        if self._sent is not None and subject.raw_status == self._sent:
            self._echo = subject
        else:
            self.written = self.status = subject.status()
            self.written_at = self.written.last_evaluated
