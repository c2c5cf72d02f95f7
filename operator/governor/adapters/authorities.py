"""Whose certificates are believed: the named authorities', else the public ones'.

From Python 3.13 on, the default context also refuses what is only formally odd, such as an
authority's certificate without a key identifier. Clusters and databases have such authorities of
their own, and no other client of theirs minds: chains, names and dates are verified all the same.
https://docs.python.org/3/library/ssl.html#ssl.create_default_context
"""

import ssl
from pathlib import Path


def verifying(*, ca_file: Path | None = None, pem: str | None = None) -> ssl.SSLContext:
    """A context for clients that verifies chains and names.

    Args:
        ca_file: of the authorities, in PEM.
        pem: the same as text; with neither the public authorities are believed.

    Raises:
        OSError: the file can't be read.
        ssl.SSLError: there is no certificate in PEM.
    """
    context = ssl.create_default_context(cafile=ca_file, cadata=pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
