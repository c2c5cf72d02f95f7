"""Builds the instrument of a PostgreSQL source, without connecting."""

import ssl
from collections.abc import Collection

from governor.adapters.postgres.dsn import Secrets, read_dsn
from governor.adapters.postgres.errors import Place
from governor.adapters.postgres.instrument import Login, PostgresInstrument
from governor.adapters.postgres.pools import Pool
from governor.adapters.postgres.relations import relations
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
    name: str, spec: PostgresSource, access: Collection[Access], secrets: Secrets
) -> PostgresInstrument:
    """The instrument of a source.

    What is wrong with the login of custom SQL is told by the sql checks and by
    `version()`; the built-in checks go on.

    Args:
        name: of the source, for messages.
        spec: where the server is, and how to speak to it.
        access: what the source may be used for, with the default applied.
        secrets: every Secret that the spec names and that exists.

    Raises:
        FaultError: `SecretInvalid`, naming the Secret, the key and the remedy.
    """
    tls = tls_context(spec.tls, secrets)
    return PostgresInstrument(
        _login(spec, spec.secret_ref, tls, secrets, custom=False),
        _custom_login(name, spec, access, tls, secrets),
        relations(spec.relations),
    )


def _custom_login(
    name: str,
    spec: PostgresSource,
    access: Collection[Access],
    tls: ssl.SSLContext | None,
    secrets: Secrets,
) -> Login | FaultError:
    if Access.CUSTOM_SQL not in access or spec.custom_sql_secret_ref is None:
        return FaultError(
            Reason.SOURCE_FORBIDDEN,
            f"GovernanceSource {name} allows no custom SQL: add CustomSql to its access, and "
            "postgres.customSqlSecretRef",
        )
    try:
        return _login(spec, spec.custom_sql_secret_ref, tls, secrets, custom=True)
    except FaultError as error:
        return error


def _login(
    spec: PostgresSource,
    ref: SecretKeyRef,
    tls: ssl.SSLContext | None,
    secrets: Secrets,
    *,
    custom: bool,
) -> Login:
    place = Place(dsn=read_dsn(ref, secrets), custom=custom)
    statement_seconds = seconds(spec.statement_timeout or STATEMENT_TIMEOUT)
    pool = Pool(
        place,
        tls,
        size=spec.max_connections or MAX_CONNECTIONS,
        statement_seconds=statement_seconds,
    )
    return Login(place, pool, statement_seconds=statement_seconds)
