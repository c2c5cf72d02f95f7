"""How the sink's database is named: what is accepted, and what is refused in which words."""

from pathlib import Path

import pytest
import trustme

from governor.adapters.sink.engine import make_engine
from governor.errors import SettingsError

GOOD = "postgresql://governor:s3cret@db.example:5433/platform"


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        GOOD.replace("postgresql", "postgres"),
        GOOD.replace("postgresql", "postgresql+asyncpg"),
        f"  {GOOD}\n",
    ],
    ids=["plain", "short scheme", "with the driver", "as a file has it"],
)
def test_accepted_urls(url: str) -> None:
    """Every usual spelling means the same server."""
    parsed = make_engine(url, tls_mode="Disable").url

    assert (parsed.host, parsed.port, parsed.database) == ("db.example", 5433, "platform")
    assert (parsed.username, parsed.password) == ("governor", "s3cret")


def test_socket_folder_as_host() -> None:
    """A server on a UNIX socket is named by a parameter."""
    url = "postgresql://governor@/platform?host=/run/postgresql"

    assert make_engine(url, tls_mode="Disable").url.query == {"host": "/run/postgresql"}


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("", "can't be parsed"),
        ("s3cret", "can't be parsed"),
        ("postgresql://governor:s3cret@db:port/platform", "can't be parsed"),
        ("mysql://governor:s3cret@db/platform", "must start with postgresql://"),
        ("postgresql+psycopg://governor:s3cret@db/platform", "must start with postgresql://"),
        (f"{GOOD}?sslmode=require", "set GOVERNOR_DATABASE_TLS_MODE"),
        (f"{GOOD}?options=-csearch_path&a=1", "must not say a, options: remove it"),
        ("postgresql://db/platform", "must name a user"),
        ("postgresql://governor:s3cret@/platform", "must name a host"),
        ("postgresql://governor:s3cret@db", "must name a database"),
        ("postgresql://", "must name a user and a host and a database"),
    ],
)
def test_refused_urls(url: str, remedy: str) -> None:
    """Each refusal names the remedy, and none repeats the URL with its password."""
    with pytest.raises(SettingsError) as caught:
        make_engine(url, tls_mode="Disable")

    assert remedy in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_ca_file_that_can_not_be_used(tmp_path: Path) -> None:
    """Absent, or no certificates: said at start, not at the first delivery."""
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for path in (tmp_path / "absent.pem", empty):
        with pytest.raises(SettingsError, match="PEM file with certificates"):
            make_engine(GOOD, ca_file=path)


def test_good_ca_file_is_taken(tmp_path: Path) -> None:
    """A PEM file with an authority."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))

    assert make_engine(GOOD, ca_file=path).url.host == "db.example"
