"""The sources that `governor check` measures from: manifests, or a URL for each name.

Secrets come from files or from the environment. Never from the command line: every user
of the machine can read that, and shells keep it.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from governor.api.loading import load_source
from governor.api.source import SourceSpec
from governor.cli.documents import Document, read
from governor.domain.resources import secret_names
from governor.errors import SpecError
from governor.probes.base import Access

KIND = "GovernanceSource"

Secrets = Mapping[str, Mapping[str, bytes]]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_AUTHORITY = re.compile(r"([a-z]+://)?([^/?#]*@)?(.*)", re.DOTALL)
_SECRET = "command-line"  # noqa: S105 - the name of a Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source and the Secrets that it names."""

    spec: SourceSpec
    secrets: Secrets


def from_files(paths: Sequence[str]) -> dict[str, Source]:
    """The sources of manifests, with the Secrets that stand beside them.

    `${NAME}` in a Secret's stringData is taken from the environment. A login for
    remediation is not asked for.

    Raises:
        SpecError: something can't be understood, or a Secret is missing.
    """
    documents = list(read(paths))
    secrets = {d.name: _secret(d) for d in documents if d.kind == "Secret"}
    sources: dict[str, Source] = {}
    for document in documents:
        document.check_kind()
        if document.kind != KIND:
            continue
        spec = _for_measuring(document.loaded(load_source))
        if document.name in sources:
            raise document.refused("stands there twice")
        if missing := secret_names(spec) - secrets.keys():
            raise document.refused(
                f"Secret {min(missing)} is missing: put it beside the source, with "
                "stringData, where ${NAME} stands for an environment variable"
            )
        sources[document.name] = Source(spec=spec, secrets=secrets)
    if paths and not sources:
        raise SpecError(f"there is no {KIND} in {', '.join(paths)}")
    return sources


def from_url(name: str, value: str, *, tls_mode: str | None, ca_file: str | None) -> Source:
    """A source that everything may be measured from.

    Args:
        name: of the source, as checks refer to it.
        value: postgresql://… or http(s)://…, in which `${NAME}` stands for an
            environment variable; or `@FILE`, a file that holds such a URL.
        tls_mode: VerifyFull (None), VerifyCA or Disable; for PostgreSQL.
        ca_file: the authorities to trust; the system's without it.

    Raises:
        SpecError: what is wrong with it, without repeating the URL.
    """
    url = _url(name, value)
    ca = {} if ca_file is None else {"ca": _file(name, ca_file).encode()}
    tls: dict[str, Any] = {"caSecretRef": _reference("ca")} if ca else {}
    keys: dict[str, bytes]
    split = _split(name, url)
    match split.scheme:
        case "postgresql" | "postgres":
            if re.search(r"(?:^|&)ssl\w*=", split.query):
                raise _refused(
                    name,
                    f"take sslmode and its like out of the URL: --tls-mode {name}=MODE says how "
                    f"the server is verified (Disable: no TLS), --ca-file {name}=FILE by whom",
                )
            tls |= {"mode": tls_mode} if tls_mode else {}
            spec, keys = _postgres(tls), {"dsn": url.encode()}
        case "http" | "https":
            if tls_mode is not None:
                raise _refused(name, "--tls-mode is for PostgreSQL; use https:// or http://")
            bare, keys = _without_login(url)
            spec = _prometheus(bare, tls, login=bool(keys))
        case _:
            raise _refused(name, "its URL must start with postgresql://, http:// or https://")
    try:
        loaded = load_source({"spec": {"allowedNamespaces": {"from": "All"}, **spec}})
    except SpecError as error:
        raise _refused(name, str(error)) from error
    return Source(spec=loaded, secrets={_SECRET: keys | ca})


def _postgres(tls: Mapping[str, Any]) -> dict[str, Any]:
    dsn = _reference("dsn")
    return {
        "access": [Access.BUILTIN_CHECKS, Access.CUSTOM_SQL],
        "postgres": {"secretRef": dsn, "customSqlSecretRef": dsn, "tls": tls or None},
    }


def _prometheus(url: str, tls: Mapping[str, Any], *, login: bool) -> dict[str, Any]:
    basic = {"name": _SECRET} if login else None
    return {"prometheus": {"url": url, "basicSecretRef": basic, "tls": tls or None}}


def _reference(key: str) -> dict[str, Any]:
    return {"name": _SECRET, "key": key}


def _url(name: str, value: str) -> str:
    if value.startswith("@"):
        return _file(name, value[1:]).strip()
    literal = _password(_split(name, value))
    if literal and not _VARIABLE.search(literal):
        raise _refused(
            name,
            "no password on the command line: write '${VARIABLE}' in its place (in single "
            "quotes, so that the shell leaves it alone), or @FILE for the whole URL",
        )

    def missing(variable: str) -> SpecError:
        return _refused(name, f"the environment variable {variable} is not set")

    # A password from a variable is as it is: encode what would end the authority early.
    start, login, rest = re.findall(_AUTHORITY, value)[0]
    return f"{start}{_expanded(login, missing, _quoted)}{_expanded(rest, missing)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _split(name: str, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise _refused(name, "its URL can't be understood") from error


def _password(url: SplitResult) -> str:
    """The password in a URL, also where libpq would find it; empty if there is none."""
    queried = re.search(r"(?:^|&)password=([^&]*)", url.query)
    return url.password or (queried[1] if queried else "")


def _without_login(url: str) -> tuple[str, dict[str, bytes]]:
    """A URL without user and password, and those."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    user, password = unquote(parts.username), unquote(parts.password or "")
    return bare, {"username": user.encode(), "password": password.encode()}


def _expanded(
    text: str,
    missing: Callable[[str], SpecError],
    encode: Callable[[str], str] = str,
) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise missing(match[1])
        return encode(os.environ[match[1]])

    return _VARIABLE.sub(value, text)


def _secret(document: Document) -> dict[str, bytes]:
    data, texts = document.body.get("data") or {}, document.body.get("stringData") or {}
    if not isinstance(data, Mapping) or not isinstance(texts, Mapping):
        raise document.refused("data and stringData must map keys to text")
    try:
        secret = {str(k): base64.b64decode(str(v), validate=True) for k, v in data.items()}
    except binascii.Error as error:
        raise document.refused("data must be base64; plain text belongs into stringData") from error

    def missing(variable: str) -> SpecError:
        return document.refused(f"the environment variable {variable} is not set")

    return secret | {str(k): _expanded(str(v), missing).encode() for k, v in texts.items()}


def _for_measuring(spec: SourceSpec) -> SourceSpec:
    """The source without its login for remediation: who only measures can't change anything."""
    access = spec.access and tuple(it for it in spec.access if it is not Access.REMEDIATION)
    postgres = spec.postgres and spec.postgres.model_copy(update={"remediation_secret_ref": None})
    return spec.model_copy(update={"access": access, "postgres": postgres})


def _file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise _refused(name, f"file {path}: {why.lower()}") from error


def _refused(name: str, why: str) -> SpecError:
    return SpecError(f"source {name}: {why}")
