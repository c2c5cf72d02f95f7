"""Callbacks to an owner that they do not keep.

Parts that call their owner back would form a cycle with it, which only a search for garbage
frees; that is seldom (`garbage`), and policies that come and go leave much.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import ref

Callback = TypeVar("Callback", bound=Callable[..., Any])


class _Weakly:
    """A function, and the owner that it is a method of."""

    __slots__ = ("_function", "_owner")

    def __init__(self, method: Any) -> None:
        self._owner = ref(method.__self__)
        self._function = method.__func__

    def __call__(self, *arguments: Any) -> Any:
        owner = self._owner()
        if owner is None:
            raise ReferenceError(f"the owner of {self._function.__qualname__} is gone")
        return self._function(owner, *arguments)


def weakly(method: Callback) -> Callback:
    """A bound method that does not keep its owner, who must be there whenever it is called.

    Raises:
        ReferenceError: when called, if the owner is gone.
    """
    return cast("Callback", _Weakly(method))
