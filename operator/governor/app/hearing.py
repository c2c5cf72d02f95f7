"""What was learned outside of measuring since a policy's last decision."""

from collections.abc import Sequence
from dataclasses import replace

from governor.api.status import PolicyStatus
from governor.app.courier import Courier
from governor.app.looking_up import LookingUp
from governor.app.services import Services
from governor.app.taking_over import TakingOver
from governor.domain.episodes import Run
from governor.domain.plans import Feedback
from governor.domain.policies import Policy


class Hearing:
    """One policy's: from those who tell what was decided, and from the sink."""

    def __init__(
        self, uid: str, services: Services, courier: Courier, taking_over: TakingOver
    ) -> None:
        """Asks nobody yet.

        Args:
            uid: the policy.
            services: what the runs of all policies share.
            courier: knows what was told, and what came of it.
            taking_over: knows what the sink has open.
        """
        self._courier = courier
        self._taking_over = taking_over
        self._looking_up = LookingUp(uid, services)

    async def hear(
        self, policy: Policy | None, status: PolicyStatus, runs: Sequence[Run], run_now: str | None
    ) -> Feedback:
        """What a decision on these runs takes in.

        Args:
            policy: whose work items are looked up; None if the sink is not to be asked.
            status: what the decision starts from.
            runs: what it is on.
            run_now: the request that they have answered.
        """
        news = self._courier.news
        feedback = Feedback(
            delivered=frozenset(news.delivered),
            adopted=dict(news.adopted),
            remediated=dict(news.remediated),
            open_rows=self._taking_over.rows,
            run_now=run_now,
        )
        if policy is None:
            return feedback
        # Asked after that is taken: what was delivered by then shows in the answer.
        return replace(feedback, found=await self._looking_up.ask(policy, status, runs))

    def heard(self, feedback: Feedback) -> None:
        """A decision that took this in stands: it is done with."""
        self._courier.forget(feedback)
        self._taking_over.looked_at(feedback.open_rows)
