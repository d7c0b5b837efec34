"""Which kind of index suits how many vectors."""

from __future__ import annotations

from typing import Final

from facesearch.errors import ConfigError
from facesearch.index.registry import INDEXES

AUTO: Final = "auto"
"""The kind is chosen by the number of vectors."""

FLAT_MOST = 250_000
"""Up to here an exact answer takes about 5 ms on one thread (17.5 ms for a million, as long as reading them)."""

COMPRESSED_MOST = 3_000_000
"""Up to here going through all codes takes about 8 ms (2.6 ms for a million; an inverted file 1.7), and every answer
comes from all of them. Learning the lists takes longer the more there are."""

BACK = 0.5
"""A gallery that shrinks keeps its kind down to this share of the limit, so that one near it does not go to and fro."""

BYTES_EACH = {"exact": 8.0, "flat": 24.0, "compressed": 40.0, "inverted": 56.0}
"""Memory for a vector's id and places, without the vector or its code."""

BASE_BYTES = 200 << 20
"""Memory of the program without an index: interpreter, libraries, database."""


def kind_for(count: int, dim: int, *, choice: str = AUTO, held: str | None = None, budget: int | None = None) -> str:
    """The kind of index, a name of the registry.

    Args:
        count: vectors.
        dim: numbers of each.
        choice: "auto", or what the user wants.
        held: what there is now; it stays as long as it is not far from what suits.
        budget: bytes that the process may use; None for no limit.

    Raises:
        ConfigError: no such kind, or what is wanted does not fit into the budget.
    """
    if choice != AUTO and choice not in INDEXES:
        raise ConfigError(f"no index {choice!r}", hint=f"known: {', '.join((AUTO, *INDEXES))}")
    kind = choice if choice != AUTO else _by_size(count, held)
    if budget is None or needed(kind, count, dim) <= budget:
        return kind
    if choice == AUTO and needed("compressed", count, dim) <= budget:
        return "compressed"
    least = kind if choice != AUTO else "compressed"
    raise ConfigError(
        f"{count:,} faces need {needed(least, count, dim) / 2**20:,.0f} MiB by {least}, more than --memory-budget",
        hint="allow more memory" if choice == AUTO else "allow more memory, or --index auto",
    )


def needed(kind: str, count: int, dim: int) -> int:
    """About how many bytes of memory a process needs that searches so many vectors; rows on disk are not counted."""
    each = BYTES_EACH[kind] + (4 * dim if kind in ("exact", "flat") else dim / 2)
    # What is read from the file is there twice for a moment.
    return BASE_BYTES + round(count * each * 2)


def _by_size(count: int, held: str | None) -> str:
    limits = {"flat": FLAT_MOST, "compressed": COMPRESSED_MOST}
    for kind, most in limits.items():
        # Whoever has a larger kind keeps it down to half of the limit.
        larger = held in tuple(INDEXES)[tuple(INDEXES).index(kind) + 1 :]
        if count <= (most * BACK if larger else most):
            return kind
    return "inverted"
