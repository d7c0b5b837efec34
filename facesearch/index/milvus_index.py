"""A vector index in Milvus: a collection of ids and vectors, spread over as many machines as Milvus has.

Milvus proposes; distances and order come from ``index.ranking``, from the vectors that it sends along, so they are
those of every other index to the last bit. A small collection is compared with as a whole (FLAT). A large one has a
graph (HNSW), whose breadth of search, ``ef``, is tuned to a recall on vectors of its own. What a graph cannot promise
is compared here, page by page.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from facesearch.errors import StoreError
from facesearch.index import ranking
from facesearch.index.milvus_server import FLOAT_VECTOR, INT, MILVUS
from facesearch.index.pages import pieces, scan, spread
from facesearch.index.tuning import NEIGHBOURS, SAMPLE, TUNE_TO, Tuned
from facesearch.types import IndexFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facesearch.index.base import Hits
    from facesearch.index.milvus_server import MilvusServer

GRAPH = {"M": 32, "efConstruction": 256}
"""Edges a node, and how broadly they are looked for; FAISS's and Milvus's names for the numbers of an HNSW graph."""

EF_LADDER = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
"""Breadths of search that are tried."""

EF_MOST = 32_768
FOUND_MOST = 16_384
"""The largest breadth and the largest number of neighbours that Milvus takes."""

PAGE = 4096
"""Vectors of 128 numbers that fill 2 MiB: what one message brings or takes."""

PROBES_MOST = 16
"""Probes in one message. milvus-lite subtracts every one from every vector at once: 16 from 100,000 fill 0.8 GB."""

GROWN = 1.5
"""A graph is tuned anew when there are so many times as many vectors as there were."""

ROUNDING = 1e-5
"""Far more than float32 rounds the distance of two vectors by, far less than lies between two faces."""

POLL = 0.5
"""Seconds between two looks at whether a graph is drawn."""

_TUNED = "facesearch.tuned"
_KIND = "facesearch.kind"


class MilvusIndex:
    """See ``index.base.VectorIndex``. Others may change the collection at the same time.

    Args:
        server: where it is.
        collection: its name, or an alias; see ``make``.
        dim: length of a vector.
    """

    name = MILVUS

    def __init__(self, server: MilvusServer, collection: str, dim: int) -> None:
        self._server = server
        self._collection = collection
        self.dim = dim

    @classmethod
    def make(cls, server: MilvusServer, collection: str, dim: int, *, graph: bool = False) -> MilvusIndex:
        """Make an empty collection. With ``graph`` searching takes less time than comparing with everything."""
        client = server.client
        kind = "HNSW" if graph else "FLAT"
        with server.seam():
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", INT, is_primary=True)
            schema.add_field("vector", FLOAT_VECTOR, dim=dim)
            wanted = client.prepare_index_params()
            wanted.add_index("vector", index_type=kind, metric_type="L2", params=GRAPH if graph else {})
            client.create_collection(
                collection,
                schema=schema,
                index_params=wanted,
                # Whoever asks sees all that was written before, by whatever machine.
                consistency_level="Strong",
                properties={_KIND: kind},
            )
        return cls(server, collection, dim)

    def __len__(self) -> int:
        """How many vectors it holds."""
        return int(self._query("", ["count(*)"])[0]["count(*)"])

    def ids(self) -> NDArray[np.int64]:
        """The ids it holds, ascending."""
        return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *(ids for ids, _ in self._pages(vectors=False))]))

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors (n, dim) under ids (n,); see ``VectorIndex.add``. Adding the same again changes nothing."""
        keys, rows = ranking.last_of_each(ids, vectors, self.dim)
        client = self._server.client
        for start in range(0, len(keys), PAGE):
            part = slice(start, start + PAGE)
            some = [{"id": one, "vector": row} for one, row in zip(keys[part].tolist(), rows[part], strict=True)]
            with self._server.seam():
                client.upsert(self._collection, some)

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove ids (n,); returns how many were there."""
        gone, client = 0, self._server.client
        for some in pieces(np.unique(np.asarray(ids, dtype=np.int64)), PAGE):
            there = [row["id"] for row in self._query(_among(some), ["id"])]
            if there:
                with self._server.seam():
                    client.delete(self._collection, ids=there)
            gone += len(there)
        return gone

    def search(
        self, vectors: NDArray[np.float32], k: int, only: NDArray[np.int64] | None = None, *, exact: bool = False
    ) -> Hits:
        """The k nearest of each probe (q, dim); see ``VectorIndex.search``.

        Where Milvus cannot promise what is asked for, all vectors are fetched: seconds for each 100,000.
        """
        probes = ranking.checked_vectors(vectors, self.dim)
        if k < 1:
            raise ValueError(f"k must be 1 or more, got {k}")
        if only is not None:
            return scan(self._pages_of(ranking.checked_ids(only)), probes, k)
        graph, tuned = self._state()
        if not len(probes) or (graph and (exact or tuned is None)):
            return scan(self._pages(), probes, k)
        try:
            asked = _Asked(self, _breadth(tuned, k))
            return ranking.search_exactly(probes, k, len(self), asked.propose, asked.fetch)
        except _ScanInsteadError:
            return scan(self._pages(), probes, k)

    def about(self) -> IndexFacts:
        """What it is, and how well it was measured to find."""
        graph, tuned = self._state()
        facts = IndexFacts(self.name, len(self), place=self._server.name)
        if not graph or tuned is None:
            return facts
        return replace(facts, recall=tuned.recall, candidates=tuned.candidates)

    @property
    def has_graph(self) -> bool:
        """Whether answers come from a graph, not from comparing with everything."""
        return self._state()[0]

    def settle(self) -> None:
        """Write what is in Milvus's memory into segments, and tune the graph where that is due."""
        client = self._server.client
        with self._server.seam():
            client.flush(self._collection)
        graph, tuned = self._state()
        if not graph:
            return
        self._wait_for_graph()
        count = len(self)
        suits = tuned is not None and tuned.vectors / GROWN < count < tuned.vectors * GROWN
        if count > NEIGHBOURS and not suits:
            self._server.put_property(self._collection, _TUNED, json.dumps(asdict(self._tune(count))))

    def _wait_for_graph(self) -> None:
        """Milvus draws the graph of a new segment beside everything else; until then it compares with all of that."""
        client = self._server.client
        while True:
            with self._server.seam():
                state = client.describe_index(self._collection, "vector") or {}
            if state.get("state") == "Failed":
                raise StoreError(
                    f"Milvus at {self._server.name} could not make an index of {self._collection}",
                    hint="its own log says why; --index auto needs none",
                )
            if not int(state.get("pending_index_rows", 0)):
                return
            time.sleep(POLL)

    def _tune(self, count: int) -> Tuned:
        """The least breadth that reaches the recall; the largest, and what it reaches, where none does."""
        ids, sample = spread(self._pages(), count, SAMPLE)
        truth = scan(self._pages(), sample, NEIGHBOURS + 1).distances[:, -1:]
        found = Tuned(EF_LADDER[-1], 0, 0.0, len(sample), count)
        for ef in EF_LADDER:
            near, rough, _ = self.nearest(sample, min(NEIGHBOURS + 1, count), ef, vectors=False)
            # Each is its own neighbour; that one is left out. Rough distances of the same vectors differ by rounding.
            others = np.count_nonzero((rough <= truth + ROUNDING) & (near != ids[:, None]), axis=1)
            recall = float(np.mean(np.minimum(others, NEIGHBOURS) / NEIGHBOURS))
            found = Tuned(ef, 0, recall, len(sample), count)
            if recall >= TUNE_TO:
                break
        return found

    def nearest(
        self, probes: NDArray[np.float32], m: int, ef: int, *, vectors: bool = True
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """What Milvus finds: ids (q, m), rough squared distances (q, m), vectors (q, m, dim) or zeros. -1 fills up."""
        ids = np.full((len(probes), m), -1, dtype=np.int64)
        rough = np.full((len(probes), m), np.inf, dtype=np.float32)
        came = np.zeros((len(probes), m, self.dim), dtype=np.float32)
        wanted: dict[str, Any] = {"metric_type": "L2", "params": {"ef": min(max(ef, m), EF_MOST)} if ef else {}}
        size, client = min(PROBES_MOST, max(1, PAGE // m)), self._server.client
        for start in range(0, len(probes), size):
            with self._server.seam():
                found = client.search(
                    self._collection,
                    list(probes[start : start + size]),
                    limit=m,
                    output_fields=["vector"] if vectors else [],
                    search_params=wanted,
                )
            for row, hits in enumerate(found, start):
                held = list(hits)
                ids[row, : len(held)] = [hit["id"] for hit in held]
                rough[row, : len(held)] = [hit["distance"] for hit in held]
                if held and vectors:
                    came[row, : len(held)] = [hit["entity"]["vector"] for hit in held]
        return ids, rough, came

    def _state(self) -> tuple[bool, Tuned | None]:
        """Whether it has a graph, and how that was tuned, by whatever machine."""
        properties = self._server.properties(self._collection)
        told = properties.get(_TUNED)
        return properties.get(_KIND) == "HNSW", None if told is None else Tuned(**json.loads(told))

    def _query(self, expression: str, fields: list[str]) -> list[dict[str, Any]]:
        client = self._server.client
        with self._server.seam():
            return list(client.query(self._collection, filter=expression, output_fields=fields))

    def _pages(self, *, vectors: bool = True) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All ids (n,) and vectors (n, dim), piece by piece."""
        client = self._server.client
        fields = ["id", "vector"] if vectors else ["id"]
        with self._server.seam():
            pages = client.query_iterator(self._collection, batch_size=PAGE, output_fields=fields)
            try:
                while rows := pages.next():
                    yield self._arrays(rows)
            finally:
                pages.close()

    def _pages_of(self, ids: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for some in pieces(np.unique(ids), PAGE):
            yield self._arrays(self._query(_among(some), ["id", "vector"]))

    def _arrays(self, rows: list[dict[str, Any]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        ids = np.array([row["id"] for row in rows], dtype=np.int64)
        held = [row["vector"] for row in rows if "vector" in row]
        return ids, np.array(held, dtype=np.float32).reshape(len(held), self.dim)


class _ScanInsteadError(Exception):
    """Milvus gives too few, or would have to give too many."""


class _Asked:
    """One search: what Milvus proposed last, with the vectors that came along."""

    def __init__(self, index: MilvusIndex, ef: int) -> None:
        self._index = index
        self._ef = ef
        self._held: tuple[NDArray[np.int64], NDArray[np.float32]]

    def propose(self, probes: NDArray[np.float32], m: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See ``ranking.Propose``."""
        if m > FOUND_MOST:
            raise _ScanInsteadError
        ids, rough, vectors = self._index.nearest(probes, m, self._ef)
        if (ids < 0).any():
            raise _ScanInsteadError
        keys, places = np.unique(ids, return_index=True)
        self._held = keys, vectors.reshape(-1, self._index.dim)[places]
        return ids, rough

    def fetch(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """See ``ranking.Fetch``."""
        keys, vectors = self._held
        return vectors[np.searchsorted(keys, ids)]


def _breadth(tuned: Tuned | None, k: int) -> int:
    """As broad a search for k neighbours as the tuned one is for ten; 0 without a graph."""
    return 0 if tuned is None else round(tuned.candidates * max(1.0, k / NEIGHBOURS))


def _among(ids: list[int]) -> str:
    return f"id in {ids}"
