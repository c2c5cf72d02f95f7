"""What an operator's process says of itself over HTTP and in its log."""

import json
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from governor_local.operator_process import OperatorProcess


def series(
    operator: OperatorProcess, name: str | None = None, **labels: str
) -> list[tuple[dict[str, str], float]]:
    """The samples of a metric that have these labels: all their labels, and the value.

    No name: of all metrics.
    """
    url = f"http://127.0.0.1:{operator.metrics_port}/metrics"
    text = httpx.get(url, trust_env=False, timeout=10).text
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if name in (None, sample.name) and labels.items() <= sample.labels.items()
    ]


def value(operator: OperatorProcess, name: str, **labels: str) -> float | None:
    """The value of the one sample of a metric that has these labels; None if there is none."""
    samples = series(operator, name, **labels)
    assert len(samples) <= 1, samples
    return samples[0][1] if samples else None


def health(operator: OperatorProcess, path: str) -> tuple[int, dict[str, Any]]:
    """Status and answer of `healthz` or `readyz`; status 0 if nobody answers."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{operator.port}/{path}", trust_env=False, timeout=10)
    except httpx.TransportError:
        return 0, {}
    return answer.status_code, answer.json()


def said(operator: OperatorProcess) -> list[dict[str, Any]]:
    """Its log, from its first start on; a line that is still being written is left out."""
    whole = operator.log.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]
