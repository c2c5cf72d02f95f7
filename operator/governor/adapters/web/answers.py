"""What an HTTP server answered, and how its place is named to people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    body: bytes
    retry_after: str | None = None
    """When to come back, as the server wrote it: seconds, or an HTTP date."""
    seconds: float = 0.0
    """From sending to the answer's end, without the wait for a turn to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How messages name a server, and where its address is set."""

    name: str
    """What it is, such as `Prometheus`."""
    field: str
    """The field that holds its address, such as `spec.prometheus.url`."""
    owner: str
    """What has that field: `source` or `channel`."""
    flooding: str = "does the url lead where it should?"
    """What to do about an answer that is too long."""

    @property
    def client_field(self) -> str:
        """The field that names our certificate, such as `spec.prometheus.tls.clientSecretRef`."""
        return f"{self.field.rpartition('.')[0]}.tls.clientSecretRef"

    def redirected(self, answer: Answer) -> str:
        """What to do about a redirect.

        It is not followed: it would take the credentials to where no administrator sent them.
        Where it leads stays untold: any part of it, the host too, may hold a secret.
        """
        return (
            f"HTTP {answer.status} redirects, which is not followed: set the "
            f"{self.owner}'s url to the final address"
        )
