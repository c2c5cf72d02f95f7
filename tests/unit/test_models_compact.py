"""What ten thousand policies keep of statuses and specs takes little memory, and is the same."""

import sys

import pytest
from tests.support.builders import NOON

from governor.api.status import CheckStatus, PolicyStatus, Summary
from governor.probes.base import SourceRef
from governor.values.model import SpecModel, StatusModel
from governor.values.reasons import Reason, Verdict

CHECK = CheckStatus(name="autonomy", verdict=Verdict.OK, reason=Reason.MET, since=NOON)


@pytest.mark.parametrize(
    "model",
    [
        CHECK,
        CHECK.model_copy(),
        CHECK.model_copy(update={"value": 0.5}),
        PolicyStatus.model_validate_json(PolicyStatus(checks=(CHECK,)).model_dump_json()),
        Summary(ok=1),
        SourceRef(name="prometheus"),
    ],
)
def test_a_model_takes_no_more_than_its_values_would_in_a_dict(
    model: StatusModel | SpecModel,
) -> None:
    """Nor does it remember which of its fields were given."""
    assert sys.getsizeof(vars(model)) <= sys.getsizeof(dict(vars(model).items()))
    assert model.model_fields_set is type(model)(**vars(model)).model_fields_set


def test_the_statuses_of_checks_share_the_names_of_their_fields() -> None:
    """There are ten for each policy of five, and most of what it takes is theirs."""
    for model in (CHECK, CHECK.model_copy(), CHECK.model_copy(update={"value": 0.5})):
        assert sys.getsizeof(vars(model)) < sys.getsizeof(dict(vars(model).items())) / 2


def test_a_copy_is_another_model() -> None:
    """Only what is updated differs, and only in the copy."""
    copy = CHECK.model_copy(update={"value": 0.5, "verdict": Verdict.WARNING})

    assert (CHECK.value, copy.value) == (None, 0.5)
    assert (CHECK.verdict, copy.verdict) == (Verdict.OK, Verdict.WARNING)
    assert copy.since == NOON
    assert copy != CHECK
    assert copy.model_copy(update={"value": None, "verdict": Verdict.OK}) == CHECK


def test_a_compact_model_is_written_like_any_other() -> None:
    """In the order of its fields, and without what says nothing."""
    copy = CHECK.model_copy(update={"samples": 3})

    written = copy.model_dump(mode="json", by_alias=True, exclude_none=True)

    names = [CheckStatus.model_fields[name].alias for name in CheckStatus.model_fields]
    assert list(written) == [name for name in names if name in written]
    assert CheckStatus.model_validate(written) == copy
    assert hash(CheckStatus.model_validate(written)) == hash(copy)
