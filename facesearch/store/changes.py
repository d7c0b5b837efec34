"""What an index file needs: which state the gallery is in, what changed since another one, and the vectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select, update

from facesearch.store.connection import Connected, chunks
from facesearch.store.schema import (
    ChangeRow,
    CommitRow,
    EmbeddingRow,
    EnrolmentRow,
    FaceRow,
    MetaRow,
    PathRow,
    PersonRow,
    PhotoRow,
    RecipeRow,
)
from facesearch.store.values import Changes, Counts, State
from facesearch.types import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

VECTOR = np.dtype("<f4")


def pack(vectors: NDArray[np.float32]) -> list[bytes]:
    """Rows of shape (n, dim) as n BLOBs of little-endian float32."""
    return [row.tobytes() for row in np.ascontiguousarray(vectors, dtype=VECTOR)]


def unpack(blobs: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """BLOBs as an array of shape (n, dim), float32; shape (0, dim) for none."""
    return np.frombuffer(b"".join(blobs), dtype=VECTOR).reshape(len(blobs), dim).astype(np.float32)


class ChangeStore(Connected):
    """The part of the store that caches follow."""

    def state(self) -> State:
        """Which gallery this is and which state it is in."""
        with self._reader() as connection:
            meta = connection.execute(select(MetaRow.gallery, MetaRow.token, MetaRow.enrolments, MetaRow.recipe)).one()
            seq = connection.execute(select(func.max(ChangeRow.seq))).scalar_one() or 0
        return State(gallery=meta[0], token=meta[1], seq=seq, recipe=meta[3], enrolments=meta[2])

    def is_ancestor(self, token: str, seq: int) -> bool:
        """Whether the gallery once was in this state, so that ``changes`` leads from there to here.

        False for a state that was lost when a backup was put back, though its ``seq`` may have been reached again.
        """
        with self._reader() as connection:
            found = connection.execute(select(CommitRow.seq).where(CommitRow.token == token)).scalar_one_or_none()
        return found == seq

    def changes(self, since_seq: int, recipe_key: str) -> Changes:
        """The embeddings of a recipe that came or went after ``since_seq``, in their end effect."""
        query = (
            select(ChangeRow.face_id, ChangeRow.op)
            .where(ChangeRow.seq > since_seq, ChangeRow.recipe == recipe_key)
            .order_by(ChangeRow.seq)
        )
        with self._reader() as connection:
            last = dict(connection.execute(query).all())
            seq = connection.execute(select(func.max(ChangeRow.seq))).scalar_one() or 0
        added = sorted(face_id for face_id, op in last.items() if op == "add")
        removed = sorted(face_id for face_id, op in last.items() if op == "remove")
        return Changes(np.array(added, dtype=np.int64), np.array(removed, dtype=np.int64), max(seq, since_seq))

    def embeddings(
        self, recipe: Recipe, after_id: int = 0, *, chunk: int = 4096
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All embeddings of a recipe by ascending face id, as ids (n,) int64 and vectors (n, dim) float32.

        Nothing is yielded where there are none. Every chunk is a read of its own: wrap the loop in ``reading`` where
        all must be of one state.

        Args:
            recipe: what made the vectors; the gallery need not have seen it.
            after_id: start after this face id.
            chunk: how many at a time.
        """
        while True:
            query = (
                select(EmbeddingRow.face_id, EmbeddingRow.embedding)
                .where(EmbeddingRow.recipe == recipe.key, EmbeddingRow.face_id > after_id)
                .order_by(EmbeddingRow.face_id)
                .limit(chunk)
            )
            with self._reader() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            ids = np.array([row[0] for row in rows], dtype=np.int64)
            yield ids, unpack([row[1] for row in rows], recipe.dim)
            after_id = int(ids[-1])

    def vectors_of(self, face_ids: Sequence[int], recipe: Recipe) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The embeddings of some faces by ascending id: ids (n,) int64 and vectors (n, dim) float32.

        Faces without an embedding by the recipe, or unknown ones, are left out, so n may be less than asked for.
        """
        ids: list[int] = []
        blobs: list[bytes] = []
        with self._reader() as connection:
            for some in chunks(sorted({int(face_id) for face_id in face_ids})):
                query = (
                    select(EmbeddingRow.face_id, EmbeddingRow.embedding)
                    .where(EmbeddingRow.recipe == recipe.key, EmbeddingRow.face_id.in_(some))
                    .order_by(EmbeddingRow.face_id)
                )
                for face_id, blob in connection.execute(query):
                    ids.append(face_id)
                    blobs.append(blob)
        return np.array(ids, dtype=np.int64), unpack(blobs, recipe.dim)

    def recipes(self) -> list[Recipe]:
        """Every recipe that the gallery has seen, by key."""
        with self._reader() as connection:
            texts = connection.execute(select(RecipeRow.json).order_by(RecipeRow.key)).scalars().all()
        return [_recipe(text) for text in texts]

    def use_recipe(self, recipe: Recipe) -> None:
        """Make ``recipe`` the active one, that answers come from."""
        with self.writing():
            self._put_recipe(recipe)
            other = MetaRow.recipe.is_(None) | (MetaRow.recipe != recipe.key)
            self._write(update(MetaRow).where(other).values(recipe=recipe.key))

    def counts(self) -> Counts:
        """How much the gallery holds."""
        by_status = select(PhotoRow.status, func.count()).group_by(PhotoRow.status)
        by_recipe = select(EmbeddingRow.recipe, func.count()).group_by(EmbeddingRow.recipe)
        with self._reader() as connection:

            def count(table: type[PathRow | FaceRow | PersonRow | EnrolmentRow]) -> int:
                return connection.execute(select(func.count()).select_from(table)).scalar_one()

            failed = select(func.count()).select_from(PathRow).where(PathRow.error.is_not(None))
            return Counts(
                photos=dict(connection.execute(by_status).all()),
                failed=connection.execute(failed).scalar_one(),
                paths=count(PathRow),
                faces=count(FaceRow),
                people=count(PersonRow),
                enrolled=count(EnrolmentRow),
                embeddings=dict(connection.execute(by_recipe).all()),
            )

    def _put_recipe(self, recipe: Recipe) -> None:
        row = {"key": recipe.key, "json": recipe.as_json(), "dim": recipe.dim}
        known = select(RecipeRow.key).where(RecipeRow.key == recipe.key)
        if self._work.connection.execute(known).scalar_one_or_none() is None:
            self._upsert(RecipeRow, ("key",), [row])


def _recipe(text: str) -> Recipe:
    parts = json.loads(text)
    return Recipe(parts["model"], parts["dim"], tuple(sorted(parts["settings"].items())))
