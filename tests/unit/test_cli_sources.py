"""Where `governor check` gets its sources and their secrets from."""

from pathlib import Path

import pytest

from governor.api.source import SourceSpec
from governor.cli.sources import Source, from_files, from_url
from governor.errors import SpecError
from governor.probes.base import Access

SOURCE = """
apiVersion: governance.aiops.dev/v1alpha1
kind: GovernanceSource
metadata: {name: platform}
spec:
  allowedNamespaces: {from: All}
  postgres: {secretRef: {name: db, key: dsn}}
"""
SECRET = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db}\n"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file for sources."""
    return tmp_path / "sources.yaml"


def postgres_dsn(source: Source) -> str:
    """The DSN that the source's Secret holds."""
    assert source.spec.postgres is not None
    ref = source.spec.postgres.secret_ref
    return source.secrets[ref.name][ref.key].decode()


def by_url(value: str, tls_mode: str | None = None, ca_file: str | None = None) -> Source:
    """The source named s."""
    return from_url("s", value, tls_mode=tls_mode, ca_file=ca_file)


def test_a_postgres_url_may_be_used_for_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """But to change nothing; TLS is verified unless it is said otherwise."""
    monkeypatch.setenv("DSN", "postgresql://reader:p%40ss@db:5432/platform")

    source = by_url("${DSN}")

    assert postgres_dsn(source) == "postgresql://reader:p%40ss@db:5432/platform"
    assert source.spec.access == (Access.BUILTIN_CHECKS, Access.CUSTOM_SQL)
    assert source.spec.postgres is not None
    assert source.spec.postgres.custom_sql_secret_ref == source.spec.postgres.secret_ref
    assert source.spec.postgres.tls is None


def test_a_password_from_the_environment_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as it is: nothing in it may end the authority."""
    monkeypatch.setenv("PASSWORD", "p@ss/w:rd")
    monkeypatch.setenv("HOST", "db:5432")

    source = by_url("postgresql://reader:${PASSWORD}@${HOST}/platform")

    assert postgres_dsn(source) == "postgresql://reader:p%40ss%2Fw%3Ard@db:5432/platform"


def test_tls_of_a_url(tmp_path: Path) -> None:
    """Mode and authorities reach the source."""
    ca = tmp_path / "ca.crt"
    ca.write_text("PEM")

    source = by_url("postgresql://reader@db/platform", "VerifyCA", str(ca))

    assert source.spec.postgres is not None
    tls = source.spec.postgres.tls
    assert tls is not None
    assert tls.mode == "VerifyCA"
    assert tls.ca_secret_ref is not None
    assert source.secrets[tls.ca_secret_ref.name][tls.ca_secret_ref.key] == b"PEM"


def test_a_prometheus_url_and_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login leaves the URL, which is shown in messages."""
    monkeypatch.setenv("PASSWORD", "p@ss")

    source = by_url("https://reader:${PASSWORD}@prometheus:9090/base")

    assert source.spec.prometheus is not None
    assert source.spec.prometheus.url == "https://prometheus:9090/base"
    ref = source.spec.prometheus.basic_secret_ref
    assert ref is not None
    assert source.secrets[ref.name] == {"username": b"reader", "password": b"p@ss"}


def test_a_prometheus_url_without_a_login() -> None:
    """Then there is no Secret."""
    source = by_url("http://prometheus:9090")

    assert source.spec.prometheus is not None
    assert source.spec.prometheus.basic_secret_ref is None


def test_a_url_from_a_file(tmp_path: Path) -> None:
    """A password may stand there."""
    path = tmp_path / "dsn"
    path.write_text("postgresql://reader:pass@db/platform\n")

    assert postgres_dsn(by_url(f"@{path}")) == "postgresql://reader:pass@db/platform"


@pytest.mark.parametrize(
    ("value", "tls_mode", "message"),
    [
        ("${GOVERNOR_TEST_UNSET}", None, "the environment variable GOVERNOR_TEST_UNSET is not set"),
        ("@/no/such", None, "file /no/such: no such file or directory"),
        ("mysql://h/db", None, "its URL must start with postgresql://, http:// or https://"),
        ("http://h", "Disable", "--tls-mode is for PostgreSQL; use https:// or http://"),
        ("postgresql://u@h/db", "Off", "postgres.tls.mode: should be 'VerifyFull', 'Verify"),
        ("http://", None, "prometheus.url: "),
        ("postgresql://u@h/db?sslmode=disable", None, "--tls-mode s=MODE says how the server is"),
        ("http://[h", None, "its URL can't be understood"),
    ],
)
def test_a_bad_url_is_refused(value: str, tls_mode: str | None, message: str) -> None:
    """The message names the source."""
    with pytest.raises(SpecError) as caught:
        by_url(value, tls_mode)

    assert str(caught.value).startswith("source s: ")
    assert message in str(caught.value)


def test_a_login_for_remediation_is_left_alone(written: Path) -> None:
    """Its Secret need not be there: who only measures changes nothing."""
    source = SOURCE.replace(
        "postgres: {secretRef",
        "access: [BuiltinChecks, Remediation]\n  postgres: {remediationSecretRef: {name: more, "
        "key: dsn}, secretRef",
    )
    written.write_text(f"{source}{SECRET}stringData: {{dsn: 'postgresql://db/x'}}")

    [(_, read)] = from_files([str(written)]).items()

    assert read.spec.access == (Access.BUILTIN_CHECKS,)
    assert read.spec.postgres is not None
    assert read.spec.postgres.remediation_secret_ref is None


def test_manifests_with_their_secrets(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets in base64 as they are; in stringData variables stand for themselves."""
    monkeypatch.setenv("PASSWORD", "pass")
    written.write_text(
        f"{SOURCE}{SECRET}data: {{raw: JHtQQVNTV09SRH0=}}\n"
        "stringData: {dsn: 'postgresql://reader:${PASSWORD}@db/platform'}\n"
    )

    sources = from_files([str(written)])

    assert list(sources) == ["platform"]
    assert isinstance(sources["platform"].spec, SourceSpec)
    assert sources["platform"].secrets == {
        "db": {"raw": b"${PASSWORD}", "dsn": b"postgresql://reader:pass@db/platform"}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SOURCE, "GovernanceSource platform: Secret db is missing: put it beside the source"),
        (f"{SOURCE}---{SOURCE}{SECRET}", "GovernanceSource platform: stands there twice"),
        (f"{SOURCE}{SECRET}data: {{dsn: '%%hunter2'}}", "Secret db: data must be base64"),
        (f"{SOURCE}{SECRET}data: hunter2", "Secret db: data and stringData must map keys to text"),
        (
            f"{SOURCE}{SECRET}stringData: {{dsn: '${{GOVERNOR_TEST_UNSET}}'}}",
            "Secret db: the environment variable GOVERNOR_TEST_UNSET is not set",
        ),
        (SOURCE.replace("v1alpha1", "v9"), "apiVersion must be governance.aiops.dev/v1alpha1"),
        (
            SOURCE.replace("key: dsn", "key: '?'"),
            "spec.postgres.secretRef.key: write a key of a Secret",
        ),
        (SOURCE.replace("{name: platform}", "{}"), "GovernanceSource: give it a metadata.name"),
        (SOURCE.replace("Source\n", "Sorce\n"), "GovernanceSorce platform: there is no such kind"),
        ("", "there is no GovernanceSource in "),
    ],
)
def test_bad_manifests_are_refused(written: Path, text: str, message: str) -> None:
    """With the remedy; no value is repeated."""
    written.write_text(text)

    with pytest.raises(SpecError) as caught:
        from_files([str(written)])

    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)
