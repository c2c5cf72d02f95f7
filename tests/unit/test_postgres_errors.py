"""Every error of the server, the driver, TLS and the network has one reason and a remedy."""

import socket
import ssl

import asyncpg
import pytest

from governor.adapters.postgres.dsn import Dsn
from governor.adapters.postgres.errors import Place, connecting_fault_of, fault_of
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

DSN = Dsn(
    host="db", port=5432, user="u", password="hunter2", database="d", secret="Secret s, key dsn"
)
BUILT_IN, CUSTOM = Place(dsn=DSN, custom=False), Place(dsn=DSN, custom=True)


def server_error(state: str, message: str = "said so") -> asyncpg.PostgresError:
    """What the driver raises for an error of that SQLSTATE."""
    made = asyncpg.PostgresError.new({"C": state, "M": message})
    assert isinstance(made, asyncpg.PostgresError)
    return made


def refused_certificate(code: int, words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, words
    return error


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("08006", Reason.UNREACHABLE),
        ("08P01", Reason.MALFORMED_ANSWER),
        ("0A000", Reason.QUERY_INVALID),
        ("21000", Reason.QUERY_INVALID),
        ("22012", Reason.QUERY_INVALID),
        ("25006", Reason.QUERY_INVALID),
        ("25P03", Reason.TIMEOUT),
        ("25P04", Reason.TIMEOUT),
        ("2D000", Reason.QUERY_INVALID),
        ("2F002", Reason.QUERY_INVALID),
        ("28000", Reason.AUTHENTICATION_FAILED),
        ("28P01", Reason.AUTHENTICATION_FAILED),
        ("3D000", Reason.SECRET_INVALID),
        ("3F000", Reason.RELATION_NOT_FOUND),
        ("40001", Reason.SERVER_ERROR),
        ("42501", Reason.PERMISSION_DENIED),
        ("42601", Reason.QUERY_INVALID),
        ("42703", Reason.COLUMN_NOT_FOUND),
        ("42883", Reason.QUERY_INVALID),
        ("42P01", Reason.RELATION_NOT_FOUND),
        ("53100", Reason.SERVER_ERROR),
        ("53300", Reason.SERVER_ERROR),
        ("55P03", Reason.TIMEOUT),
        ("57014", Reason.TIMEOUT),
        ("57P01", Reason.UNREACHABLE),
        ("57P02", Reason.UNREACHABLE),
        ("57P03", Reason.UNREACHABLE),
        ("57P05", Reason.TIMEOUT),
        ("58030", Reason.SERVER_ERROR),
        ("P0001", Reason.QUERY_INVALID),
        ("XX000", Reason.SERVER_ERROR),
        ("ZZ999", Reason.SERVER_ERROR),
    ],
)
def test_every_sqlstate_has_a_reason(state: str, reason: Reason) -> None:
    """By its code, else by its class, else it is the server's own."""
    fault = fault_of(server_error(state), BUILT_IN).fault

    assert fault.reason is reason
    assert fault.message.startswith("said so: ")
    assert "{" not in fault.message


@pytest.mark.parametrize(
    ("state", "reason", "remedy"),
    [
        ("0A000", Reason.SERVER_ERROR, "name the primary server in the Secret s, key dsn"),
        ("23514", Reason.QUERY_INVALID, "let agents.playbooks take the status 'deprecated'"),
        ("25006", Reason.SERVER_ERROR, "name the primary server in the Secret s, key dsn"),
        ("42501", Reason.PERMISSION_DENIED, "GRANT USAGE ON SCHEMA agents and SELECT, UPDATE"),
        ("44000", Reason.QUERY_INVALID, "let agents.playbooks take the status 'deprecated'"),
        ("55000", Reason.QUERY_INVALID, "a view that can be updated"),
        ("55P03", Reason.TIMEOUT, "something holds a lock on agents.playbooks"),
        ("42P01", Reason.RELATION_NOT_FOUND, "map another in spec.postgres.relations"),
    ],
)
def test_where_playbooks_are_deprecated_the_remedy_is_about_that(
    state: str, reason: Reason, remedy: str
) -> None:
    """A login that may not write, a table that can't be written; the rest as elsewhere."""
    place = Place(dsn=DSN, custom=False, writes="agents.playbooks")

    fault = fault_of(server_error(state), place).fault

    assert fault.reason is reason
    assert remedy in fault.message
    assert "{" not in fault.message


def test_the_remedy_depends_on_who_wrote_the_query() -> None:
    """An author corrects the query; an administrator maps another table."""
    missing = server_error("42P01")

    assert "spec.postgres.relations" in fault_of(missing, BUILT_IN).fault.message
    assert "correct the query" in fault_of(missing, CUSTOM).fault.message


def test_the_server_s_words_leave_room_for_the_remedy() -> None:
    """However many they are, and on however many lines."""
    fault = fault_of(server_error("42703", "word\n" * 200), BUILT_IN).fault

    assert fault.message.startswith("word word ")
    assert fault.message.endswith("or map another in spec.postgres.relations")
    assert len(fault.message) <= 200


def test_an_error_without_words_is_named_by_its_kind() -> None:
    """Rather than by nothing."""
    assert fault_of(server_error("XX000", ""), BUILT_IN).fault.message.startswith("InternalServer")


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), Reason.UNREACHABLE, "db:5432"),
        (ConnectionResetError(104, "reset by peer"), Reason.UNREACHABLE, "reset by peer"),
        (OSError(113, "No route to host"), Reason.UNREACHABLE, "No route to host"),
        (OSError("Multiple exceptions: …"), Reason.UNREACHABLE, "Multiple"),
        (OSError(), Reason.UNREACHABLE, "OSError"),
        (socket.gaierror(-2, "Name or service not known"), Reason.UNREACHABLE, "name db"),
        (refused_certificate(10, "certificate has expired"), Reason.TLS_FAILED, "renew"),
        (refused_certificate(9, "not yet valid"), Reason.TLS_FAILED, "clocks"),
        (refused_certificate(62, "Hostname mismatch"), Reason.TLS_FAILED, "VerifyCA"),
        (refused_certificate(20, "unknown issuer"), Reason.TLS_FAILED, "caSecretRef"),
        (ssl.SSLError(1, "[SSL] odd"), Reason.TLS_FAILED, "TLS with db:5432 failed"),
        (ssl.SSLCertVerificationError(1, "odd"), Reason.TLS_FAILED, "odd"),
        (
            ConnectionError("connection closed during TLS handshake"),
            Reason.TLS_FAILED,
            "broke off",
        ),
        (ConnectionError("rejected SSL upgrade"), Reason.TLS_FAILED, "offers no TLS"),
        (asyncpg.InterfaceError("connection is closed"), Reason.UNREACHABLE, "closed"),
        (
            asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in …"),
            Reason.UNREACHABLE,
            "closed the connection",
        ),
        (asyncpg.InterfaceError("odd"), Reason.MALFORMED_ANSWER, "InterfaceError"),
        (asyncpg.InternalClientError("hunter2"), Reason.MALFORMED_ANSWER, "InternalClientError"),
        (ValueError("hunter2"), Reason.MALFORMED_ANSWER, "ValueError"),
    ],
)
def test_every_error_of_driver_and_network_has_a_reason(
    error: Exception, reason: Reason, words: str
) -> None:
    """And none tells a secret, whatever the driver says."""
    fault = fault_of(error, BUILT_IN).fault

    assert fault.reason is reason
    assert words in fault.message
    assert "hunter2" not in fault.message


def test_a_way_to_log_in_that_the_driver_does_not_know_fails_to_authenticate() -> None:
    """Only while connecting: later the same class means something else."""
    error = asyncpg.InterfaceError("unsupported authentication method requested: ldap")

    fault = connecting_fault_of(error, BUILT_IN).fault

    assert fault.reason is Reason.AUTHENTICATION_FAILED
    assert "by password" in fault.message


def test_a_fault_stays_what_it_is() -> None:
    """What was already said is not said again in other words."""
    error = FaultError(Reason.COLUMN_TYPE, "as it was")

    assert fault_of(error, BUILT_IN) is error
