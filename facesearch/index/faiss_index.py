"""Exact search in FAISS: a flat index, the fastest exact one at every size that fits into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import faiss
import numpy as np

from facesearch.index import ranking
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facesearch.index.base import Hits
    from facesearch.index.rows import StoredRows


class FlatIndex:
    """``IndexIDMap2`` over ``IndexFlatIP``: inner products of unit vectors, so distance = 2 - 2 · product.

    The flat index proposes, ``ranking`` measures again; both are exact, so its answers equal ``ExactIndex``'s to the
    last bit. Removing shifts the vectors behind, which the id map follows (with IVF beneath it would not, silently).
    """

    name: ClassVar[str] = "flat"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self._highest = -1

    def __len__(self) -> int:
        """How many vectors it holds."""
        return int(self._index.ntotal)

    def ids(self) -> NDArray[np.int64]:
        """The ids it holds, shape (n,), int64, ascending."""
        return np.sort(self._held())

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors (n, dim) under ids (n,); see ``VectorIndex.add``."""
        keys, rows = ranking.last_of_each(ids, vectors, self.dim)
        if not len(keys):
            return
        # FAISS itself would keep both vectors of an id that is added twice. New ids, ascending as the database gives
        # them, need not be looked for among all others.
        if keys[0] <= self._highest:
            self.remove(keys)
        self._index.add_with_ids(rows, keys)
        self._highest = max(self._highest, int(keys[-1]))

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids (n,); returns how many were there."""
        known = np.intersect1d(np.asarray(ids, dtype=np.int64), self._held())
        # FAISS rebuilds its whole id map even where nothing is removed.
        return int(self._index.remove_ids(known)) if len(known) else 0

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        only: NDArray[np.int64] | None = None,
        *,
        exact: bool = True,  # noqa: ARG002 - it always is
    ) -> Hits:
        """The k nearest of each probe (q, dim); see ``VectorIndex.search``."""
        probes = ranking.checked_vectors(vectors, self.dim)
        available, params = len(self), None
        if only is not None:
            known = np.intersect1d(np.asarray(only, dtype=np.int64), self._held())
            # The selector must live as long as the parameters, which only borrow it.
            selector = faiss.IDSelectorBatch(known)
            available, params = len(known), faiss.SearchParameters()
            params.sel = selector

        def propose(some: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            products, ids = self._index.search(some, m, params=params)
            return ids, 2 - 2 * products

        return ranking.search_exactly(probes, k, available, propose, self._index.reconstruct_batch)

    def about(self) -> IndexFacts:
        """An exact index of so many vectors."""
        return IndexFacts(self.name, len(self))

    def settle(self) -> None:
        """Nothing is put off."""

    def rows(self) -> None:
        """``dump`` holds the vectors."""

    def dump(self) -> NDArray[np.uint8]:
        """FAISS's own serialization, shape (size,)."""
        payload: NDArray[np.uint8] = faiss.serialize_index(self._index)
        return payload

    @classmethod
    def restore(cls, payload: NDArray[np.uint8], dim: int, rows: StoredRows | None = None) -> Self:  # noqa: ARG003
        """The index that gave these bytes.

        Raises:
            ValueError: the bytes are not of such an index.
        """
        try:
            loaded = faiss.deserialize_index(payload)
        except RuntimeError as exc:
            raise ValueError(f"FAISS cannot read it: {exc}") from exc
        flat = faiss.downcast_index(loaded.index) if isinstance(loaded, faiss.IndexIDMap2) else None
        if not isinstance(flat, faiss.IndexFlatIP) or loaded.d != dim:
            raise ValueError(f"not a flat inner-product index of dimension {dim}")
        index = cls(dim)
        index._index = loaded
        index._highest = int(index._held().max(initial=-1))
        return index

    def _held(self) -> NDArray[np.int64]:
        """The ids in FAISS's order, shape (n,)."""
        ids: NDArray[np.int64] = faiss.vector_to_array(self._index.id_map)
        return ids
