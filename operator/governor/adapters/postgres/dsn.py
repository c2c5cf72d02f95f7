"""Reads the connection string of a source, strictly.

The driver would also read the process' environment, a password file and TLS
parameters; here nothing counts but the Secret and the source. No message ever
tells a value: only which Secret, which key, and what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from governor.adapters.secret_text import secret_text
from governor.api.servers import SecretKeyRef
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

Secrets = Mapping[str, Mapping[str, bytes]]
"""Secret name → key → value."""

_SCHEMES = ("postgresql", "postgres")
_DEFAULT_PORT = 5432
_SHAPE = "postgresql://user:password@host:port/database"
_ESCAPES = "# / ? @ as %23 %2F %3F %40"
_TLS_PARAMETERS = ("ssl", "requiressl", "channel_binding", "gssencmode")
"""How the parameters begin that say how to encrypt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """Where to connect, and as whom."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    """Empty where the server asks for none."""
    database: str
    secret: str
    """Which Secret says so, for messages."""

    @property
    def address(self) -> str:
        """Host and port, as messages tell them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def secret_value(ref: SecretKeyRef, secrets: Secrets) -> bytes:
    """What is stored under a key.

    Raises:
        FaultError: `SecretInvalid`: there is no such Secret or key.
    """
    if ref.name not in secrets:
        raise FaultError(
            Reason.SECRET_INVALID,
            f"there is no Secret {ref.name} in the operator's namespace: create it there",
        )
    if ref.key not in secrets[ref.name]:
        raise invalid(ref, "does not exist: add it")
    return secrets[ref.name][ref.key]


def read_dsn(ref: SecretKeyRef, secrets: Secrets) -> Dsn:
    """The connection string under a key, without the line end that editors add.

    Raises:
        FaultError: `SecretInvalid`, naming Secret, key and remedy.
    """
    text = secret_text(secret_value(ref, secrets), lambda remedy: invalid(ref, remedy))
    if not text:
        raise invalid(ref, "is empty: give postgresql://user:password@host/database")
    if not text.isprintable():
        raise invalid(ref, "must hold one line without control characters")
    return _parsed(ref, text)


def invalid(ref: SecretKeyRef, remedy: str) -> FaultError:
    """A fault that names the Secret, the key and the remedy."""
    return FaultError(Reason.SECRET_INVALID, f"Secret {ref.name}: key {ref.key} {remedy}")


def _parsed(ref: SecretKeyRef, text: str) -> Dsn:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:  # Its message holds parts of the string.
        raise invalid(ref, f"is not a URL {_SHAPE}: in a password write {_ESCAPES}") from None
    if url.scheme not in _SCHEMES:
        raise invalid(ref, "must begin with postgresql://")
    _refuse_parameters(ref, url)
    if not url.hostname or any(sign in url.hostname for sign in ",%/ "):
        raise invalid(ref, "must name one host: postgresql://user:password@host/database")
    if any(sign in url.path[1:] for sign in "/@"):  # The host is a part of the password then.
        raise invalid(ref, f"holds a / or @ after the host: in a password write {_ESCAPES}")
    if port == 0:
        raise invalid(ref, "names port 0: give the server's port")
    dsn = Dsn(
        host=url.hostname,
        port=port or _DEFAULT_PORT,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=unquote(url.path.removeprefix("/")),
        secret=f"Secret {ref.name}, key {ref.key}",
    )
    if not dsn.user or not dsn.database:
        raise invalid(ref, "must name user and database: postgresql://user:password@host/database")
    if not (dsn.user + dsn.password + dsn.database).isprintable():
        raise invalid(ref, "must not hold control characters, not even as %00")
    return dsn


def _refuse_parameters(ref: SecretKeyRef, url: SplitResult) -> None:
    if url.fragment:
        raise invalid(ref, f"holds a #: in a password write {_ESCAPES}")
    if not url.query:
        return
    names = [name for name, _ in parse_qsl(url.query, keep_blank_values=True)]
    if any(name.startswith(_TLS_PARAMETERS) for name in names):
        raise invalid(
            ref, "must not hold TLS parameters such as sslmode: set spec.postgres.tls instead"
        )
    raise invalid(ref, "must not hold parameters: remove all from the ?, or write ? as %3F")
