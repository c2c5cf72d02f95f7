"""Who the operator is to the API server, and how it knows that server.

Inside a pod: the mounted ServiceAccount. Outside: a kubeconfig with a token, a token
file or a client certificate. Plugins that run programs (`exec`) are refused: an
operator has an identity of its own.
"""

import base64
import binascii
import logging
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from governor.adapters.authorities import verifying
from governor.errors import SettingsError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_REREAD_SECONDS = 60.0
_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Credentials:
    """One server and one identity. The token is read again every minute."""

    server: str
    tls: ssl.SSLContext
    server_name: str | None = None
    """The name that the server's certificate must bear, if not the one in its address."""
    read_token: Callable[[], str | None]
    _token: str | None = field(default=None, init=False, repr=False)
    _read_at: float | None = field(default=None, init=False)

    def authorization(self) -> dict[str, str]:
        """The headers that prove who we are."""
        now = time.monotonic()
        if self._read_at is None or now - self._read_at >= _REREAD_SECONDS:
            self._read_at = now
            self._reread()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def renew(self) -> None:
        """Reads the token afresh for the next request: the last one was refused."""
        self._read_at = None

    def _reread(self) -> None:
        try:
            self._token = self.read_token()
        except (OSError, SettingsError) as error:
            if self._token is None:
                raise
            _logger.warning("The API server's token can't be read, the last one stays: %s", error)


def load(kubeconfig: Path | None) -> Credentials:
    """The credentials of a kubeconfig's current context, or of the pod without one.

    Raises:
        SettingsError: what is missing or unsupported, and the remedy.
    """
    try:
        return _from_kubeconfig(kubeconfig) if kubeconfig else _from_pod(os.environ)
    except (OSError, ssl.SSLError, binascii.Error) as error:
        raise SettingsError(f"The API server's credentials can't be read: {error}") from error


def _from_pod(environment: Mapping[str, str]) -> Credentials:
    host = environment.get("KUBERNETES_SERVICE_HOST")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise SettingsError("Not in a pod: set GOVERNOR_KUBECONFIG to a kubeconfig file.")
    return Credentials(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        tls=verifying(ca_file=SERVICE_ACCOUNT / "ca.crt"),
        read_token=lambda: (SERVICE_ACCOUNT / "token").read_text().strip(),
    )


def _from_kubeconfig(path: Path) -> Credentials:
    cluster, user = _current(path)
    server = str(cluster.get("server") or "").rstrip("/")
    if not server:
        raise SettingsError(f"{path}: the current cluster has no `server`.")
    for plugin in ("exec", "auth-provider", "username"):
        if user.get(plugin):
            raise SettingsError(
                f"{path}: `{plugin}` is not supported; use a token or a client certificate."
            )
    return Credentials(
        server=server,
        tls=_tls(path, cluster, user),
        server_name=cluster.get("tls-server-name"),
        read_token=lambda: _token(path, _current(path)[1]),
    )


def _current(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The cluster and the user of the current context."""
    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"] if context.get("user") else {}
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise SettingsError(
            f"{path} is no kubeconfig with a complete current context ({error!r});"
            " `kubectl config view --minify --flatten` writes one."
        ) from error
    return cluster or {}, user or {}


def _named(config: Mapping[str, Any], group: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {item["name"]: item for item in config[group]}[name]
    return found


def _token(path: Path, user: Mapping[str, Any]) -> str | None:
    if user.get("tokenFile"):
        return (path.parent / str(user["tokenFile"])).read_text().strip()
    token: str | None = user.get("token")
    return token


def _tls(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _material(path, cluster, "certificate-authority")
    context = verifying(pem=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _material(path, user, "client-certificate")
    key = _material(path, user, "client-key")
    if certificate and key:
        # OpenSSL takes files only; this one is private and gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _material(path: Path, section: Mapping[str, Any], name: str) -> bytes | None:
    """PEM from `<name>-data`, or from the file that `<name>` says, as kubectl has it."""
    if section.get(f"{name}-data"):
        return base64.b64decode(section[f"{name}-data"])
    return (path.parent / section[name]).read_bytes() if section.get(name) else None
