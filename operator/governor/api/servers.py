"""How specs name servers and the Secrets for them, which live in the operator's namespace."""

from governor.values.model import ATOMIC, SpecModel
from governor.values.names import ObjectName, SecretKey
from governor.values.rules import Rule, spelled

_URL = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9/._~%!$&()*+,;=:@-]*)?$"

URL_LENGTH = 2048


def addressed(example: str, credentials: str) -> Rule:
    """URLs of servers, with a path prefix if they have one.

    Args:
        example: a URL that would do.
        credentials: the fields that credentials belong in.
    """
    return spelled(
        _URL,
        f"give an http or https URL without user, query or fragment, such as {example}; "
        f"credentials belong in {credentials}",
    )


AT_MOST_ONE_CREDENTIAL = Rule(
    message="give at most one of bearerSecretRef and basicSecretRef",
    cel="!(has(self.bearerSecretRef) && has(self.basicSecretRef))",
    holds=lambda it: it.bearer_secret_ref is None or it.basic_secret_ref is None,
)

TLS_NEEDS_HTTPS = Rule(
    message="tls needs an https url: change the url, or remove tls",
    cel="!has(self.tls) || self.url.startsWith('https://')",
    holds=lambda it: it.tls is None or it.url.startswith("https://"),
)
"""Of a server with one url."""


class SecretRef(SpecModel):
    """A Secret in the operator's own namespace."""

    model_config = ATOMIC

    name: ObjectName
    """The Secret's name, in the operator's own namespace."""


class SecretKeyRef(SecretRef):
    """One key of a Secret in the operator's own namespace."""

    key: SecretKey
    """The key within the Secret."""


class BasicSecretRef(SecretRef):
    """A Secret in the operator's own namespace holding a user and a password."""

    username_key: SecretKey | None = None
    """The key that holds the user's name. Default: username."""

    password_key: SecretKey | None = None
    """The key that holds the password. Default: password."""


class HttpTls(SpecModel):
    """How an HTTP server proves who it is, and how the operator does."""

    ca_secret_ref: SecretKeyRef | None = None
    """The authorities to trust, as PEM. Default: those of the operator's system."""

    client_secret_ref: SecretRef | None = None
    """A Secret of type kubernetes.io/tls: the certificate to show, with its chain, under
    tls.crt, and its private key, without a passphrase, under tls.key. Default: none is shown."""
