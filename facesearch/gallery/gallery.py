"""A gallery: photos, faces and people in one folder. The one place where the parts meet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.errors import PhotoError
from facesearch.gallery import (
    answering,
    calibrating,
    explaining,
    explaining_people,
    pictures,
    training,
    verification,
)
from facesearch.gallery.curation import GalleryCuration
from facesearch.gallery.opening import quiet
from facesearch.identify.calibration import FPIR
from facesearch.types import ProbePhoto

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from facesearch.gallery.answering import Method
    from facesearch.gallery.explaining import Progress
    from facesearch.gallery.opening import Photo
    from facesearch.gallery.training import Training
    from facesearch.identify.calibration import Calibration
    from facesearch.types import Answer, Explanation, Face, Probe, Verdict


class Gallery(GalleryCuration):
    """Photos, faces and people in one folder. Open it with ``Gallery.open``, and close it, or use it in a ``with``.

    Distances are squared Euclidean distances of unit embeddings, 0 to 4. Methods raise errors of
    ``facesearch.errors`` only. They live in one file a group, each built on the one before: ``opening``, ``contents``,
    ``decisions``, ``curation``, and here answers.
    """

    def verify(
        self, a: Photo, b: Photo, *, far: float | None = None, threshold: float | None = None, strict: bool = False
    ) -> Verdict:
        """Whether two photos show the same person; see ``verification.verify``."""
        calibration = self._meaning(threshold)
        return verification.verify(
            self.front_end, Path(a), Path(b), far=far, threshold=threshold, calibration=calibration, strict=strict
        )

    def who(
        self,
        photo: Photo,
        *,
        method: Method = "auto",
        fpir: float | None = None,
        threshold: float | None = None,
        k: int | None = None,
        train: bool = True,
        without: Collection[str] = (),
    ) -> tuple[Answer, ...]:
        """Who is in a photo: one answer a face, left to right. The photo itself is never its own evidence.

        Args:
            photo: the probe; it need not be in the gallery, and is not added.
            method: "knn", a distance-weighted vote of the nearest enrolled faces, "svm", or "auto", the one of these
                that ``train_svm`` found to be better.
            fpir: the share of strangers' faces that may get a name; None for 1e-2. The more people are enrolled, the
                nearer a face must be.
            threshold: squared distance to the nearest enrolled face beyond which nobody is named, instead of a rate; it
                decides also where the embedder was not calibrated.
            k: how many enrolled faces vote; None for the default.
            train: let the SVM be trained where names changed; else k-NN answers instead.
            without: ids of people who are out of the question, as if they were not enrolled.

        Raises:
            PhotoError: the photo cannot be used.
            ConfigError: the rate is beyond the calibration, or both a rate and a threshold are given.
            ModelError: the embedder was not calibrated, and no threshold is given.
        """
        self._front_ends.checked()
        return self._who(photo, self._meaning(threshold), method, fpir, threshold, k, train, without).answers

    def who_many(
        self,
        photos: Iterable[Photo],
        *,
        method: Method = "auto",
        fpir: float | None = None,
        threshold: float | None = None,
        k: int | None = None,
        train: bool = True,
    ) -> Iterator[ProbePhoto]:
        """``who`` for each photo in turn; one that cannot be used comes with its error."""
        self._front_ends.checked()
        calibration = self._meaning(threshold)
        for photo in photos:
            try:
                yield self._who(photo, calibration, method, fpir, threshold, k, train)
            except PhotoError as error:
                yield ProbePhoto(str(photo), error=error.reason)

    def search(
        self, photo: Photo, *, limit: int = 20, threshold: float | None = None, exact: bool = False
    ) -> tuple[Probe, ...]:
        """The photos that hold each face of ``photo``, nearest first; one probe a face, left to right.

        Args:
            photo: the probe; it is left out of its own results.
            limit: how many photos a face.
            threshold: squared distance beyond which a face is another's; None for the default.
            exact: compare with every face, also where the gallery is so large that an approximate index finds them.

        Raises:
            PhotoError: the photo cannot be used.
        """
        front_end = self._front_ends.checked()
        seen = answering.look_at(self._store, front_end, Path(photo))
        cache = self._cache(front_end.recipe)
        found = answering.search(
            self._store,
            cache,
            seen,
            limit=limit,
            threshold=self.threshold if threshold is None else threshold,
            exact=exact,
        )
        cache.save_if_possible()
        return found

    def train_svm(self, *, report: bool = False, fpir: float = FPIR) -> Training:
        """Train the SVM where names changed, and find the better method by cross-validation; "auto" goes by it.

        Args:
            report: tell the outcomes of the comparison, made anew if need be.
            fpir: the rate at which the methods are compared.

        Raises:
            ConfigError: the rate is beyond the calibration.
        """
        recipe = self._front_ends.checked().recipe
        return training.train_svm(self._store, recipe, self.calibration, report=report, fpir=fpir)

    def faces(self, photo: Photo) -> list[Face]:
        """The faces that the gallery holds of a photo, by the photo's pixels; empty where it is not indexed."""
        seen = answering.look_at(self._store, self._front_ends.checked(), Path(photo))
        return [] if seen.photo_id is None else self._store.faces_of_photo(seen.photo_id)

    def why(
        self,
        a: Photo,
        b: Photo | None = None,
        *,
        person: str | None = None,
        far: float | None = None,
        threshold: float | None = None,
        strict: bool = False,
        progress: Progress = quiet,
    ) -> Explanation:
        """Why two photos show the same person or not, or a photo and the nearest enrolled face of a person.

        Args:
            a: a photo; where it has several faces the most prominent is meant.
            b: another photo, or None
            person: and a name or an id.
            far: see ``verify``.
            threshold: see ``verify``.
            strict: see ``verify``.
            progress: called with parts hidden, parts to hide and a path.

        Raises:
            ConfigError: not one of ``b`` and ``person`` was given; or as ``verify``.
            NotFoundError: there is no such person, or no enrolled face of theirs in another photo.
            PhotoError: a photo cannot be used, be it that of the enrolled face.
        """
        return explaining_people.explain_beside(
            self._store,
            self._front_ends.checked(),
            Path(a),
            None if b is None else Path(b),
            person,
            calibration=self.calibration,
            far=far,
            threshold=threshold,
            strict=strict,
            progress=progress,
        )

    def draw_why(self, explanation: Explanation, target: Photo) -> None:
        """Write an explanation as PNG."""
        explaining.draw_explanation(self.front_end, explanation, Path(target), calibration=self.calibration)

    def draw(self, photo: ProbePhoto, target: Photo) -> None:
        """Write a probe with boxes and names as PNG."""
        pictures.draw_answers(photo, Path(target), max_megapixels=self.front_end.max_megapixels)

    def _meaning(self, threshold: float | None) -> Calibration | None:
        """What distances mean; None where nobody has measured it and a threshold decides without."""
        if threshold is not None and calibrating.uncalibrated(self._store):
            return None
        return self.calibration

    def _who(
        self,
        photo: Photo,
        calibration: Calibration | None,
        method: Method,
        fpir: float | None,
        threshold: float | None,
        k: int | None,
        train: bool,
        without: Collection[str] = (),
    ) -> ProbePhoto:
        front_end = self._front_ends.checked()
        seen = answering.look_at(self._store, front_end, Path(photo))
        answers = answering.who(
            self._store,
            front_end,
            seen,
            evidence=self._evidence,
            calibration=calibration,
            method=method,
            fpir=fpir,
            threshold=threshold,
            k=k,
            train=train,
            without=without,
            tell=self._tell_once,
        )
        return ProbePhoto(str(photo), answers, warnings=seen.analysis.photo.warnings)
