"""A callback to an owner that it does not keep."""

import pytest

from governor.app.weakly import weakly


class Owner:
    """Is called back."""

    def double(self, number: int) -> int:
        return 2 * number


def test_it_calls_its_owner() -> None:
    """As the method itself would."""
    owner = Owner()

    assert weakly(owner.double)(21) == 42


def test_it_does_not_keep_it() -> None:
    """And says whom it misses: a call after the end is a bug of ours."""
    owner = Owner()
    call = weakly(owner.double)
    del owner

    with pytest.raises(ReferenceError, match=r"Owner\.double"):
        call(1)
