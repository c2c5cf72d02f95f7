"""Settings: what is refused, with which words, and what is never repeated."""

from pathlib import Path

import pytest

from governor import settings as module
from governor.errors import SettingsError
from governor.settings import Address, DatabaseSettings, Settings, describe, load

URL = "postgresql://writer:p%40ss@sink.example:5432/governance"


@pytest.fixture(autouse=True)
def outside_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a pod's namespace would be read; absent unless a test writes it."""
    monkeypatch.setattr(module, "NAMESPACE_FILE", tmp_path / "pod-namespace")
    return tmp_path / "pod-namespace"


@pytest.fixture
def url_file(tmp_path: Path) -> Path:
    """A file with a good URL."""
    path = tmp_path / "url"
    path.write_text(URL + "\n")
    return path


def test_defaults(url_file: Path) -> None:
    """Only the database has to be said."""
    settings = load(Settings, {"GOVERNOR_DATABASE_URL_FILE": str(url_file)})

    assert settings.database_url.get_secret_value() == URL
    assert settings.model_dump(exclude={"database_url"}) == {
        "database_schema": "governance",
        "database_tls_mode": "VerifyFull",
        "database_ca_file": None,
        "log_format": "json",
        "log_level": "info",
        "namespace": "governance-system",
        "cluster_name": "",
        "kubeconfig": None,
        "identity": "",
        "metrics_address": Address(None, 8080),
        "health_address": Address(None, 8081),
        "metrics_checks": 5000,
        "measurements_days": 7,
    }


def test_everything_can_be_said(url_file: Path) -> None:
    """Each variable reaches its setting."""
    settings = load(
        Settings,
        {
            "GOVERNOR_DATABASE_URL_FILE": str(url_file),
            "GOVERNOR_DATABASE_SCHEMA": "audit",
            "GOVERNOR_DATABASE_TLS_MODE": "Disable",
            "GOVERNOR_DATABASE_CA_FILE": str(url_file),
            "GOVERNOR_LOG_FORMAT": "Console",
            "GOVERNOR_LOG_LEVEL": "DEBUG",
            "GOVERNOR_NAMESPACE": "ops",
            "GOVERNOR_CLUSTER_NAME": "Prod (EU)",
            "GOVERNOR_KUBECONFIG": str(url_file),
            "GOVERNOR_IDENTITY": "governor-7d4",
            "GOVERNOR_METRICS_ADDRESS": "127.0.0.1:9000",
            "GOVERNOR_HEALTH_ADDRESS": "[::1]:0",
            "GOVERNOR_METRICS_CHECKS": "0",
            "GOVERNOR_MEASUREMENTS_DAYS": "0",
            "PATH": "/bin",
        },
    )

    assert settings.model_dump(exclude={"database_url"}) == {
        "database_schema": "audit",
        "database_tls_mode": "Disable",
        "database_ca_file": url_file,
        "log_format": "console",
        "log_level": "debug",
        "namespace": "ops",
        "cluster_name": "Prod (EU)",
        "kubeconfig": url_file,
        "identity": "governor-7d4",
        "metrics_address": Address("127.0.0.1", 9000),
        "health_address": Address("::1", 0),
        "metrics_checks": 0,
        "measurements_days": 0,
    }
    assert str(settings.health_address) == "[::1]:0"


def test_the_secret_is_not_shown(url_file: Path) -> None:
    """Printing settings does not print the URL."""
    settings = load(DatabaseSettings, {"GOVERNOR_DATABASE_URL_FILE": str(url_file)})

    assert "p%40ss" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DATABASE_SCHEMA", "Gov", "='Gov' must be a plain name: at most 63 lower case letters"),
        ("DATABASE_SCHEMA", "pg_x", "='pg_x' must be a plain name"),
        ("DATABASE_TLS_MODE", "yes", "='yes' must be 'VerifyFull', 'VerifyCA' or 'Disable'"),
        ("DATABASE_CA_FILE", "/no/ca", "must be a file that can be read (no such file or dir"),
        ("DATABASE_CA_FILE", "/", "='/' must be a file that can be read (is a directory)"),
        ("LOG_FORMAT", "xml", "='xml' must be 'json' or 'console'"),
        ("LOG_LEVEL", "loud", "='loud' must be 'debug', 'info', 'warning' or 'error'"),
        ("NAMESPACE", "A_b", "='A_b' must be a namespace's name: at most 63 lower case"),
        ("NAMESPACE", "", "='' must be a namespace's name"),
        ("NAMESPACE", "a" * 64, "must be a namespace's name"),
        ("CLUSTER_NAME", "c" * 254, "String should have at most 253 characters"),
        ("KUBECONFIG", "/no/kube", "='/no/kube' must be a file that can be read"),
        ("METRICS_ADDRESS", "8080", "='8080' must be HOST:PORT, or :PORT for every interface"),
        ("METRICS_ADDRESS", ":65536", "=':65536' must be HOST:PORT"),
        ("HEALTH_ADDRESS", "http://x:1", "must be HOST:PORT"),
        ("METRICS_CHECKS", "many", "='many' must be a valid integer"),
        ("METRICS_CHECKS", "-1", "='-1' must be greater than or equal to 0"),
        ("MEASUREMENTS_DAYS", "-1", "='-1' must be greater than or equal to 0"),
        ("MEASUREMENTS_DAYS", "367", "='367' must be less than or equal to 366"),
        ("METRICS_CHECKS", "1000001", "='1000001' must be less than or equal to 1000000"),
    ],
)
def test_a_bad_value_is_refused(url_file: Path, name: str, value: str, message: str) -> None:
    """The message names the variable, the value and the remedy."""
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"GOVERNOR_DATABASE_URL_FILE": str(url_file), f"GOVERNOR_{name}": value})

    [line] = str(caught.value).splitlines()[1:]
    assert line.startswith(f"  GOVERNOR_{name}=")
    assert message in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is an empty file; put the URL of the sink's database into it"),
        ("  \n", "is an empty file"),
        ("hunter2", "must be a file with one URL like postgresql://"),
        ("mysql://u:hunter2@h/db", "must be a file with one URL like postgresql://"),
        ("postgresql://u:hunter2@h", "must be a file with one URL like postgresql://"),
        ("postgresql://h/db", "must be a file with one URL like postgresql://"),
        (f"{URL}?sslmode=require", "must be a file with a URL without sslmode: remove it and set "),
        ("postgresql:///db", "must be a file with one URL like postgresql://"),
        ("postgresql://u:hunter2/@h/db", "must be a file with one URL like postgresql://"),
        ("postgresql://u:hunter2@h:port/db", "must be a file with one URL like postgresql://"),
        ("postgresql://u:hunter2@h/db\npostgresql://h/b", "must be a file with one URL"),
        (b"\xff\xfe", "must be a file with text"),
    ],
)
def test_a_bad_database_file_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    """The message names the file and the remedy, never what is in it."""
    path = tmp_path / "dsn"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(SettingsError) as caught:
        load(Settings, {"GOVERNOR_DATABASE_URL_FILE": str(path)})

    assert f"GOVERNOR_DATABASE_URL_FILE='{path}' {message}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "GOVERNOR_DATABASE_URL_FILE is not set; it must name a file"),
        (
            {"GOVERNOR_DATABASE_URL_FILE": "/no/such"},
            "GOVERNOR_DATABASE_URL_FILE='/no/such' must be a file that can be read (no such",
        ),
        (
            {"GOVERNOR_DATABASE_URL_FILE": "postgresql://u:hunter2@h/db"},
            "GOVERNOR_DATABASE_URL_FILE=(not shown, it may hold a secret) must be the path of a",
        ),
        (
            {"GOVERNOR_DATABASE_URL": "postgresql://u:hunter2@h/db"},
            "GOVERNOR_DATABASE_URL is no setting; did you mean GOVERNOR_DATABASE_URL_FILE?",
        ),
        (
            {"GOVERNOR_METRICS_ADDRESS": "postgresql://u:hunter2@h/db"},
            "GOVERNOR_METRICS_ADDRESS=(not shown, it may hold a secret) must be HOST:PORT",
        ),
    ],
)
def test_the_database_must_be_said_and_no_secret_is_repeated(
    environ: dict[str, str], message: str
) -> None:
    """Whoever puts a secret in the wrong place is told so without an echo."""
    with pytest.raises(SettingsError) as caught:
        load(Settings, environ)

    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_mistakes_are_told_at_once(url_file: Path) -> None:
    """Nobody should have to restart once a mistake."""
    environ = {
        "GOVERNOR_DATABASE_URL_FILE": str(url_file),
        "GOVERNOR_METRIC_CHECKS": "10",
        "GOVERNOR_XYZZY": "1",
        "GOVERNOR_LOG_FORMAT": "xml",
        "GOVERNOR_NAMESPACE": "No",
    }

    with pytest.raises(SettingsError) as caught:
        load(Settings, environ)

    assert [line.split("=")[0].split()[0] for line in str(caught.value).splitlines()[1:]] == [
        "GOVERNOR_LOG_FORMAT",
        "GOVERNOR_NAMESPACE",
        "GOVERNOR_METRIC_CHECKS",
        "GOVERNOR_XYZZY",
    ]
    assert "did you mean GOVERNOR_METRICS_CHECKS?" in str(caught.value)
    assert "GOVERNOR_XYZZY is no setting; see `governor run --help`" in str(caught.value)


def test_what_kubernetes_sets_for_a_service_is_no_mistake(url_file: Path) -> None:
    """A Service named governor-metrics in the pod's namespace sets variables like these."""
    load(
        Settings,
        {
            "GOVERNOR_DATABASE_URL_FILE": str(url_file),
            "GOVERNOR_SERVICE_HOST": "10.0.0.1",
            "GOVERNOR_METRICS_SERVICE_HOST": "10.0.0.1",
            "GOVERNOR_METRICS_SERVICE_PORT": "8080",
            "GOVERNOR_METRICS_SERVICE_PORT_HTTP": "8080",
            "GOVERNOR_METRICS_PORT": "tcp://10.0.0.1:8080",
            "GOVERNOR_METRICS_PORT_8080_TCP": "tcp://10.0.0.1:8080",
            "GOVERNOR_METRICS_PORT_8080_TCP_ADDR": "10.0.0.1",
        },
    )

    with pytest.raises(SettingsError, match="GOVERNOR_METRICS_PORT is no setting"):
        load(DatabaseSettings, {"GOVERNOR_METRICS_PORT": "8080"})


def test_a_migration_ignores_the_settings_of_the_operator(url_file: Path) -> None:
    """One environment can serve both commands; what concerns only the other is not read."""
    environ = {"GOVERNOR_DATABASE_URL_FILE": str(url_file), "GOVERNOR_METRICS_CHECKS": "x"}

    assert load(DatabaseSettings, environ).database_schema == "governance"


def test_in_a_pod_the_namespace_is_the_pods(url_file: Path, outside_a_pod: Path) -> None:
    """The variable wins over the pod's file, the file over the default."""
    outside_a_pod.write_text("team-a\n")
    environ = {"GOVERNOR_DATABASE_URL_FILE": str(url_file)}

    assert load(Settings, environ).namespace == "team-a"
    assert load(Settings, environ | {"GOVERNOR_NAMESPACE": "b"}).namespace == "b"


def test_every_setting_says_what_it_means() -> None:
    """What `--help` lists is complete."""
    described = {name: (default, text) for name, default, text in describe(Settings)}

    assert len(described) == len(Settings.model_fields)
    assert described["GOVERNOR_DATABASE_URL_FILE"][0] == "required"
    assert described["GOVERNOR_METRICS_ADDRESS"][0] == "default: :8080"
    assert all(len(text) > 20 for _, text in described.values())
