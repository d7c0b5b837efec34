"""From one recipe to another: new vectors beside the old ones, then one transaction in which they take their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, delete, exists, func, insert, literal, select, update

from facesearch.errors import StoreError
from facesearch.store.changes import pack
from facesearch.store.clusters import ClusterStore
from facesearch.store.connection import chunks
from facesearch.store.schema import ChangeRow, ClusterRow, EmbeddingRow, FaceRow, PhotoRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement

    from facesearch.types import Face, Recipe


class RecipeStore(ClusterStore):
    """The part of the store that moves a gallery to another recipe."""

    def photos_to_embed(self, recipe_key: str, *, losing: bool = False) -> list[int]:
        """Photos, by ascending id, that have a face without a vector of the recipe.

        Args:
            recipe_key: of a recipe.
            losing: only those where such a face has a vector of another recipe.
        """
        query = select(FaceRow.photo_id).where(~_embedded(recipe_key)).distinct().order_by(FaceRow.photo_id)
        if losing:
            query = query.where(exists().where(EmbeddingRow.face_id == FaceRow.id))
        with self._reader() as connection:
            return list(connection.execute(query).scalars())

    def add_vectors(self, faces: Sequence[Face], vectors: NDArray[np.float32], recipe: Recipe) -> int:
        """Give faces vectors of a recipe, which need not be the active one, beside those that they have.

        Args:
            faces: as they were read from the store; one that is gone or was found elsewhere since is left alone.
            vectors: shape (n, dim), float32, unit rows, row i for ``faces[i]``.
            recipe: what made them.

        Returns:
            How many faces got theirs.

        Raises:
            StoreError: the vectors do not fit the faces or the recipe, or the database cannot be written.
        """
        if vectors.shape != (len(faces), recipe.dim):
            raise StoreError(f"vectors of shape {vectors.shape} for {len(faces)} faces of dimension {recipe.dim}")
        with self.writing():
            self._put_recipe(recipe)
            held = self.faces([face.id for face in faces if face.id is not None])
            same = [
                (face.id, blob)
                for face, blob in zip(faces, pack(vectors), strict=True)
                if face.id in held and held[face.id].box == face.box
            ]
            ids = [face_id for face_id, _ in same]
            rows = [{"face_id": face_id, "recipe": recipe.key, "embedding": blob} for face_id, blob in same]
            self._upsert(EmbeddingRow, ("face_id", "recipe"), rows)
            self._write(insert(ChangeRow), [{"face_id": i, "op": "add", "recipe": recipe.key} for i in ids])
            if self.state().recipe == recipe.key:
                self._mark_enrolments(ids)
        return len(ids)

    def drop_outdated(self, recipe_key: str) -> int:
        """Delete those vectors of a recipe whose face was analysed by another recipe later: it may lie elsewhere now.

        The vectors of the active recipe, that answers come from, are left alone. Returns how many were deleted.
        """
        own = func.max(case((ChangeRow.recipe == recipe_key, ChangeRow.seq)))
        other = func.max(case((ChangeRow.recipe != recipe_key, ChangeRow.seq)))
        query = select(ChangeRow.face_id).where(ChangeRow.op == "add").group_by(ChangeRow.face_id).having(other > own)
        gone = 0
        with self.writing():
            if self.state().recipe == recipe_key:
                return 0
            for some in chunks(list(self._work.connection.execute(query).scalars())):
                gone += self._drop_vectors((EmbeddingRow.recipe == recipe_key) & EmbeddingRow.face_id.in_(some))
        return gone

    def move_to(self, recipe: Recipe, *, keep: str | None = None) -> int:
        """Make a recipe the active one and delete all vectors, and clusters, of other recipes.

        A photo with a face that has no vector of the recipe keeps its old recipe, so that ``index`` analyses it anew.

        Args:
            recipe: to be the active one.
            keep: a recipe whose vectors stay, so that the gallery can move back to it; its clusters do not.

        Returns:
            How many faces have lost the vectors that they had and have none now; their names stay.
        """
        other = EmbeddingRow.recipe != recipe.key
        embedded = select(EmbeddingRow.face_id).where(EmbeddingRow.recipe == recipe.key)
        lost = select(func.count(EmbeddingRow.face_id.distinct())).where(other, EmbeddingRow.face_id.not_in(embedded))
        bare = exists().where(FaceRow.photo_id == PhotoRow.id, ~_embedded(recipe.key))
        with self.writing():
            moved = self.state().recipe != recipe.key
            self.use_recipe(recipe)
            count = self._work.connection.execute(lost).scalar_one()
            gone = self._drop_vectors(other if keep is None else other & (EmbeddingRow.recipe != keep))
            if gone or moved:
                self._work.enrolments_changed = True
            if keep is not None and moved:
                self._log_kept(keep)
            self._write(delete(ClusterRow).where(ClusterRow.recipe != recipe.key))
            self._write(update(PhotoRow).where(PhotoRow.recipe != recipe.key, ~bare).values(recipe=recipe.key))
        return count

    def earlier_recipes(self) -> list[str]:
        """The keys of recipes that the gallery had before the active one and has vectors of still."""
        first = func.min(ChangeRow.seq)
        query = select(ChangeRow.recipe, first).where(ChangeRow.op == "add").group_by(ChangeRow.recipe)
        held = exists().where(EmbeddingRow.recipe == ChangeRow.recipe)
        with self._reader() as connection:
            active = self.state().recipe
            begun = dict(connection.execute(query.where(held)).all())
        # Vectors that were only made on trial came after those of the recipe that answers.
        return sorted(key for key, seq in begun.items() if active in begun and seq < begun[active])

    def drop_others(self) -> int:
        """Delete the vectors of all recipes but the active one. Returns how many there were."""
        with self.writing():
            return self._drop_vectors(EmbeddingRow.recipe != (self.state().recipe or ""))

    def _log_kept(self, recipe_key: str) -> None:
        """Say that the vectors of a recipe fit the faces as they are now: those that are analysed later lose theirs."""
        kept = select(EmbeddingRow.face_id, literal("add"), EmbeddingRow.recipe).where(
            EmbeddingRow.recipe == recipe_key
        )
        ordered = kept.order_by(EmbeddingRow.face_id)
        self._write(insert(ChangeRow).from_select(["face_id", "op", "recipe"], ordered))

    def _drop_vectors(self, which: ColumnElement[bool]) -> int:
        self._log_removal(which)
        return self._write(delete(EmbeddingRow).where(which))


def _embedded(recipe_key: str) -> ColumnElement[bool]:
    """Whether a face, of the query around it, has a vector of the recipe."""
    return exists().where(EmbeddingRow.face_id == FaceRow.id, EmbeddingRow.recipe == recipe_key)
