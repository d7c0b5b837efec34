"""Codes by FAISS: vectors in some bits a number, for finding the few that are worth an exact comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import faiss
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

KEPT_VARIANCE = 0.999
"""Share of the variance that the kept directions hold. FaceNet's embeddings fill 62 of their 128 dimensions to this
share (lfw-dev), so half of the bytes say nothing."""

MOST_DIRECTIONS = 128
"""More numbers than this share their codes by twos, threes and so on."""

FEWEST_PER_LIST = 30
"""Training vectors for each list of an inverted file; more cost time and bring nothing."""

BY_PRODUCT_FROM = 8
"""More probes than this are compared at once by a matrix product, and not one by one: a million vectors read for each
of 200 probes take 3.2 s on one thread, multiplied 0.7 s; for fewer probes reading is faster."""

# FAISS up to 1.13 counts probes here and begins at 20. Later ones count numbers of all probes and begin at 128,000,
# the thousandth probe (both measured).
faiss.cvar.distance_compute_blas_threshold = min(faiss.cvar.distance_compute_blas_threshold, 128 * BY_PRODUCT_FROM)


class Codes:
    """Positions 0 to n - 1, by codes of 4 bits for each principal direction, 16 of a register looked up at once.

    Principal components (Jolliffe 2002) first, then product quantization with a quantizer a direction (Jegou, Douze
    and Schmid 2011), scanned as in André, Kermarrec and Le Scouarnec 2015 (FAISS's FastScan). With ``lists``, an
    inverted file: only the lists that are nearest to a probe are scanned.

    What is removed makes all that follows move up, here and in whatever goes by position. ``IndexIDMap2`` over an
    inverted file, where nothing moves, would give the ids of other vectors, silently.
    """

    def __init__(self, index: faiss.IndexPreTransform) -> None:
        self._index: Any = index
        self._inner: Any = faiss.downcast_index(index.index)

    @classmethod
    def trained(cls, sample: NDArray[np.float32], lists: int = 0) -> Self:
        """Empty codes for vectors like a sample (n, dim), float32; deterministic.

        Args:
            sample: what to learn directions and quantizers from.
            lists: of an inverted file; 0 for none.
        """
        dim = sample.shape[1]
        directions = _directions(sample)
        quantizers = min(directions, MOST_DIRECTIONS)
        directions = min(dim // quantizers, -(-directions // quantizers)) * quantizers
        inner: Any
        if lists:
            coarse = faiss.IndexFlatL2(directions)
            inner = faiss.IndexIVFPQFastScan(coarse, directions, lists, quantizers, 4, faiss.METRIC_L2)
            # Without residuals one table serves all lists: scanning is faster, and exact ranking follows anyway.
            inner.by_residual = False
            inner.cp.niter, inner.cp.min_points_per_centroid = 10, 1
        else:
            inner = faiss.IndexPQFastScan(directions, quantizers, 4, faiss.METRIC_L2)
        # Sixteen levels want no more; FAISS would complain on stderr.
        inner.pq.cp.min_points_per_centroid = 1
        # FAISS's Python objects keep what they are made of alive.
        index = faiss.IndexPreTransform(faiss.PCAMatrix(dim, directions), inner)
        index.train(np.ascontiguousarray(sample))
        return cls(index)

    def __len__(self) -> int:
        """How many positions have codes."""
        return int(self._index.ntotal)

    @property
    def lists(self) -> int:
        """Of the inverted file; 0 without one."""
        return int(getattr(self._inner, "nlist", 0))

    @property
    def code_bytes(self) -> int:
        """Bytes of one vector's code."""
        return int(self._inner.code_size)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Codes of vectors (n, dim) for the next n positions."""
        if len(vectors):
            self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def remove(self, positions: NDArray[np.int64]) -> bool:
        """Take out the codes at some positions (n,), each named once; those that follow move up.

        Removing few or many of a million takes 0.3 s, encoding the others anew 5 to 7 s.

        Returns:
            Whether that was done. FAISS up to 1.13 silently leaves an inverted file as it is; what is in it must not be
            used then; see ``encode``.
        """
        kept = np.ones(len(self), dtype=bool)
        kept[positions] = False
        before = self._sizes()
        self._index.remove_ids(faiss.IDSelectorBatch(positions))
        after = self._sizes()
        if after.sum() != np.count_nonzero(kept) or len(self) != after.sum():
            return False
        for number in np.flatnonzero(before != after).tolist():
            self._wipe(number, int(after[number]))
        if self.lists:
            # There each code carries its position.
            moved = np.cumsum(kept) - 1
            for number in np.flatnonzero(after).tolist():
                held = faiss.rev_swig_ptr(self._inner.invlists.get_ids(number), int(after[number]))
                held[:] = moved[held]
        return True

    def encode(self, spans: Iterator[tuple[int, NDArray[np.float32]]]) -> None:
        """Codes of all vectors, which come a span (b, dim) at a time, instead of those that are there."""
        self._index.reset()
        for _, rows in spans:
            self.add(rows)

    def search(self, probes: NDArray[np.float32], m: int, lists: int) -> NDArray[np.int64]:
        """About the m nearest positions of probes (q, dim), nearest first, (q, m); -1 fills up.

        Args:
            probes: unit rows.
            m: how many.
            lists: how many lists of an inverted file are scanned.
        """
        params: Any = None
        if self.lists:
            inner = faiss.SearchParametersIVF()
            inner.nprobe = min(lists, self.lists)
            params = faiss.SearchParametersPreTransform()
            params.index_params = inner
        _, positions = self._index.search(probes, m, params=params)
        found: NDArray[np.int64] = positions
        return found

    def _sizes(self) -> NDArray[np.int64]:
        """How many codes each list holds; without lists, the one that all are in."""
        if not self.lists:
            return np.array([len(self)])
        return np.array([self._inner.invlists.list_size(number) for number in range(self.lists)])

    def _wipe(self, number: int, size: int) -> None:
        """Make the room behind the ``size`` codes of a list zero, as FAISS has it before any code was there.

        Codes share blocks, and the last block keeps what was in it: a trace of what was removed.
        """
        packer = self._inner.get_CodePacker()
        whole, used = divmod(size, packer.nvec)
        if not used:
            return
        codes = self._inner.invlists.get_codes(number) if self.lists else self._inner.codes.get()
        last = faiss.rev_swig_ptr(codes, (whole + 1) * packer.block_size)[None, whole * packer.block_size :]
        nothing = np.zeros(packer.code_size, dtype=np.uint8)
        for place in range(used, packer.nvec):
            packer.pack_1(nothing, place, last)

    def dump(self) -> NDArray[np.uint8]:
        """FAISS's own serialization, shape (size,)."""
        payload: NDArray[np.uint8] = faiss.serialize_index(self._index)
        return payload

    @classmethod
    def restore(cls, payload: NDArray[np.uint8], dim: int) -> Self:
        """The codes that gave these bytes.

        Raises:
            ValueError: the bytes are not of codes for vectors of this dimension.
        """
        try:
            loaded = faiss.deserialize_index(payload)
        except RuntimeError as exc:
            raise ValueError(f"FAISS cannot read it: {exc}") from exc
        if not isinstance(loaded, faiss.IndexPreTransform) or loaded.d != dim:
            raise ValueError(f"not codes of {dim}-d vectors")
        return cls(loaded)


def _directions(sample: NDArray[np.float32]) -> int:
    """How many principal directions hold ``KEPT_VARIANCE`` of a sample (n, dim)."""
    variances = np.linalg.eigvalsh(np.cov(sample, rowvar=False, dtype=np.float64).reshape(sample.shape[1], -1))[::-1]
    share = np.cumsum(variances) / max(float(variances.sum()), np.finfo(np.float64).tiny)
    return min(int(np.searchsorted(share, KEPT_VARIANCE)) + 1, sample.shape[1])


def nearest_of(
    probes: NDArray[np.float32], rows: NDArray[np.float32], m: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The m rows of (n, dim) with the largest inner products with probes (q, dim): places and products, (q, m)."""
    products, places = faiss.knn(probes, rows, m, metric=faiss.METRIC_INNER_PRODUCT)
    return places, products


def nearest_of_spans(
    probes: NDArray[np.float32], spans: Iterator[tuple[int, NDArray[np.float32]]], m: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The m nearest of all rows, which come a span at a time: places (q, m) and rough distances (q, m), ascending.

    Args:
        probes: unit rows (q, dim).
        spans: the place of the first row of a span, and its rows (b, dim).
        m: at most as many as there are rows.
    """
    places = np.empty((len(probes), 0), dtype=np.int64)
    products = np.empty((len(probes), 0), dtype=np.float32)
    for start, rows in spans:
        found, more = nearest_of(probes, rows, min(m, len(rows)))
        products, places = np.hstack([products, more]), np.hstack([places, found + start])
        if products.shape[1] > m:
            best = np.argsort(-products, axis=1, kind="stable")[:, :m]
            products, places = np.take_along_axis(products, best, axis=1), np.take_along_axis(places, best, axis=1)
    order = np.argsort(-products, axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1), 2 - 2 * np.take_along_axis(products, order, axis=1)
