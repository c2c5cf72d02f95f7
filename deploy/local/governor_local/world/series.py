"""The metrics that the platform exposes: a text file that the exporter serves.

The recording rules (`recording-rules.yaml`) turn them into the `sli:*` series.
What is *not* here is missing on purpose: nobody emits what the demo's policy
`awaiting-data` asks for.
"""

from collections.abc import Mapping
from pathlib import Path

from governor_local.world import Health

RULES = Path(__file__).with_name("recording-rules.yaml")

_LATENCY = "awooop_truth_chain_quality_summary_last_duration_seconds"

_CHANGING: Mapping[Health, Mapping[str, float]] = {
    Health.GOOD: {
        'aiops_decisions_5m{outcome="autonomous"}': 87,
        'aiops_decisions_5m{outcome="handed_over"}': 13,
        'aiops_decisions_judged_5m{outcome="right"}': 175,  # a Warning: 0.875
        'aiops_decisions_judged_5m{outcome="wrong"}': 25,
        "aiops_confidence_error_1h": 0.125,
        'knowledge_entries_created_24h{source="incidents"}': 31,
        'knowledge_entries_created_24h{source="reviews"}': 12,
        f'{_LATENCY}{{project_id="awoooi",limit="8",success="true"}}': 1.5,
    },
    Health.BAD: {
        'aiops_decisions_5m{outcome="autonomous"}': 55,
        'aiops_decisions_5m{outcome="handed_over"}': 45,
        'aiops_decisions_judged_5m{outcome="right"}': 150,
        'aiops_decisions_judged_5m{outcome="wrong"}': 50,
        "aiops_confidence_error_1h": 0.5,
        'knowledge_entries_created_24h{source="incidents"}': 3,
        'knowledge_entries_created_24h{source="reviews"}': 1,
        f'{_LATENCY}{{project_id="awoooi",limit="8",success="true"}}': 11.5,
    },
}

_STEADY: Mapping[str, float] = {
    # Not what the latency SLO asks for: its selector must leave them out.
    f'{_LATENCY}{{project_id="awoooi",limit="8",success="false"}}': 30,
    f'{_LATENCY}{{project_id="sandbox",limit="8",success="true"}}': 45,
    'aiops_repairs_5m{result="success"}': 96,
    'aiops_repairs_5m{result="failed"}': 4,
    'aiops_drafts_1h{result="accepted"}': 70,
    'aiops_drafts_1h{result="rejected"}': 30,
    # Nobody rated an answer: the rule divides 0 by 0 and records NaN.
    'aiops_answers_rated_5m{rating="helpful"}': 0,
    'aiops_answers_rated_5m{rating="useless"}': 0,
    'aiops_agent_queue_depth{agent="hermes"}': 4,
    'aiops_agent_queue_depth{agent="openclaw"}': 11,
    'aiops_agent_queue_depth{agent="elephant-alpha"}': 2,
}


def exposition(health: Health) -> str:
    """The metrics in Prometheus' text format, without timestamps."""
    series = {**_CHANGING[health], **_STEADY}
    return "".join(f"{name} {value}\n" for name, value in series.items())


def write(file: Path, health: Health) -> None:
    """Replace the exporter's file at once: no scrape sees half of it."""
    fresh = file.with_suffix(".new")
    fresh.write_text(exposition(health))
    fresh.replace(file)
