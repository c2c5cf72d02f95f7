"""Building a Prometheus instrument: every bad Secret and url is refused before it is used."""

from datetime import UTC, datetime
from typing import Any

import pytest

from governor.adapters.instruments import Instruments
from governor.adapters.prometheus import make_prometheus
from governor.api.namespaces import AllowedNamespaces
from governor.api.source import PrometheusSource, SourceSpec
from governor.probes.base import SourceRef
from governor.probes.sql import Sql
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

URL = "https://prometheus:9090"
BEARER = {"bearerSecretRef": {"name": "access", "key": "token"}}
BASIC = {"basicSecretRef": {"name": "access"}}
AUTHORITY = {"tls": {"caSecretRef": {"name": "access", "key": "ca.crt"}}}

PLANTED = "planted"

BAD_SECRETS: dict[str, tuple[dict[str, Any], dict[str, dict[str, bytes]], str]] = {
    "no Secret": (BEARER, {}, "no Secret access"),
    "no key": (BEARER, {"access": {"other": b"x"}}, "key token does not exist"),
    "empty": (BEARER, {"access": {"token": b"\n"}}, "key token is empty"),
    "a line end within": (BEARER, {"access": {"token": b"planted\nX-Evil: 1"}}, "control"),
    "a NUL": (BEARER, {"access": {"token": b"planted\0"}}, "control"),
    "two words": (BEARER, {"access": {"token": b"Bearer planted"}}, "without spaces"),
    "not ASCII": (BEARER, {"access": {"token": "plantedä".encode()}}, "one token"),
    "not UTF-8": (BEARER, {"access": {"token": b"planted\xff"}}, "UTF-8"),
    "no user": (BASIC, {"access": {"password": b"planted"}}, "key username does not exist"),
    "no password": (BASIC, {"access": {"username": b"ana"}}, "key password does not exist"),
    "a colon in the user": (
        BASIC,
        {"access": {"username": b"a:b", "password": b"planted"}},
        "without a colon",
    ),
    "a CA that is none": (AUTHORITY, {"access": {"ca.crt": b"planted"}}, "PEM"),
    "a CA that is empty": (AUTHORITY, {"access": {"ca.crt": b""}}, "PEM"),
    "a CA that is binary": (AUTHORITY, {"access": {"ca.crt": b"\x30\x82planted"}}, "PEM"),
    "a CA that is damaged": (
        AUTHORITY,
        {"access": {"ca.crt": b"-----BEGIN CERTIFICATE-----\nplanted\n-----END CERTIFICATE-----"}},
        "PEM",
    ),
}


@pytest.mark.parametrize(
    ("fields", "secrets", "words"), BAD_SECRETS.values(), ids=list(BAD_SECRETS)
)
def test_a_bad_secret_is_secret_invalid(
    fields: dict[str, Any], secrets: dict[str, dict[str, bytes]], words: str
) -> None:
    """The message names the Secret and the remedy, and never tells a value."""
    spec = PrometheusSource.model_validate({"url": URL, **fields})

    with pytest.raises(FaultError) as caught:
        make_prometheus("prometheus", spec, secrets)

    fault = caught.value.fault
    assert fault.reason is Reason.SECRET_INVALID
    assert "Secret access" in fault.message
    assert words in fault.message
    assert PLANTED not in fault.message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://prometheus", "http://"),
        ("https://", "http://"),
        ("https://ana:planted@prometheus", "bearerSecretRef"),
        ("https://prometheus/?a=b", "no ?"),
        ("https://prometheus:port", "not a URL"),
        ("https://prometheus:70000", "a port from 1 to 65535"),
        ("https://xn--a.example", "is not a URL"),
        ("https://prometheus:0", "a port from 1 to 65535"),
    ],
)
def test_a_bad_url_leads_to_no_source(url: str, words: str) -> None:
    """Also where no schema held it back; the url, which may hold a password, is not told."""
    spec = PrometheusSource.model_construct(url=url)

    with pytest.raises(FaultError) as caught:
        make_prometheus("prometheus", spec, {})

    fault = caught.value.fault
    assert fault.reason is Reason.SOURCE_NOT_FOUND
    assert words in fault.message
    assert PLANTED not in fault.message


def test_a_source_of_no_kind() -> None:
    """Nothing is guessed where no schema held it back."""
    everybody = AllowedNamespaces.model_validate({"from": "All"})
    with pytest.raises(FaultError) as caught:
        Instruments().make("odd", SourceSpec.model_construct(allowed_namespaces=everybody), {})

    assert caught.value.fault.reason is Reason.SOURCE_NOT_FOUND


async def test_a_probe_of_another_kind() -> None:
    """SQL is never sent to a Prometheus, also where nobody asked for admission."""
    source = make_prometheus("prometheus", PrometheusSource(url=URL), {})
    probe = Sql(source_ref=SourceRef(name="prometheus"), statement="select 1")

    outcome = await source.measure(probe, datetime.now(UTC))
    await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.SOURCE_NOT_FOUND
