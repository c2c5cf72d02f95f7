"""What a source's Secrets may hold: strict, and silent about what they hold."""

import pytest
import trustme
from tests.support.governed import instrument

from governor.adapters.postgres.dsn import Dsn, read_dsn
from governor.adapters.postgres.relations import qualified, relations
from governor.adapters.postgres.tls import tls_context
from governor.api.servers import SecretKeyRef
from governor.api.source import PostgresTls
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

REF = SecretKeyRef(name="platform", key="dsn")


def read(value: str | bytes) -> Dsn:
    stored = value.encode() if isinstance(value, str) else value
    return read_dsn(REF, {"platform": {"dsn": stored}})


def told(error: FaultError) -> str:
    assert error.fault.reason is Reason.SECRET_INVALID
    return error.fault.message


def test_a_dsn_is_read_in_all_its_parts() -> None:
    """With escapes, as people must write them in passwords."""
    dsn = read("postgresql://m%40n:p%2Fq%23@db.example:6432/agents%20db")

    assert (dsn.host, dsn.port, dsn.user, dsn.password, dsn.database) == (
        "db.example",
        6432,
        "m@n",
        "p/q#",
        "agents db",
    )
    assert dsn.address == "db.example:6432"
    assert "p/q#" not in repr(dsn)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("postgresql://u:p@h/d", "h:5432"),
        ("postgres://u:p@h/d", "h:5432"),
        ("postgresql://u@h/d", "h:5432"),
        ("postgresql://u:p@[::1]:77/d", "[::1]:77"),
        ("postgresql://u:p@h/d?", "h:5432"),
        ("postgresql://u:p@h/d\n", "h:5432"),
        ("postgresql://u:p@h/d\r\n", "h:5432"),
    ],
)
def test_usual_spellings_are_taken(text: str, address: str) -> None:
    """Also the line end that editors and `echo` add."""
    assert read(text).address == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("hunter2", "postgresql://"),
        ("mysql://u:hunter2@h/d", "postgresql://"),
        ("postgresql+asyncpg://u:hunter2@h/d", "postgresql://"),
        ("host=h user=u password=hunter2", "postgresql://"),
        ("postgresql://u:hunter2@/d", "one host"),
        ("postgresql:///d", "one host"),
        ("postgresql://u:hunter2@a,b/d", "one host"),
        ("postgresql://u:hunter2@a:1,b:2/d", "is not a URL"),
        ("postgresql://u:hunter2@%2Frun%2Fpostgresql/d", "one host"),
        ("postgresql://u:hunter2@h:port/d", "is not a URL"),
        ("postgresql://u:hunter2@h:70000/d", "is not a URL"),
        ("postgresql://u:hunter2@h:0/d", "port 0"),
        ("postgresql://u:hunter2@[::1/d", "is not a URL"),
        ("postgresql://h/d", "user and database"),
        ("postgresql://:hunter2@h/d", "user and database"),
        ("postgresql://u:hunter2@h", "user and database"),
        ("postgresql://u:hunter2@h/", "user and database"),
        ("postgresql://u:hunter2#x@h/d", "%23"),
        ("postgresql://u:x@hunter2/y@h:5432/d", "%40"),
        ("postgresql://u:p@h/d/hunter2", "%2F"),
        ("postgresql://u:hunter2@h/d?sslmode=disable", "spec.postgres.tls"),
        ("postgresql://u:hunter2@h/d?application_name=x&sslrootcert=/etc/x", "spec.postgres.tls"),
        ("postgresql://u:hunter2@h/d?host=elsewhere", "parameters"),
        ("postgresql://u:hunter2@h/d\nx", "control characters"),
        ("postgresql://u:hunter2@h/d\t", "control characters"),
        ("postgresql://u:hunter2\0@h/d", "control characters"),
        ("postgresql://u:hunter2%00@h/d", "control characters"),
        ("postgresql://u:hunter2@h/d%0A", "control characters"),
        (b"postgresql://u:hunter2\xff@h/d", "UTF-8"),
    ],
)
def test_what_is_no_connection_string_is_refused(text: str | bytes, words: str) -> None:
    """The message names Secret, key and remedy, and never the password."""
    with pytest.raises(FaultError) as raised:
        read(text)

    message = told(raised.value)
    assert message.startswith("Secret platform: key dsn ")
    assert words in message
    assert "hunter2" not in message
    assert len(message) <= 200
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_missing_secret_and_a_missing_key_are_told_apart() -> None:
    """Each with its remedy."""
    with pytest.raises(FaultError) as no_secret:
        read_dsn(REF, {"other": {"dsn": b"x"}})
    with pytest.raises(FaultError) as no_key:
        read_dsn(REF, {"platform": {"url": b"x"}})

    assert "there is no Secret platform" in told(no_secret.value)
    assert told(no_key.value) == "Secret platform: key dsn does not exist: add it"


def test_making_an_instrument_refuses_a_bad_secret_without_connecting() -> None:
    """The built-in login is what a source can't do without."""
    with pytest.raises(FaultError) as raised:
        instrument("mysql://u:p@h/d")

    assert "Secret platform: key dsn" in told(raised.value)


@pytest.mark.parametrize("pem", [b"", b"\n", b"not a certificate", b"\xff\xfe", b"-----BEGIN"])
def test_authorities_that_are_not_pem_are_refused(pem: bytes) -> None:
    """Above all an empty key, which must not come to mean the system's authorities."""
    with pytest.raises(FaultError) as raised:
        instrument(
            "postgresql://u:p@h/d", ca=pem, tls={"caSecretRef": {"name": "platform", "key": "ca"}}
        )

    assert told(raised.value) == "Secret platform: key ca must hold certificates in PEM"


def test_only_the_given_authorities_are_trusted() -> None:
    """The system's do not count beside them."""
    tls = PostgresTls.model_validate({"caSecretRef": {"name": "s", "key": "ca"}})

    context = tls_context(tls, {"s": {"ca": trustme.CA().cert_pem.bytes()}})

    assert context is not None
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname


def test_no_tls_needs_no_authorities() -> None:
    """What Disable does not use can't break it."""
    tls = PostgresTls.model_validate(
        {"mode": "Disable", "caSecretRef": {"name": "absent", "key": "ca"}}
    )

    assert tls_context(tls, {}) is None


def test_relations_are_qualified_and_quoted() -> None:
    """So that no search path and no keyword can redirect them."""
    mapped = relations({"playbooks": "Agents.Books", "incident_evidence": "order"})

    assert mapped == {
        "playbooks": '"Agents"."Books"',
        "knowledge_entries": '"public"."knowledge_entries"',
        "incident_evidence": '"public"."order"',
        "auto_repair_executions": '"public"."auto_repair_executions"',
    }


def test_a_quote_in_a_name_stays_in_the_name() -> None:
    """The API admits none; the quoting does not rely on it."""
    assert qualified('x"; DROP TABLE y; --') == '"public"."x""; DROP TABLE y; --"'
