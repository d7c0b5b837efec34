"""Groups of faces that nobody has named, kept so that a group can be named after it was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, select, update

from facesearch.errors import NotFoundError
from facesearch.store.analysis import AnalysisStore
from facesearch.store.schema import ClusterRow, EnrolmentRow, MetaRow, RejectionRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPEN = (
    ~exists().where(EnrolmentRow.face_id == ClusterRow.face_id),
    ~exists().where(RejectionRow.face_id == ClusterRow.face_id, RejectionRow.person_id.is_(None)),
)
"""A face that was named, or called no face, keeps its row, so that it is in its cluster again when that is undone."""


class ClusterStore(AnalysisStore):
    """The part of the store that keeps clusters."""

    def save_clusters(self, recipe_key: str, clusters: Mapping[str, Sequence[int]]) -> None:
        """Replace the clusters of a recipe by these: face ids by cluster id, the most central face first.

        Raises:
            StoreError: a face is in two clusters or in none of the gallery's photos, or the recipe is unknown.
        """
        rows = [
            {"face_id": int(face_id), "recipe": recipe_key, "cluster": cluster, "position": position}
            for cluster, face_ids in clusters.items()
            for position, face_id in enumerate(face_ids)
        ]
        with self.writing():
            self._write(delete(ClusterRow).where(ClusterRow.recipe == recipe_key))
            self._write(insert(ClusterRow), rows)
            highest = max((int(name) for name in clusters if name.isdecimal()), default=0)
            if highest > self.highest_cluster():
                self._write(update(MetaRow).values(clusters=highest))

    def highest_cluster(self) -> int:
        """The highest number that a cluster ever had; 0 for none. The next one must be higher."""
        with self._reader() as connection:
            return connection.execute(select(MetaRow.clusters)).scalar_one() or 0

    def clusters(self, recipe_key: str, *, named: bool = False) -> dict[str, list[int]]:
        """The face ids of each cluster of a recipe, the most central first.

        Args:
            recipe_key: of which recipe.
            named: also faces that were named, or called no face, since.
        """
        query = (
            select(ClusterRow.cluster, ClusterRow.face_id)
            .where(ClusterRow.recipe == recipe_key, *(() if named else _OPEN))
            .order_by(ClusterRow.cluster, ClusterRow.position)
        )
        found: dict[str, list[int]] = {}
        with self._reader() as connection:
            for cluster, face_id in connection.execute(query):
                found.setdefault(cluster, []).append(face_id)
        return found

    def cluster_faces(self, cluster_id: str, recipe_key: str | None = None) -> list[int]:
        """The face ids of one cluster, the most central first; faces named since have left it.

        Args:
            cluster_id: as given to ``save_clusters``.
            recipe_key: of which recipe; None for the gallery's active one.

        Raises:
            NotFoundError: there is no such cluster, or all its faces were named.
        """
        with self._reader() as connection:
            key = self.state().recipe if recipe_key is None else recipe_key
            query = (
                select(ClusterRow.face_id)
                .where(ClusterRow.cluster == cluster_id, ClusterRow.recipe == key, *_OPEN)
                .order_by(ClusterRow.position)
            )
            found = list(connection.execute(query).scalars())
        if not found:
            raise NotFoundError("cluster", cluster_id, hint="see `facesearch cluster` for the ones there are")
        return found
