"""How this process is set up: `GOVERNOR_*` variables, read once and checked together.

A wrong setting stops the process before it does anything, with every mistake named at
once. No setting is a secret: where one is needed, the setting names a file that holds it.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from governor.errors import SettingsError
from governor.values.names import NAMESPACE

PREFIX = "GOVERNOR_"

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod reads the namespace that it runs in."""

TlsMode = Literal["VerifyFull", "VerifyCA", "Disable"]

_SERVICE_LINK = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
"""What Kubernetes sets by itself in a pod for a Service whose name starts with `governor`."""

_LARGEST_PORT = 65535


class Address(NamedTuple):
    """Where a server listens. No host: on every interface."""

    host: str | None
    port: int

    def __str__(self) -> str:
        """As it is written in a setting."""
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host or ""
        return f"{host}:{self.port}"


def _read_database_url(value: Any) -> SecretStr:
    if "://" in str(value):
        raise ValueError("must be the path of a file that holds the URL, never the URL itself")
    text = _read_file(value).strip()
    if not text:
        raise ValueError("is an empty file; put the URL of the sink's database into it")
    if not _is_database_url(text):
        raise ValueError(
            "must be a file with one URL like postgresql://user:password@host:5432/database; "
            "percent-encode special characters of the password"
        )
    if "sslmode=" in text:
        raise ValueError(
            "must be a file with a URL without sslmode: remove it and set "
            f"{PREFIX}DATABASE_TLS_MODE"
        )
    return SecretStr(text)


def _is_database_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return False
    # A socket's folder is no host; it stands in the query.
    somewhere = bool(url.hostname) or "host=" in url.query
    complete = somewhere and bool(url.username and url.path.strip("/"))
    return complete and url.scheme in ("postgresql", "postgres") and not re.search(r"\s", text)


def _read_file(value: Any) -> str:
    try:
        return Path(value).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("must be a file with text") from None
    except OSError as error:
        why = (error.strerror or "unknown").lower()
        raise ValueError(
            f"must be a file that can be read ({why}): correct the path or mount it"
        ) from None


def _readable(value: Any) -> Path:
    _read_file(value)
    return Path(value)


def _read_address(value: Any) -> Address:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/@]*):([0-9]{1,5})", str(value))
    if match is None or int(match[2]) > _LARGEST_PORT:
        raise ValueError("must be HOST:PORT, or :PORT for every interface")
    return Address(match[1].strip("[]") or None, int(match[2]))


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _matching(pattern: str, remedy: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(remedy)
        return value

    return AfterValidator(check)


Namespace = Annotated[
    str,
    _matching(
        NAMESPACE,
        "must be a namespace's name: at most 63 lower case letters, digits and dashes",
    ),
]
SchemaName = Annotated[
    str,
    _matching(
        r"(?!pg_)[a-z_][a-z0-9_]{0,62}",
        "must be a plain name: at most 63 lower case letters, digits and underscores, not pg_…",
    ),
]
ListenAddress = Annotated[Address, BeforeValidator(_read_address)]
ReadableFile = Annotated[Path, BeforeValidator(_readable)]


class DatabaseSettings(BaseModel):
    """What `governor migrate` needs, and `governor run` too: the sink, and how to log."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    database_url: Annotated[
        SecretStr, BeforeValidator(_read_database_url), Field(alias="DATABASE_URL_FILE")
    ]
    """File with the URL of the PostgreSQL database that keeps governance events. Read at
    start."""

    database_schema: Annotated[SchemaName, Field(alias="DATABASE_SCHEMA")] = "governance"
    """Schema of the tables in that database."""

    database_tls_mode: Annotated[TlsMode, Field(alias="DATABASE_TLS_MODE")] = "VerifyFull"
    """How that server's certificate is verified: VerifyFull, VerifyCA (any host name) or
    Disable (no TLS)."""

    database_ca_file: Annotated[ReadableFile | None, Field(alias="DATABASE_CA_FILE")] = None
    """File with the certificate authorities to trust there. Without it, the system's."""

    log_format: Annotated[
        Literal["json", "console"], BeforeValidator(_lower), Field(alias="LOG_FORMAT")
    ] = "json"
    """json: one object a line, for machines. console: for people."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(_lower),
        Field(alias="LOG_LEVEL"),
    ] = "info"
    """The least that is logged: debug, info, warning or error."""


class Settings(DatabaseSettings):
    """Everything that `governor run` can be told."""

    namespace: Annotated[Namespace, Field(alias="NAMESPACE")] = "governance-system"
    """The operator's own namespace, the only one in which it reads Secrets. In a pod the
    default is the pod's."""

    cluster_name: Annotated[str, StringConstraints(max_length=253), Field(alias="CLUSTER_NAME")] = (
        ""
    )
    """The name of this cluster in messages, in alerts (label `cluster`), in the source of
    CloudEvents, in logs and in governor_build_info; without one, the uid of the namespace
    kube-system, which tells clusters apart in the database. To receivers another name is
    another cluster."""

    kubeconfig: Annotated[ReadableFile | None, Field(alias="KUBECONFIG")] = None
    """kubeconfig file to use outside a pod; KUBECONFIG itself is never looked at. Without
    it, the pod's ServiceAccount is used."""

    identity: Annotated[str, StringConstraints(max_length=253), Field(alias="IDENTITY")] = ""
    """What this replica is called in the Lease; no two may share it. Without one, the host's
    name, in a pod the pod's. A process that is started again under the same name need not
    wait until its own Lease is over."""

    metrics_address: Annotated[ListenAddress, Field(alias="METRICS_ADDRESS")] = Address(None, 8080)
    """Where /metrics is served: HOST:PORT, or :PORT for every interface, as a pod needs
    it."""

    health_address: Annotated[ListenAddress, Field(alias="HEALTH_ADDRESS")] = Address(None, 8081)
    """Where /healthz and /readyz are served. May be the same address."""

    metrics_checks: Annotated[int, Field(alias="METRICS_CHECKS", ge=0, le=1_000_000)] = 5000
    """At most so many checks have series of their own; the others are only counted."""

    measurements_days: Annotated[int, Field(alias="MEASUREMENTS_DAYS", ge=0, le=366)] = 7
    """For so many days every value is kept in the table governance_measurements, for
    `governor history` and dashboards. 0: none is stored; what is there stays."""


S = TypeVar("S", bound=DatabaseSettings)


def load(kind: type[S], environ: Mapping[str, str]) -> S:
    """The settings of that kind from these variables.

    Raises:
        SettingsError: every mistake, one a line, with its remedy. Values that may
            hold a secret are not repeated.
    """
    given = {
        name.removeprefix(PREFIX): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and not _is_service_link(name, value)
    }
    known = {_alias(field) for field in Settings.model_fields.values()}
    mistakes = [_unknown(name, known) for name in sorted(given.keys() - known)]
    if "NAMESPACE" not in given and NAMESPACE_FILE.is_file():
        given["NAMESPACE"] = NAMESPACE_FILE.read_text(encoding="utf-8").strip()
    wanted = {_alias(field) for field in kind.model_fields.values()}
    try:
        settings = kind.model_validate({k: v for k, v in given.items() if k in wanted})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        raise _error([*(_mistake(detail) for detail in details), *mistakes]) from None
    if mistakes:
        raise _error(mistakes)
    return settings


def describe(kind: type[DatabaseSettings]) -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of each setting, for `--help`.

    The default reads `required` or `default: …`, and is empty where there is none.
    """
    for field in kind.model_fields.values():
        required = field.default is PydanticUndefined
        default = "required" if required else f"default: {field.default}" if field.default else ""
        yield PREFIX + _alias(field), default, " ".join((field.description or "").split())


def _alias(field: FieldInfo) -> str:
    return field.alias or ""


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.search(name)) or (name.endswith("_PORT") and "://" in value)


def _unknown(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean {PREFIX}{close[0]}?" if close else "see `governor run --help`"
    return f"{PREFIX}{name} is no setting; {remedy}"


def _mistake(detail: ErrorDetails) -> str:
    name = f"{PREFIX}{detail['loc'][0]}"
    if detail["type"] == "missing":
        return f"{name} is not set; it must name a file with the URL of the sink's database"
    text = detail["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    return f"{name}={_shown(str(detail['input']))} {text}"


def _shown(value: str) -> str:
    secretive = "@" in value or "://" in value
    return "(not shown, it may hold a secret)" if secretive else repr(value[:100])


def _error(mistakes: list[str]) -> SettingsError:
    return SettingsError("\n".join(["the settings are wrong:", *(f"  {m}" for m in mistakes)]))
