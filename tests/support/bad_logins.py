"""Secrets, addresses and certificates that are wrong, and what status must say of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.said import Said, error
from tests.support.sources import PLAIN

from governor_local.world.governed import DATABASE

SECRET = "e2e-bad-logins"
TLS = {"caSecretRef": {"name": SECRET, "key": "ca"}}
FINE: Said = ("Ok", "Met", "0 is not above the red line 0")


@dataclass(frozen=True, slots=True)
class Login:
    """A connection string, how its server must prove itself, and what a check says of it."""

    dsn: str
    tls: Mapping[str, Any]
    says: Said


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the platform's PostgreSQL is, behind fronts that speak TLS, and where nobody is."""

    user: str
    """User and password, as a URL has them."""
    real: str
    nobody: str
    plain: str
    proven: str
    strange: str
    misnamed: str

    def dsn(self, address: str, user: str | None = None, database: str = DATABASE) -> str:
        """A connection string; all is right that is not said."""
        return f"postgresql://{user or self.user}@{address}/{database}"


def logins(to: Addresses) -> dict[str, Login]:
    """By the name of source, check and key of the Secret."""
    refused = "the certificate of {} is refused:"
    return {
        "wrong-dsn": Login(
            f"host={to.real}",
            PLAIN,
            error("SecretInvalid", f"Secret {SECRET}: key wrong-dsn must begin with postgresql://"),
        ),
        "wrong-password": Login(
            to.dsn(to.real, "governor_reader:wrong"),
            PLAIN,
            error(
                "AuthenticationFailed",
                'password authentication failed for user "governor_reader": correct user and '
                f"password in the Secret {SECRET}, key wrong-password",
            ),
        ),
        "wrong-database": Login(
            to.dsn(to.real, database="platfrom"),
            PLAIN,
            error(
                "SecretInvalid",
                'database "platfrom" does not exist: correct the database in the Secret '
                f"{SECRET}, key wrong-database",
            ),
        ),
        "wrong-port": Login(
            to.dsn(to.nobody),
            PLAIN,
            error(
                "Unreachable",
                f"{to.nobody} can't be reached: connection refused: look at the server and the "
                "network",
            ),
        ),
        "no-tls": Login(
            to.dsn(to.plain),
            TLS,
            error(
                "TLSFailed",
                f"{to.plain} offers no TLS: enable it there, or set spec.postgres.tls.mode: "
                "Disable",
            ),
        ),
        "strange-tls": Login(
            to.dsn(to.strange),
            TLS,
            error(
                "TLSFailed",
                f"{refused.format(to.strange)} unable to get local issuer certificate: give its "
                "authority in spec.postgres.tls.caSecretRef",
            ),
        ),
        "misnamed-tls": Login(
            to.dsn(to.misnamed),
            TLS,
            error(
                "TLSFailed",
                f"{refused.format(to.misnamed)} Hostname mismatch, certificate is not valid for "
                "'localhost'.: connect by the certificate's name, or set tls.mode: VerifyCA",
            ),
        ),
        "proven-tls": Login(to.dsn(to.proven), TLS, FINE),
    }


MISSING: Mapping[str, tuple[Mapping[str, str], Said]] = {
    "missing-secret": (
        {"name": "e2e-nothing", "key": "dsn"},
        error(
            "SecretInvalid",
            "there is no Secret e2e-nothing in the operator's namespace: create it there",
        ),
    ),
    "missing-key": (
        {"name": SECRET, "key": "nothing"},
        error("SecretInvalid", f"Secret {SECRET}: key nothing does not exist: add it"),
    ),
}
"""Where the source looks, and what its check says."""
