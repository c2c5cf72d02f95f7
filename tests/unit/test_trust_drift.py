"""What trustDrift would have changed: which statement, with which parameters."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governor.probes.trust_drift import TrustDrift

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RELATIONS = {"playbooks": '"agents"."Playbooks"'}


def drift(**fields: Any) -> TrustDrift:
    return TrustDrift.model_validate({"sourceRef": {"name": "platform"}, **fields})


@pytest.mark.parametrize("number", [0, 101, -1, 1.5])
def test_a_run_chooses_1_to_100(number: object) -> None:
    """Never none, never the catalogue."""
    with pytest.raises(ValidationError, match="maxPerRun"):
        drift(maxPerRun=number)


def test_the_update_re_checks_both_conditions_as_the_policy_has_them() -> None:
    """The same line and the same age as the choice, counted from the same time."""
    probe = drift(minimumTrust=0.3, deprecateUnusedAfter="36h", maxPerRun=2)
    chosen, update = probe.query(RELATIONS, AT), probe.deprecation(RELATIONS, ("a", "b"), AT)

    assert update.parameters == (["a", "b"], Decimal("0.3"), AT - timedelta(hours=36))
    assert chosen.parameters == (*update.parameters[1:], 2)
    assert update.columns == chosen.columns
    assert list(update.columns) == [RELATIONS["playbooks"]]


@given(st.lists(st.text()))
def test_ids_are_parameters_and_never_text(ids: list[str]) -> None:
    """No id, whatever it holds, changes what is run."""
    for query in (drift().deprecation(RELATIONS, ids, AT), drift().deprecated(RELATIONS, ids)):
        assert query.parameters[0] == ids
        assert query.text in {
            drift().deprecation(RELATIONS, (), AT).text,
            drift().deprecated(RELATIONS, ()).text,
        }


def test_statements_name_the_mapped_relation_only() -> None:
    """One statement each; the first updates the status, and nothing else."""
    update = drift().deprecation(RELATIONS, ("a",), AT).text
    found = drift().deprecated(RELATIONS, ("a",)).text

    assert update.startswith('UPDATE "agents"."Playbooks" SET status = \'deprecated\'\nWHERE')
    assert found.startswith("SELECT")
    for text in (update, found):
        assert text.count('"Playbooks"') == 1
        assert ";" not in text
        assert "now()" not in text
        assert "{" not in text
