"""trustDrift: how many playbooks in use have lost the platform's trust."""

from typing import Annotated

from pydantic import Field

from governor.probes.base import SqlProbe
from governor.values.durations import Duration


class TrustDrift(SqlProbe):
    """The share of playbooks in use whose trust score is below a minimum.

    Playbooks that are deprecated or archived do not count; one without a score
    counts as drifted.
    """

    minimum_trust: Annotated[float, Field(ge=0, le=1)] | None = None
    """A playbook with a lower trust score has drifted. A number from 0 to 1. Default: 0.2."""

    deprecate_unused_after: Duration | None = None
    """How long a drifted playbook may go unused before it is listed as one to deprecate.
    A whole number of s, m, h or d, such as 30d. Default: 30d."""
