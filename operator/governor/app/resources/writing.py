"""Writes a resource's status whenever it says something new."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError

from governor.app.ports import Json, ObjectKey, StatusStore
from governor.errors import ConflictError, GoneError
from governor.values.model import StatusModel

_ATTEMPTS = 3
"""So often a write that meets a newer version is decided anew."""

StatusT = TypeVar("StatusT", bound=StatusModel)


class Told(Protocol):
    """A version of an object's spec whose status is written."""

    key: ObjectKey
    generation: int
    body: Json
    """The object as it was last seen or written."""


class StatusWriter(Generic[StatusT]):
    """Replaces the statuses of one kind."""

    def __init__(
        self,
        store: StatusStore,
        model: type[StatusT],
        worth_writing: Callable[[StatusT, StatusT], bool],
    ) -> None:
        self._store = store
        self._model = model
        self._worth_writing = worth_writing

    async def write(self, entry: Told, decide: Callable[[StatusT], StatusT]) -> None:
        """Writes what is decided from the status as it stands, if that is worth a write.

        Raises:
            StoreError: it could not be written now.
        """
        body = entry.body
        for _ in range(_ATTEMPTS):
            before = self._status(body)
            after = decide(before)
            if not self._worth_writing(before, after):
                return
            try:
                entry.body = await self._store.replace_status(
                    entry.key,
                    body["metadata"]["resourceVersion"],
                    after.model_dump(mode="json", by_alias=True, exclude_none=True),
                )
            except ConflictError:
                try:
                    body = await self._store.read(entry.key)
                except GoneError:
                    return
                if body["metadata"].get("generation", 0) != entry.generation:
                    return  # Its next version is looked at and told by itself.
            except GoneError:
                return
            else:
                return
        raise ConflictError(f"{_ATTEMPTS} writes in a row met a newer version")

    def _status(self, body: Json) -> StatusT:
        """The status of an object; an empty one where it can't be understood."""
        try:
            return self._model.model_validate(body.get("status") or {})
        except ValidationError:
            return self._model()
