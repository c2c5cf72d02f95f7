"""The local overlay applies the shipped samples, and changes only what it must."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from governor_local import binaries, manifests

ADDRESSES = manifests.Addresses(
    prometheus="http://127.0.0.1:12345",
    alertmanager="http://127.0.0.1:12346",
    cloud_events="http://127.0.0.1:12347/cloudevents",
)
Path = tuple[str, ...]
Key = tuple[str, str]


def objects(text: str) -> Mapping[Key, Any]:
    return {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(text)}


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, (*path, key))
        case list():
            for index, inner in enumerate(value):
                yield from leaves(inner, (*path, str(index)))
        case _:
            yield path, value


def differences(shipped: Any, local: Any) -> dict[Path, tuple[Any, Any]]:
    before, after = dict(leaves(shipped)), dict(leaves(local))
    return {
        path: (before.get(path), after.get(path))
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }


def test_only_intervals_addresses_and_tls_mode_differ() -> None:
    kubectl = binaries._kubectl()
    shipped = objects(manifests.rendered(kubectl, manifests.DEPLOY / "samples"))
    local = objects(manifests.local_samples(kubectl, ADDRESSES))

    assert shipped.keys() == local.keys()
    found = {key: differences(shipped[key], local[key]) for key in shipped}

    assert {key: diff for key, diff in found.items() if diff} == {
        ("GovernancePolicy", "flywheel"): {
            ("spec", "interval"): ("1h", "5s"),
            ("spec", "checks", "2", "interval"): ("15m", "5s"),
        },
        ("GovernanceSource", "prometheus"): {
            ("spec", "prometheus", "url"): (
                "http://prometheus-operated.monitoring.svc:9090",
                ADDRESSES.prometheus,
            ),
        },
        ("GovernanceSource", "platform"): {
            ("spec", "postgres", "tls", "mode"): ("VerifyFull", "Disable"),
        },
        ("GovernanceChannel", "oncall"): {
            ("spec", "alertmanager", "urls", "0"): (
                "http://alertmanager-main-0.alertmanager-operated.monitoring.svc:9093",
                ADDRESSES.alertmanager,
            ),
        },
        ("GovernanceChannel", "event-bus"): {
            ("spec", "cloudEvents", "url"): (
                "https://events.example.org/governance",
                ADDRESSES.cloud_events,
            ),
        },
    }
