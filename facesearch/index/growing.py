"""An array that grows at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


class Growing:
    """A flat array with room to spare, so that appending does not copy all that is there."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._room: NDArray[Any] = np.empty(0, dtype=dtype)
        self._length = 0

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """One that begins with these values, (n,)."""
        grown = cls(values.dtype)
        grown._room, grown._length = values.copy(), len(values)
        return grown

    def __len__(self) -> int:
        """How many values there are."""
        return self._length

    @property
    def values(self) -> NDArray[Any]:
        """The values, (n,); writing into it changes them."""
        return self._room[: self._length]

    def append(self, values: NDArray[Any]) -> None:
        """Put values (n,) at the end."""
        length = self._length + len(values)
        if length > len(self._room):
            room = np.empty(max(length, 2 * len(self._room)), dtype=self._room.dtype)
            room[: self._length] = self.values
            self._room = room
        self._room[self._length : length] = values
        self._length = length
