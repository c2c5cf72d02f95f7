"""Builds the instrument of a PostgreSQL source, without connecting."""

import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass

from governor.adapters.postgres.dsn import Secrets, read_dsn
from governor.adapters.postgres.errors import Place
from governor.adapters.postgres.instrument import Login, PostgresInstrument
from governor.adapters.postgres.pools import Pool
from governor.adapters.postgres.relations import plain, relations
from governor.adapters.postgres.tls import tls_context
from governor.api.servers import SecretKeyRef
from governor.api.source import PostgresSource
from governor.probes.base import Access
from governor.values.durations import seconds
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

STATEMENT_TIMEOUT = "10s"
MAX_CONNECTIONS = 4


def make_postgres(
    name: str,
    spec: PostgresSource,
    access: Collection[Access],
    secrets: Secrets,
    *,
    before_writing: Callable[[], None] = lambda: None,
) -> PostgresInstrument:
    """The instrument of a source.

    What is wrong with the login of custom SQL or of remediation is told by what needs it
    and by `version()`; the built-in checks go on.

    Args:
        name: of the source, for messages.
        spec: where the server is, and how to speak to it.
        access: what the source may be used for, with the default applied.
        secrets: every Secret that the spec names and that exists.
        before_writing: as `PostgresInstrument` says.

    Raises:
        FaultError: `SecretInvalid`, naming the Secret, the key and the remedy.
    """
    logins = _Logins(name, spec, access, tls_context(spec.tls, secrets), secrets)
    mapped = relations(spec.relations)
    return PostgresInstrument(
        logins.login(spec.secret_ref),
        logins.further(Access.CUSTOM_SQL, spec.custom_sql_secret_ref, custom=True),
        logins.further(
            Access.REMEDIATION, spec.remediation_secret_ref, writes=plain(mapped["playbooks"])
        ),
        mapped,
        before_writing=before_writing,
    )


@dataclass(frozen=True, slots=True)
class _Logins:
    """What the logins of a source have in common."""

    name: str
    spec: PostgresSource
    access: Collection[Access]
    tls: ssl.SSLContext | None
    secrets: Secrets

    def login(self, ref: SecretKeyRef, *, custom: bool = False, writes: str | None = None) -> Login:
        """The login that is stored under a key.

        Raises:
            FaultError: `SecretInvalid`.
        """
        place = Place(dsn=read_dsn(ref, self.secrets), custom=custom, writes=writes)
        statement_seconds = seconds(self.spec.statement_timeout or STATEMENT_TIMEOUT)
        pool = Pool(
            place,
            self.tls,
            size=self.spec.max_connections or MAX_CONNECTIONS,
            statement_seconds=statement_seconds,
        )
        return Login(place, pool, statement_seconds=statement_seconds)

    def further(
        self,
        access: Access,
        ref: SecretKeyRef | None,
        *,
        custom: bool = False,
        writes: str | None = None,
    ) -> Login | FaultError:
        """The login that an access needs, or why there is none."""
        if access not in self.access or ref is None:
            use, field = _NAMES[access]
            return FaultError(
                Reason.SOURCE_FORBIDDEN,
                f"GovernanceSource {self.name} allows no {use}: add {access} to its access, and "
                f"postgres.{field}",
            )
        try:
            return self.login(ref, custom=custom, writes=writes)
        except FaultError as error:
            return error


_NAMES = {
    Access.CUSTOM_SQL: ("custom SQL", "customSqlSecretRef"),
    Access.REMEDIATION: ("remediation", "remediationSecretRef"),
}
"""Access that needs a login of its own → what it is, and the login's field."""
