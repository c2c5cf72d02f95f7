"""What can be seen of the operator's work: verdicts in the API server, rows in the sink."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from governor_local.operator_process import SINK_DATABASE
from governor_local.stack import Stack
from governor_local.world.expected import Check, Seen

_POLL_SECONDS = 0.25

_FINDINGS = """
select json_build_object(
  'event type', event_type,
  'policy', namespace || '/' || policy,
  'check', check_name,
  'severity', severity,
  'state', case when resolved then 'resolved: ' || resolved_reason else 'open' end,
  'opened', to_char(opened_at, 'HH24:MI:SS'),
  'id', id
)
from governance.ai_governance_events
order by opened_at, namespace, policy, event_type, check_name
"""

_WORK_ITEMS = """
select json_build_object(
  'executor', executor_type,
  'status', dispatch_status,
  'policy', event.namespace || '/' || event.policy,
  'check', work.check_name,
  'attempts', attempts || ' of ' || max_attempts,
  'created', to_char(created_at, 'HH24:MI:SS'),
  'finding', governance_event_id
)
from governance.governance_remediation_dispatch work
join governance.ai_governance_events event on event.id = governance_event_id
order by created_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The policies at one moment.

    Attributes:
        seen: verdict and reason of each check that has a status.
        messages: what each check says about it.
        text: what kubectl prints about the policies.
    """

    seen: Mapping[Check, Seen]
    messages: Mapping[Check, str]
    text: str


def policies(stack: Stack) -> View:
    """The policies as they are now.

    Raises:
        CommandError: the API server refused.
    """
    listing = stack.kubectl("get", "governancepolicies", "-A", "-o", "json").stdout
    seen: dict[Check, Seen] = {}
    messages: dict[Check, str] = {}
    for policy in json.loads(listing)["items"]:
        metadata = policy["metadata"]
        for check in policy.get("status", {}).get("checks", []):
            key = (metadata["namespace"], metadata["name"], check["name"])
            seen[key] = (check["verdict"], check["reason"])
            messages[key] = check.get("message", "")
    text = stack.kubectl("get", "governancepolicies", "-A").stdout
    return View(seen=seen, messages=messages, text=text.rstrip())


def findings(stack: Stack) -> Sequence[Mapping[str, str]]:
    """The rows of the sink, oldest first, each column by its title.

    Raises:
        CommandError: the sink refused.
    """
    return _rows(stack, _FINDINGS)


def work_items(stack: Stack) -> Sequence[Mapping[str, str]]:
    """The dispatches in the sink, oldest first, each column by its title.

    Raises:
        CommandError: the sink refused.
    """
    return _rows(stack, _WORK_ITEMS)


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    """Ask until the answer is yes; False if it never was for so many seconds."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def wrong(seen: Mapping[Check, Seen], expected: Mapping[Check, Seen]) -> list[str]:
    """A line for each check that is not as expected; what others added is nobody's business."""
    return [
        f"{_name(check)}: {_said(seen.get(check))}, expected {_said(wanted)}"
        for check, wanted in expected.items()
        if seen.get(check) != wanted
    ]


def changes(before: View, after: View) -> list[str]:
    """A line for each check that says something else than before."""
    return [
        f"{_name(check)}: {_said(before.seen.get(check))} → {_said(said)}. {after.messages[check]}"
        for check, said in after.seen.items()
        if before.seen.get(check) != said
    ]


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows under their titles, as kubectl prints them."""
    if not rows:
        return "(no rows)"
    lines = [[title.upper() for title in rows[0]], *(list(map(str, row.values())) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _rows(stack: Stack, query: str) -> Sequence[Mapping[str, str]]:
    answer = stack.sink.execute(query, database=SINK_DATABASE)
    return [json.loads(line) for line in answer.splitlines()]


def _name(check: Check) -> str:
    return "/".join(check[:2]) + " " + check[2]


def _said(seen: Seen | None) -> str:
    return f"{seen[0]} ({seen[1]})" if seen else "nothing"
