"""etcd and kube-apiserver: all of a cluster that the operator needs.

There is no kube-controller-manager, scheduler or kubelet: no namespace is ever
finalized, no pod runs. CEL rules, admission policies, RBAC and ServiceAccount
tokens (TokenRequest) are the API server's own and work.
"""

import base64
import secrets
import signal
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import httpx
import yaml

from governor_local.audit import AuditLog
from governor_local.certificates import Authority, make_signing_key
from governor_local.servers import Server
from governor_local.state import StateFile
from governor_local.table import ProcessTable


class Etcd(Server):
    """etcd, reached over TLS with a client certificate."""

    # Its orderly stop waits seconds for the API server's watches, and saves nothing.
    stop_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, program: Path, certificates: Path, table: ProcessTable) -> None:
        super().__init__("etcd", table)
        self._executable = program
        self._certificates = certificates

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"https://127.0.0.1:{self.port}"

    def _program(self) -> Sequence[str | Path]:
        return [
            self._executable,
            f"--data-dir={self.directory / 'data'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            "--listen-peer-urls=http://127.0.0.1:0",  # there are no peers
            f"--cert-file={self._certificates / 'etcd.crt'}",
            f"--key-file={self._certificates / 'etcd.key'}",
            f"--trusted-ca-file={self._certificates / 'ca.crt'}",
            "--client-cert-auth",
            "--unsafe-no-fsync",  # survives a kill of the process, not of the machine
            "--log-level=warn",
        ]

    def _is_ready(self) -> bool:
        context = _trust(self._certificates)
        context.load_cert_chain(
            self._certificates / "apiserver.crt", self._certificates / "apiserver.key"
        )
        return answers(f"{self.url}/health", context)


class ApiServer(Server):
    """kube-apiserver with RBAC and one administrator, who has a token.

    Attributes:
        audit: what it notes of programs.
    """

    ready_seconds: ClassVar[float] = 120
    # Its orderly stop waits for open watches; etcd has all that matters.
    stop_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self, program: Path, certificates: Path, etcd: Etcd, token: str, table: ProcessTable
    ) -> None:
        super().__init__("kube-apiserver", table)
        self._executable = program
        self._certificates = certificates
        self._etcd = etcd
        self._token = token
        self.audit = AuditLog(self.directory)

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"https://127.0.0.1:{self.port}"

    def _prepare(self) -> None:
        tokens = self.directory / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{self._token},admin,admin,"system:masters"\n')
        if not (key := self.directory / "service-accounts.key").exists():
            make_signing_key(key)
        self.audit.prepare()

    def _program(self) -> Sequence[str | Path]:
        key = self.directory / "service-accounts.key"
        return [
            self._executable,
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--endpoint-reconciler-type=none",  # it refuses to publish a loopback address
            f"--etcd-servers={self._etcd.url}",
            f"--etcd-cafile={self._certificates / 'ca.crt'}",
            f"--etcd-certfile={self._certificates / 'apiserver.crt'}",
            f"--etcd-keyfile={self._certificates / 'apiserver.key'}",
            f"--tls-cert-file={self._certificates / 'apiserver.crt'}",
            f"--tls-private-key-file={self._certificates / 'apiserver.key'}",
            f"--cert-dir={self.directory}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",  # nobody makes the default accounts
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            *self.audit.arguments,
        ]

    def _is_ready(self) -> bool:
        context = _trust(self._certificates)
        # Made just after /readyz first says yes, and everybody counts on it.
        namespace = "/api/v1/namespaces/default"
        return all(
            answers(self.url + path, context, token=self._token) for path in ("/readyz", namespace)
        )


class ControlPlane:
    """The two servers and the ways into them.

    Attributes:
        etcd: the store; stopping it makes the API server fail its requests.
        apiserver: the API server.
        ca: file of the certificate authority that clients trust, in PEM.
        token: the administrator's bearer token.
    """

    def __init__(
        self, *, kube_apiserver: Path, etcd: Path, table: ProcessTable, state: StateFile
    ) -> None:
        self._certificates = table.data / "certificates"
        self._certificates.mkdir(mode=0o700, exist_ok=True)
        self.ca = self._certificates / "ca.crt"
        with state.change() as record:
            self.token = record.secrets.setdefault("admin-token", secrets.token_urlsafe(24))
        self.etcd = Etcd(etcd, self._certificates, table)
        self.apiserver = ApiServer(kube_apiserver, self._certificates, self.etcd, self.token, table)

    @property
    def url(self) -> str:
        """Address of the API server."""
        return self.apiserver.url

    def start(self) -> None:
        """Start what does not run, and wait until it is ready.

        Raises:
            StartError: one of the two did not become ready.
        """
        if not self.ca.exists():
            authority = Authority(self._certificates)
            authority.issue("etcd")
            authority.issue("apiserver")
        self.etcd.start()
        self.apiserver.start()

    def stop(self) -> None:
        """Stop both; the data stays."""
        self.apiserver.stop()
        self.etcd.stop()

    def write_kubeconfig(
        self, path: Path, *, token: str | None = None, namespace: str = "default"
    ) -> Path:
        """Write a kubeconfig that holds all it needs, readable for its owner only.

        Args:
            path: the file.
            token: a ServiceAccount's token, the administrator's if not given.
            namespace: the one that is meant where none is named.

        Returns:
            The path.
        """
        name = "governor-local"
        cluster = {
            "server": self.url,
            "certificate-authority-data": base64.b64encode(self.ca.read_bytes()).decode(),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token or self.token}}],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
            ],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path


def answers(url: str, context: ssl.SSLContext | None = None, *, token: str = "") -> bool:
    """Tell whether a GET of that address gives 200 within a second, no proxy asked."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(verify=context or False, trust_env=False, timeout=1) as client:
            return client.get(url, headers=headers).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _trust(certificates: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates / "ca.crt"))
