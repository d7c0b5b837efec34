"""What people do with a gallery: group its faces, name them, look through the names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, NotFoundError, PhotoError
from facesearch.gallery import (
    calibrating,
    clusters,
    finding,
    forgetting,
    milvus_place,
    people,
    pictures,
    portrait,
    rereading,
    reviewing,
    scanning,
    suggesting,
    summary,
)
from facesearch.gallery.decisions import GalleryDecisions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facesearch.gallery.finding import Finding
    from facesearch.gallery.forgetting import Doomed
    from facesearch.gallery.grouped import Clustering
    from facesearch.gallery.opening import Photo
    from facesearch.gallery.people import Enrolment
    from facesearch.gallery.portrait import Portrait
    from facesearch.gallery.receipt import Receipt
    from facesearch.gallery.rereading import EnrolledPhoto
    from facesearch.gallery.reviewing import Review
    from facesearch.gallery.suggesting import Suggestions
    from facesearch.gallery.summary import AlbumSummary
    from facesearch.types import Match, Person


class GalleryCuration(GalleryDecisions):
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

    def cluster(self, *, threshold: float | None = None, afresh: bool = False, ignored: bool = False) -> Clustering:
        """Group the faces that nobody has named. Groups of earlier calls grow, keep their ids, and are never joined.

        Args:
            threshold: mean squared distance at which groups are kept apart; None for the default.
            afresh: group everything anew; a group whose faces stay together keeps its id.
            ignored: show the groups that are mostly of ignored faces instead of the others.

        Raises:
            ModelError: there is no default, because the embedder is the user's and was not calibrated.
        """
        cut = calibrating.far_as(self._store, clusters.CUT) if threshold is None else threshold
        front_end = self._front_ends.checked()
        return clusters.cluster_unnamed(self._store, front_end, threshold=cut, afresh=afresh, ignored=ignored)

    def review(self, person: str | None = None) -> Review:
        """Begin to ask about the faces that nobody has named or confirmed, most faces settled first; groups them first.

        Args:
            person: ask only whether faces are this person, by name or id.

        Raises:
            NotFoundError: there is no such person.
            ConfigError: several people have the name, or the gallery was made with other models.
        """
        self.cluster()
        return reviewing.Review(self._store, self._front_ends.checked().recipe, self.calibration, person=person)

    def suggestions(self, person_id: str, *, auto: bool = False, far: float | None = None) -> Suggestions:
        """The unnamed faces that look like a person; none where the embedder is not calibrated and nothing is given.

        Args:
            person_id: whom they may be.
            auto: give the nearest of them to the person, as automatic: no evidence until ``review`` confirms them.
            far: with ``auto``, the share of pairs of strangers that may be as near; None for 1e-4.

        Raises:
            NotFoundError: there is no such person.
            ConfigError: the calibration does not reach to this rate.
        """
        if not auto and not calibrating.calibrated(self._store):
            return suggesting.Suggestions(self._store.person(person_id), (), fpir=0.0)
        calibration = self.calibration
        found = suggesting.suggestions(self._store, person_id, evidence=self._evidence, calibration=calibration)
        if not auto:
            return found
        return suggesting.give(self._store, found, calibration, far=suggesting.AUTO_FAR if far is None else far)

    def people(self) -> list[Person]:
        """Everybody who has a name, by name."""
        return self._store.people()

    def faces_of(self, person_id: str) -> list[Match]:
        """The enrolled faces of a person, in the order of their ids; distance 0.

        Raises:
            NotFoundError: there is no such person.
        """
        return people.faces_of(self._store, self.front_end, person_id)

    def enrolled_photos(self) -> tuple[EnrolledPhoto, ...]:
        """Every photo with its enrolled faces, those aside that were given automatically and not confirmed.

        ``rereading.read_enrolled`` cuts them out again. No models are needed.
        """
        return rereading.enrolled_photos(self._store)

    def find(
        self,
        people: str,
        *,
        since: str | None = None,
        until: str | None = None,
        min_quality: float | None = None,
        only: bool = False,
        suggested: bool = False,
        limit: int | None = None,
    ) -> Finding:
        """Photos by the people in them, by date and path.

        Args:
            people: an expression of names or ids, ``anyone`` and ``unknown``; see ``curate.expression``.
            since: taken in or after this year, month or day, YYYY, YYYY-MM or YYYY-MM-DD.
            until: taken in or before it.
            min_quality: only faces of this quality, 0 to 1, count for those who are asked for.
            only: with nobody else in the photo.
            suggested: count names that were given automatically and never confirmed.
            limit: how many photos; None for all.

        Raises:
            ConfigError: it is no expression, a name is ambiguous, or a date is none.
            NotFoundError: nobody has one of the names.
        """
        return finding.find(
            self._store,
            people,
            since=since,
            until=until,
            min_quality=min_quality,
            only=only,
            suggested=suggested,
            limit=limit,
        )

    def person(self, name: str) -> Portrait:
        """What is known of a person, by name or id: their photos, whom they may be taken for, faces worth a look.

        Raises:
            NotFoundError: there is nobody of this name.
            ConfigError: several people have it.
        """
        return portrait.portray(self._store, self._evidence, self.calibration, name)

    def draw_person(self, found: Portrait, target: Photo) -> None:
        """Write a person's faces as a contact sheet, as PNG: oldest first, with dates, the doubtful ones marked."""
        portrait.draw(self._store, found, Path(target))

    def to_forget(
        self, person: str | None = None, *, photo: Photo | None = None, everything: bool = False
    ) -> Doomed | None:
        """What ``forget`` would forget, and how much that is; arguments and errors as there.

        Returns:
            None where the gallery knows nothing of it, and something that had been cut short was completed when it was
            opened: that may have been it.
        """
        try:
            where = None if photo is None else Path(photo)
            return forgetting.choose(self._store, person=person, photo=where, everything=everything)
        except NotFoundError:
            if self._completed is None:
                raise
            return None

    def forget(
        self,
        person: str | None = None,
        *,
        photo: Photo | None = None,
        everything: bool = False,
        tombstone: bool = False,
    ) -> Receipt:
        """Forget a person, a photo or everything for good: rows, vectors, names, and whatever was made from them.

        Cut short, it is completed by the next ``Gallery.open``. Faces that nobody has named stay, also where they show
        the same person.

        Args:
            person: name or id; every face that was given to them goes, the photos stay.
            photo: known by its pixels or its path; it goes with all its faces.
            everything: all there is.
            tombstone: keep salted hashes of the photos, so that no new face is taken from them when they are indexed
                again. New photos of the person cannot be told without keeping a biometric.

        Returns:
            What was erased, and where its traces were looked for.

        Raises:
            ConfigError: not exactly one of the three was given, or several people have the name.
            NotFoundError: the gallery knows nothing of it.
            GalleryBusyError: another process writes, or still reads an old state.
        """
        doomed = self.to_forget(person, photo=photo, everything=everything)
        earlier, self._completed = self._completed, None
        self._drop_caches()
        # Before anything else: a copy that is gone too early costs time, one that stays cannot be found any more.
        with self._store.index_lock(command=forgetting.COMMAND), self._store.lock(command=forgetting.COMMAND):
            elsewhere = self._forget_in_milvus()
            receipt = forgetting.forget(
                self._store, doomed, tombstone=tombstone, index=self._index_name, earlier=earlier
            )
        if not elsewhere:
            return receipt
        return replace(
            receipt,
            derived=receipt.derived | elsewhere,
            out_of_reach=(*receipt.out_of_reach, milvus_place.OUT_OF_REACH),
        )

    def draw_clusters(self, clustering: Clustering, folder: Photo) -> list[Path]:
        """Write a contact sheet a cluster into ``folder``; returns the files."""
        return pictures.draw_clusters(self._store, clustering, Path(folder))

    def draw_people(self, folder: Photo) -> list[Path]:
        """Write a contact sheet a person into ``folder``; returns the files."""
        sheets = [(person, self.faces_of(person.id)) for person in self.people()]
        return pictures.draw_people(self._store, sheets, Path(folder))

    def summary(self) -> AlbumSummary:
        """The album in numbers: how much there is, how well each person can be told, who looks like whom.

        Raises:
            ConfigError: the gallery holds no faces yet.
        """
        return summary.summarise(self._store, self.calibration)

    def picture(self, match: Match) -> NDArray[np.uint8]:
        """A square picture of a face, upright, (160, 160, 3), uint8; grey where its file cannot be read."""
        return pictures.face_crop(self._store, match)
