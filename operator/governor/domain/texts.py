"""What a finding tells people to do, and whose it is, where the policy does not say.

A probe's own guidance is with the probe; here is the rest. Only the ownership of
knowledge degradation names agents: which other agents a platform has, only its
policies know.
"""

from dataclasses import dataclass

from governor.domain.governance import CHECK_BLIND, DATA_GAP, SELF_FAILURE
from governor.domain.mutes import GOVERNANCE_MUTE
from governor.probes.base import Guidance


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Whose a finding is."""

    lead_agent: str | None = None
    lead_reason: str | None = None
    support_agents: tuple[str, ...] = ()
    human_owner: str
    human_reason: str


GUIDANCE = {
    SELF_FAILURE: Guidance(
        hint="Several checks can't be measured: what they guard is not watched now.",
        next_action="investigate_governance_pipeline_health",
        items=(
            "Look at the errors of the checks: one source in all of them is the likely cause",
            "See whether the source is up, its Secret valid and its certificate current",
            "Take no verdict of this policy for a pass until its checks are measured again",
        ),
    ),
    DATA_GAP: Guidance(
        hint="Every SLO query of the policy works and gives nothing: the metrics are not emitted.",
        next_action="run_adr100_slo_emit_playbook",
        items=(
            "See whether the jobs that emit the SLO metrics run, and whether they are scraped",
            "See whether the recording rules behind the queries are loaded",
            "Take the silence for missing data, never for a pass",
        ),
    ),
    CHECK_BLIND: Guidance(
        hint="This check has given no number for several runs: what it guards is not watched now.",
        next_action="restore_blind_check",
        items=(
            "Read the check's reason and message: they name what failed",
            "Repair the source, the query or the data, or remove the check",
        ),
    ),
    GOVERNANCE_MUTE: Guidance(
        hint=(
            "A GovernanceMute is in force: until it ends, nobody is told of the checks that it "
            "silences, and nothing is done about them. They are measured and judged as ever."
        ),
        next_action="review_mute",
        items=(
            "See whether its reason still holds; delete it as soon as it does not",
            "Look at the status of the policy: what is violated there now, nobody is told",
            "What is still open when it ends is told then",
        ),
    ),
}
"""Of the findings about governance itself, and of mutes, by event type."""

UNKNOWN_GUIDANCE = Guidance(
    hint="This version of governor does not know this kind of finding.",
    next_action="review_finding",
    items=("Look at the policy that is named, and at the finding's message",),
)

_PLATFORM = Ownership(
    human_owner="Platform owner / SRE owner",
    human_reason="Runs the sources and the operator, without which nothing is watched",
)

OWNERSHIP = {
    "trust_drift": Ownership(
        human_owner="Playbook owner / SRE owner",
        human_reason="Decides which playbooks are repaired, retrained or retired",
    ),
    "knowledge_degradation": Ownership(
        lead_agent="Hermes",
        lead_reason=(
            "Finds the source incidents and playbooks, and drafts updates. OpenClaw classifies "
            "and summarises, and never writes in bulk; ElephantAlpha audits high-impact drafts, "
            "read-only"
        ),
        support_agents=("OpenClaw", "ElephantAlpha"),
        human_owner="KM owner / SRE owner",
        human_reason="Approves high-impact writes",
    ),
    "llm_hallucination": Ownership(
        human_owner="AI platform owner / SRE owner",
        human_reason="Decides whether diagnoses need a person's approval for now",
    ),
    "execution_blast_radius": Ownership(
        human_owner="SRE owner",
        human_reason="Decides which automatic repairs are paused",
    ),
    SELF_FAILURE: _PLATFORM,
    DATA_GAP: _PLATFORM,
    CHECK_BLIND: _PLATFORM,
    GOVERNANCE_MUTE: Ownership(
        human_owner="The owner that the mute names",
        human_reason="Answers for the exception",
    ),
}
"""By event type; the row of a mute that begins names the mute's own owner and reason."""

SLO_OWNERSHIP = Ownership(
    human_owner="SLO owner / SRE owner",
    human_reason="Answers for the objective that is past its red line",
)
"""Of everything that a policy measures with a query of its own."""
