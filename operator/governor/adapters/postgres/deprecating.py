"""Deprecates playbooks: the one thing that the operator changes in a platform's database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from governor.adapters.postgres.asking import ask
from governor.adapters.postgres.bounds import Connection
from governor.app.ports import Deprecation
from governor.probes.base import SqlAnswer
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try at deprecating some playbooks."""

    probe: TrustDrift
    relations: Mapping[str, str]
    """Governed table → relation, schema-qualified and quoted."""
    ids: Sequence[str]
    at: datetime
    """The time that "unused" is counted from."""
    before_writing: Callable[[], None]
    """Called once the connection is there, which may take seconds; what it raises is raised."""
    committing: bool = field(default=False, init=False)
    """From then on a failure does not say that nothing was changed."""

    async def run(self, connection: Connection) -> Deprecation:
        """Deprecates, and commits the READ COMMITTED transaction that the connection is in.

        Raises:
            FaultError: `ColumnType`, or the server took back what it had done; or as
                `before_writing`.
            asyncpg.PostgresError: any refusal.
        """
        self.before_writing()
        update = self.probe.deprecation(self.relations, self.ids, self.at)
        changed = _ids(await ask(connection, update))
        others = [each for each in self.ids if each not in changed]
        found = _ids(await ask(connection, self.probe.deprecated(self.relations, others)))
        self.committing = True
        # Chained, so that there is a transaction for the pool to roll back.
        ended = await connection.execute("COMMIT AND CHAIN")
        if ended != "COMMIT":
            raise FaultError(Reason.SERVER_ERROR, f"the server answered COMMIT with {ended}")
        return Deprecation(
            changed=tuple(each for each in self.ids if each in changed),
            already=tuple(each for each in others if each in found),
            kept=tuple(each for each in others if each not in found),
        )


def _ids(answer: SqlAnswer) -> frozenset[str]:
    return frozenset(str(row[0]) for row in answer.rows)
