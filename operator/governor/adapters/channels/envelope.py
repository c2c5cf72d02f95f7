"""A notice as a CloudEvent 1.0 in structured mode.

Built by hand: seven fields of JSON, and the SDK says of itself that it may break with every
update. Spec: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from governor.api.log import Transition
from governor.domain.notices import Notice
from governor.errors import RejectedError
from governor.values.moments import rfc3339

CONTENT_TYPE = "application/cloudevents+json"

LONGEST = 64 * 1024
"""Bytes: what every receiver must take."""

_TYPE = "dev.aiops.governance.finding.{}.v1"
_WORDS = {
    Transition.OPEN: "opened",
    Transition.REMINDER: "reminded",
    Transition.RESOLVE: "resolved",
}


def envelope(notice: Notice) -> bytes:
    """The whole event, as it is posted.

    `data` says:
        finding, eventType: which finding, and of what kind.
        cluster, namespace, policy, check: whose; check is empty for the policy as a whole.
        severity, message: how grave, and what is wrong in one line.
        value, redLine, target, direction: the number and its lines; null where there are none.
        since, resolvedReason: when it opened, and why it ended (null while it is open).
        hint, nextAction, steps, humanOwner, leadAgent, source, command: what to do, and who.
        details: as the database has them; `{"omittedBytes": n}` where they make the event
            too long.

    Raises:
        RejectedError: it can't be written as JSON, or is too long even so.
    """
    data = _data(notice)
    body = _encoded(notice, data)
    if len(body) > LONGEST:
        omitted = len(json.dumps(data["details"]))
        body = _encoded(notice, data | {"details": {"omittedBytes": omitted}})
    if len(body) > LONGEST:
        raise RejectedError(f"the event has {len(body)} bytes, more than {LONGEST}")
    return body


def _encoded(notice: Notice, data: Mapping[str, Any]) -> bytes:
    where = (notice.cluster, notice.namespace, notice.policy)
    event = {
        "specversion": "1.0",
        "id": str(notice.id),
        "source": "/clusters/{}/namespaces/{}/governancepolicies/{}".format(
            *(quote(name, safe="") for name in where)
        ),
        "type": _TYPE.format(_WORDS[notice.transition]),
        "subject": str(notice.finding),
        "time": rfc3339(notice.at),
        "datacontenttype": "application/json",
        "data": data,
    }
    try:
        text = json.dumps(event, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RejectedError("the event can't be written as JSON") from error
    return text.encode("utf-8", errors="replace")


def _data(notice: Notice) -> dict[str, Any]:
    return {
        "finding": str(notice.finding),
        "eventType": notice.event_type,
        "cluster": notice.cluster,
        "namespace": notice.namespace,
        "policy": notice.policy,
        "check": notice.check,
        "severity": notice.severity,
        "message": notice.message,
        "value": notice.value,
        "redLine": notice.red_line,
        "target": notice.target,
        "direction": notice.direction,
        "since": rfc3339(notice.since),
        "resolvedReason": notice.resolved_reason,
        "hint": notice.hint,
        "nextAction": notice.next_action,
        "steps": list(notice.steps),
        "humanOwner": notice.human_owner,
        "leadAgent": notice.lead_agent,
        "source": notice.source,
        "command": notice.command,
        "details": dict(notice.details),
    }
