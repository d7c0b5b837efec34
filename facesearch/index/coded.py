"""Approximate search: codes propose candidates, the vectors themselves, read from disk, rank them exactly."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from facesearch.index import ranking
from facesearch.index.base import Hits
from facesearch.index.growing import Growing
from facesearch.index.rows import Rows
from facesearch.index.tuning import NEIGHBOURS, SAMPLE, Tuned, tune
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facesearch.index.faiss_codes import Codes
    from facesearch.index.rows import StoredRows

CODES_FROM = 4096
"""Fewer vectors than this are compared exactly: that takes under 0.1 ms, and codes want more to learn from."""

TRAINED_ON = 20_000
"""Vectors that directions and quantizers are learned from; more of them change the recall by less than its error."""

GROWN = 1.5
"""Codes are learned and tuned anew when there are so many times as many vectors as there were."""

MOST_GONE = 0.1
"""Share of removed vectors from which they are cleared away at once. Fewer cost a search that share more candidates;
clearing away takes 0.3 s for a million, however few they are."""


class CodedIndex:
    """Vectors by position: an id, a row on disk and a code each. -1 is the id of what was removed.

    That is passed over until it is cleared away, by ``settle`` at the latest; then what follows moves up, and no file
    holds a trace of it. Where fewer than ``codes_from`` vectors are there, or no number of candidates reaches the
    recall that is promised, everything is compared.
    """

    name: ClassVar[str]
    codes_from: ClassVar[int] = CODES_FROM

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._ids = Growing(np.int64)
        self._numbers = Growing(np.int64)
        self._rows = Rows(dim)
        self._codes: Codes | None = None
        self._tuned: Tuned | None = None
        self._learned = 0
        self._gone = 0
        self._highest = -1
        self._sorted: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    @classmethod
    def _lists(cls, count: int) -> int:
        """How many lists codes for ``count`` vectors have; 0 for none."""
        raise NotImplementedError

    def __len__(self) -> int:
        """How many vectors it holds."""
        return len(self._ids) - self._gone

    def ids(self) -> NDArray[np.int64]:
        """The ids it holds, shape (n,), int64, ascending."""
        return self._by_id()[0].copy()

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors (n, dim) under ids (n,); see ``VectorIndex.add``.

        Raises:
            IndexFileError: there is no room for them on disk.
        """
        keys, vectors = ranking.last_of_each(ids, vectors, self.dim)
        if not len(keys):
            return
        first = len(self._rows)
        self._rows.append(vectors)
        if keys[0] <= self._highest:
            self.remove(keys)
        if self._codes is not None:
            self._codes.add(vectors)
        self._ids.append(keys)
        self._numbers.append(np.arange(first, first + len(keys)))
        self._highest = max(self._highest, int(keys[-1]))
        self._sorted = None

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids (n,); returns how many were there."""
        positions = self._positions(np.asarray(ids, dtype=np.int64))
        self._ids.values[positions] = -1
        self._gone += len(positions)
        self._sorted = None if len(positions) else self._sorted
        if self._gone > MOST_GONE * len(self._ids):
            self._clear_away()
        return len(positions)

    def search(
        self, vectors: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None, *, exact: bool = False
    ) -> Hits:
        """The k nearest of each probe (q, dim); see ``VectorIndex.search``. With ``only`` it is always exact.

        Raises:
            IndexFileError: a vector on disk is damaged.
        """
        probes = ranking.checked_vectors(vectors, self.dim)
        if only is not None:
            return self._scan(probes, k, self._positions(np.asarray(only, dtype=np.int64)))
        if exact or self._codes is None or self._tuned is None or not self._tuned.candidates:
            return self._scan(probes, k, self._all())
        return self._by_codes(probes, k, self._codes, self._tuned)

    def about(self) -> IndexFacts:
        """What kind of search this is, and how well it was measured to be."""
        tuned = self._tuned
        if self._codes is None or tuned is None or not tuned.candidates:
            return IndexFacts(self.name, len(self))
        return IndexFacts(self.name, len(self), tuned.recall, tuned.candidates, tuned.lists or None)

    def settle(self) -> None:
        """Leave out what was removed; learn codes and tune, where that is due. Answers may take less time after it."""
        count = len(self)
        self._clear_away()
        if count < self.codes_from:
            self._codes, self._tuned, self._learned = None, None, 0
        elif self._codes is None or count >= GROWN * self._learned:
            self._codes = self._learned_codes()
            self._tuned, self._learned = self._measure(self._codes), count

    def dump(self) -> NDArray[np.uint8]:
        """Ids and codes as NumPy's own archive, shape (size,); settles first. The vectors are in ``rows``."""
        self.settle()
        said = json.dumps({"tuned": self._tuned and asdict(self._tuned), "learned": self._learned}).encode()
        codes = np.empty(0, dtype=np.uint8) if self._codes is None else self._codes.dump()
        held = io.BytesIO()
        np.savez(held, ids=self._ids.values.astype("<i8"), codes=codes, said=np.frombuffer(said, dtype=np.uint8))
        return np.frombuffer(held.getbuffer(), dtype=np.uint8)

    def rows(self) -> Iterator[NDArray[np.float32]] | None:
        """The vectors in the order of ``dump``'s ids, a span (b, dim) at a time."""
        return (rows for _, rows in self._rows.spans(self._numbers.values))

    @classmethod
    def restore(cls, payload: NDArray[np.uint8], dim: int, rows: StoredRows | None = None) -> Self:
        """The index that gave these bytes and rows.

        Raises:
            ValueError: the bytes are not of such an index, or there are not as many rows.
        """
        from facesearch.index.faiss_codes import Codes

        try:
            with np.load(io.BytesIO(payload.data), allow_pickle=False) as held:
                parts = {name: held[name] for name in held.files}
        except (OSError, zipfile.BadZipFile, EOFError) as exc:
            raise ValueError(f"not an archive: {exc}") from exc
        ids, said = parts["ids"].astype(np.int64), json.loads(parts["said"].tobytes())
        index = cls(dim)
        if (rows.vectors.shape if rows else (0, dim)) != (len(ids), dim):
            raise ValueError(f"there is not one {dim}-d vector for each of {len(ids)} ids")
        index._ids, index._numbers, index._rows = Growing.of(ids), Growing.of(np.arange(len(ids))), Rows(dim, rows)
        index._highest = int(ids.max(initial=-1))
        index._learned, index._tuned = said["learned"], said["tuned"] and Tuned(**said["tuned"])
        if parts["codes"].size:
            index._codes = Codes.restore(parts["codes"], dim)
            if len(index._codes) != len(ids):
                raise ValueError(f"{len(index._codes)} codes for {len(ids)} ids")
        return index

    def truth(self, probes: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        """Exact distances of the k nearest, (q, k); see ``tuning.Tunable``."""
        return self._scan(probes, k, self._all()).distances

    def proposed(self, probes: NDArray[np.float32], m: int, lists: int) -> NDArray[np.float32]:
        """Exact distances of m candidates in the order of their codes, (q, m); see ``tuning.Tunable``."""
        if self._codes is None:
            raise ValueError("there are no codes to tune")
        found = np.full((len(probes), m), np.inf, dtype=np.float32)
        for row, positions in enumerate(self._codes.search(probes, m, lists)):
            some = positions[positions >= 0]
            vectors = self._rows.take(self._numbers.values[some])
            found[row, : len(some)] = ranking.distances(probes[row : row + 1], vectors[None])[0]
        return found

    def _clear_away(self) -> None:
        """Forget the positions of what was removed."""
        if not self._gone:
            return
        gone, here = np.flatnonzero(self._ids.values < 0), self._all()
        # Away while nothing fits: a Ctrl-C in here leaves an index without codes, which settling makes anew.
        codes, self._codes = self._codes, None
        self._ids, self._numbers = Growing.of(self._ids.values[here]), Growing.of(self._numbers.values[here])
        self._gone, self._sorted = 0, None
        if codes is not None:
            if not codes.remove(gone):
                codes.encode(self._rows.spans(self._numbers.values))
            self._codes = codes

    def _learned_codes(self) -> Codes:
        """Codes of all positions, learned anew."""
        from facesearch.index.faiss_codes import FEWEST_PER_LIST, Codes

        lists = self._lists(len(self._numbers))
        codes = Codes.trained(self._sample(max(TRAINED_ON, FEWEST_PER_LIST * lists)), lists)
        codes.encode(self._rows.spans(self._numbers.values))
        return codes

    def _measure(self, codes: Codes) -> Tuned:
        ladder: tuple[int, ...] = (0,)
        if codes.lists:
            shares = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
            ladder = tuple(sorted({max(1, round(codes.lists * share)) for share in shares}))
        return tune(self, self._sample(SAMPLE), len(self), ladder)

    def _sample(self, count: int) -> NDArray[np.float32]:
        """Some of the vectors, the same ones each time; (count or all, dim)."""
        numbers = self._numbers.values
        chosen = np.random.default_rng(0).choice(len(numbers), min(count, len(numbers)), replace=False)
        return self._rows.take(numbers[np.sort(chosen)])

    def _by_codes(self, probes: NDArray[np.float32], k: int, codes: Codes, tuned: Tuned) -> Hits:
        """The k nearest of the candidates; where too many of these have been removed, of four times as many."""
        if k < 1:
            raise ValueError(f"k must be 1 or more, got {k}")
        enough = min(-(-tuned.candidates * max(k, NEIGHBOURS) // NEIGHBOURS), len(self))
        ids: NDArray[np.int64] = np.full((len(probes), k), -1, dtype=np.int64)
        distances: NDArray[np.float32] = np.full((len(probes), k), np.inf, dtype=np.float32)
        m, lists = enough + self._gone * enough // max(1, len(self._ids)), tuned.lists
        open_rows: NDArray[np.int64] = np.arange(len(probes))
        while len(open_rows) and m < len(self._ids):
            unsettled = []
            size = max(1, ranking.CHUNK // (m * self.dim))
            for start in range(0, len(open_rows), size):
                rows = open_rows[start : start + size]
                positions = codes.search(probes[rows], m, lists)
                keys = np.where(positions >= 0, self._ids.values[positions], -1)
                settled = np.count_nonzero(keys >= 0, axis=1) >= min(enough, len(self))
                unsettled.append(rows[~settled])
                rows, keys, positions = rows[settled], keys[settled], positions[settled]
                ids[rows], distances[rows] = self._ranked(probes[rows], keys, positions, k)
            m, lists, open_rows = 4 * m, 4 * lists, np.concatenate(unsettled)
        if len(open_rows):
            rest = self._scan(probes[open_rows], k, self._all())
            ids[open_rows], distances[open_rows] = rest.ids, rest.distances
        return Hits(ids, distances)

    def _ranked(
        self, probes: NDArray[np.float32], keys: NDArray[np.int64], positions: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k nearest (q, k) of candidates (q, m), of which those with the key -1 have been removed."""
        vectors = self._rows.take(self._numbers.values[positions.ravel()]).reshape(*positions.shape, self.dim)
        apart = np.where(keys >= 0, ranking.distances(probes, vectors), np.inf).astype(np.float32)
        return ranking.nearest(keys, apart, k)

    def _scan(self, probes: NDArray[np.float32], k: int, positions: NDArray[np.int64]) -> Hits:
        """The k nearest of each probe among the vectors at some positions, exactly."""
        from facesearch.index.faiss_codes import nearest_of_spans

        # Rows are in the order of their positions, so sorted positions are read from front to back.
        positions = np.sort(positions)
        numbers = self._numbers.values[positions]

        def propose(some: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            found, rough = nearest_of_spans(some, self._rows.spans(numbers), m)
            return self._ids.values[positions[found]], rough

        def fetch(ids: NDArray[np.int64]) -> NDArray[np.float32]:
            keys, places = self._by_id()
            return self._rows.take(self._numbers.values[places[np.searchsorted(keys, ids)]])

        return ranking.search_exactly(probes, k, len(numbers), propose, fetch)

    def _positions(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the known ones of some ids are, each once."""
        keys, positions = self._by_id()
        if not len(keys):
            return np.empty(0, dtype=np.int64)
        wanted = np.unique(ids)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return positions[places[keys[places] == wanted]]

    def _all(self) -> NDArray[np.int64]:
        """The positions of all that is there."""
        return np.flatnonzero(self._ids.values >= 0)

    def _by_id(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All ids, ascending, and their positions."""
        held = self._sorted
        if held is None:
            ids = self._ids.values
            order = np.argsort(ids, kind="stable")[self._gone :]
            held = self._sorted = ids[order], order
        return held
