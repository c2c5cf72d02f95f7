"""What the demo shows of the first evaluation, each with a word on what to look at."""

import json
from collections.abc import Iterator
from datetime import datetime

from governor_local import hearing, observing
from governor_local.stack import Stack
from governor_local.world import expected

_SHOWN = next(finding for finding in expected.OPENED if finding[1])
"""The finding whose telling is shown."""


def pictures(stack: Stack, since: datetime) -> Iterator[str]:
    """What kubectl, the database and those who are told show.

    Args:
        stack: whose.
        since: what was told before is not shown.

    Raises:
        CommandError: a server refused.
    """
    yield from _kubernetes(stack)
    rows = observing.table(observing.findings(stack))
    yield f"Findings are also rows in PostgreSQL: governance.ai_governance_events.\n{rows}"
    yield from _told(stack, since)
    work = observing.table(observing.work_items(stack))
    yield (
        "A check may ask for work: its finding became an item that an executor can claim,\n"
        f"in governance.governance_remediation_dispatch (docs/executors.md).\n{work}"
    )


def _kubernetes(stack: Stack) -> Iterator[str]:
    for caption, arguments in (
        (
            "Three policies: one complies, one is violated, and of one nobody can tell.",
            ("get", "governancepolicies", "-A"),
        ),
        (
            "demo/awaiting-data has SLOs whose metrics nobody emits. No data is never a pass.",
            ("describe", "governancepolicy", "awaiting-data", "-n", "demo"),
        ),
        ("What was told, once each, as Events.", ("get", "events", "-A")),
        (
            "People are told through channels. Here are three, each with a real receiver.",
            ("get", "governancechannels"),
        ),
    ):
        answer = stack.kubectl(*arguments).stdout.rstrip()
        yield f"{caption}\n$ kubectl {' '.join(arguments)}\n{answer}"


def _told(stack: Stack, since: datetime) -> Iterator[str]:
    """One finding as each channel was told of it."""
    alertmanager = stack.alertmanager
    yield (
        "Alertmanager has every finding that was told and is still open.\n"
        f"$ amtool --alertmanager.url={alertmanager.url} alert query\n"
        f"{alertmanager.amtool('alert', 'query')}"
    )
    for message in hearing.messages_about(stack, _SHOWN, since)[:1]:
        yield f"One of them as a chat was told of it.\n{_indented(message)}"
    for event in hearing.opened_events(stack, _SHOWN, since):
        # The details are long, and in the row above, too.
        shown = {**event, "data": {**event["data"], "details": "…"}}
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        yield f"And as a CloudEvent, once for each transition.\n{_indented(text)}"


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}".rstrip() for line in text.splitlines())
