"""kopf's patches go without a search for garbage in cycles."""

import weakref

import kopf
from tests.support.unsearched import unsearched

from governor.handlers.patches import let_go


@unsearched()
def test_an_empty_patch_goes_with_its_last_reference() -> None:
    """It still counts as empty, as kopf asks."""
    patch = kopf.Patch()
    gone = weakref.ref(patch)

    let_go(patch)

    assert not patch
    del patch
    assert gone() is None


@unsearched()
def test_kopf_itself_would_keep_it() -> None:
    """Once this fails, nothing needs to be let go of any more."""
    patch = kopf.Patch()
    kept = weakref.ref(patch)

    del patch

    assert kept() is not None
