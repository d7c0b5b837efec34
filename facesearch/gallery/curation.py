"""What people do with a gallery: group its faces, name them, look through the names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, PhotoError
from facesearch.gallery import clusters, people, pictures, scanning
from facesearch.gallery.contents import GalleryContents

if TYPE_CHECKING:
    from facesearch.gallery.opening import Photo
    from facesearch.gallery.people import Enrolment
    from facesearch.types import Clustering, Match, Person


class GalleryCuration(GalleryContents):
    """The part of a gallery that knows who is who."""

    def enrol(self, name: str, *photos: Photo, face: int | None = None, strict: bool = False) -> Enrolment:
        """Give one face of each photo to a person; photos that are new are indexed first.

        Args:
            name: of the person, or their id; a new person where nobody is called so.
            photos: of the person; where one has several faces the most prominent is meant.
            face: the id of one face in the gallery, instead of photos or to choose in the one photo given.
            strict: refuse a photo with several faces.

        Raises:
            ConfigError: neither photos nor a face were given, or a photo does not exist.
            PhotoError: a photo cannot be used.
            NoFaceError: a photo has no face.
            NotFoundError: there is no such face.
        """
        if face is not None:
            if len(photos) > 1:
                raise ConfigError("a face is in one photo: give one photo with it, or none")
            return people.enrol_faces(self._store, name, [face], [])
        if not photos:
            raise ConfigError("nothing to enrol: give at least one photo, or a face id with --face")
        paths = scanning.resolve(photos)
        report = self.index(*paths)
        for failure in report.failed:
            raise PhotoError(failure.path, failure.error)
        if report.interrupted:
            raise KeyboardInterrupt
        return people.enrol_photos(self._store, self._front_ends.checked(), name, paths, strict=strict)

    def name(self, cluster: str, name: str) -> Enrolment:
        """Give all faces of a cluster to a person.

        Raises:
            NotFoundError: there is no such cluster.
            ConfigError: the name is ambiguous or empty.
        """
        return people.enrol_faces(self._store, name, self._store.cluster_faces(cluster), [])

    def cluster(self, *, threshold: float | None = None) -> Clustering:
        """Group the faces that nobody has named; the groups replace those of the last call.

        Args:
            threshold: mean squared distance at which groups are kept apart; None for the default.
        """
        cut = clusters.CUT if threshold is None else threshold
        return clusters.cluster_unnamed(self._store, self._front_ends.checked(), threshold=cut)

    def people(self) -> list[Person]:
        """Everybody who has a name, by name."""
        return self._store.people()

    def faces_of(self, person_id: str) -> list[Match]:
        """The enrolled faces of a person, in the order of their ids; distance 0.

        Raises:
            NotFoundError: there is no such person.
        """
        return people.faces_of(self._store, self.front_end, person_id)

    def draw_clusters(self, clustering: Clustering, folder: Photo) -> list[Path]:
        """Write a contact sheet a cluster into ``folder``; returns the files."""
        return pictures.draw_clusters(self._store, clustering, Path(folder))

    def draw_people(self, folder: Photo) -> list[Path]:
        """Write a contact sheet a person into ``folder``; returns the files."""
        sheets = [(person, self.faces_of(person.id)) for person in self.people()]
        return pictures.draw_people(self._store, sheets, Path(folder))
