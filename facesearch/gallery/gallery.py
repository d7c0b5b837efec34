"""A gallery: photos, faces and people in one folder. The one place where the parts meet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from facesearch.config import default_gallery
from facesearch.errors import ConfigError, PhotoError
from facesearch.gallery import (
    answering,
    clusters,
    indexing,
    maintenance,
    people,
    pictures,
    reindexing,
    scanning,
    verification,
)
from facesearch.gallery.cache import IndexCache
from facesearch.gallery.recipes import FrontEnds
from facesearch.images.load import MAX_MEGAPIXELS
from facesearch.pipeline import FrontEnd, Scope, front_end_for, make_front_end
from facesearch.store.store import Store
from facesearch.types import Match, ProbePhoto

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from os import PathLike
    from types import TracebackType

    from facesearch.gallery.answering import Method
    from facesearch.gallery.indexing import Progress
    from facesearch.gallery.people import Enrolment
    from facesearch.pipeline import Engine
    from facesearch.types import (
        Answer,
        Clustering,
        Face,
        IndexReport,
        Person,
        Probe,
        Recipe,
        ReindexReport,
        Stats,
        Verdict,
    )

    Photo = str | PathLike[str]

DEFAULT_INDEX = "faiss"


def _quiet(*_: object) -> None:
    """Tells nobody."""


class Gallery:
    """Photos, faces and people in one folder. Open it with ``Gallery.open``, and close it, or use it in a ``with``.

    Distances are squared Euclidean distances of unit embeddings, 0 to 4. Methods raise errors of
    ``facesearch.errors`` only.
    """

    def __init__(
        self,
        store: Store,
        front_end: Callable[[], FrontEnd],
        *,
        rebuild: Callable[[Recipe], FrontEnd] | None = None,
        index: str = DEFAULT_INDEX,
        before_rename: Callable[[], None] = _quiet,
    ) -> None:
        self._store = store
        self._front_ends = FrontEnds(store, front_end, rebuild)
        self._index_name = index
        self._before_rename = before_rename
        self._caches: dict[str, IndexCache] = {}

    @classmethod
    def open(
        cls,
        folder: Photo | None = None,
        *,
        create: bool = True,
        engine: Engine = "onnx",
        threads: int | None = None,
        index: str = DEFAULT_INDEX,
        max_megapixels: float = MAX_MEGAPIXELS,
        min_face: float | None = None,
        thorough: bool = False,
        device: str = "auto",
        tell: Callable[[str], None] = _quiet,
    ) -> Self:
        """Open a gallery. One that an earlier version made goes on with that version's recipe; see ``reindex``.

        Args:
            folder: where it lives; None for ``FACESEARCH_GALLERY`` or the user's data folder.
            create: make it where there is none.
            engine: "onnx", or "reference" for the ``mtcnn`` package and Keras themselves.
            threads: threads inside one network call; None for one a core.
            index: the vector index, "faiss" or "exact".
            max_megapixels: larger photos are refused.
            min_face: the smallest face looked for: below 1 a share of the photo's longer side, from 1 on pixels;
                None for 1/25.
            thorough: look for crowds, and embed each face of a *new* gallery from more crops.
            device: what runs the networks, a name of ``models.device``.
            tell: takes a line of progress while models are fetched on the first use.

        Raises:
            NotFoundError: there is no gallery, and none was to be made.
            StoreError: it cannot be opened.
        """
        store = Store.open(Path(folder).expanduser() if folder is not None else default_gallery(), create=create)

        scope = Scope(min_face, thorough, device, threads, max_megapixels)
        return cls(
            store,
            lambda: make_front_end(engine=engine, scope=scope, tell=tell),
            rebuild=lambda recipe: front_end_for(recipe, engine=engine, scope=scope, tell=tell),
            index=index,
        )

    def close(self) -> None:
        """Let go of the database. Harmless when repeated."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where the gallery lives."""
        return self._store.folder

    @property
    def front_end(self) -> FrontEnd:
        """What turns photos into embeddings; made on first use."""
        return self._front_ends.current()

    def use(self, front_end: FrontEnd) -> None:
        """Analyse photos with this front end from now on; several galleries may share one."""
        self._front_ends.use(front_end)

    @property
    def threshold(self) -> float:
        """The default threshold of verification and identification, a squared distance."""
        return verification.default_threshold()

    def index(
        self,
        *paths: Photo,
        people_from_folders: bool = False,
        jobs: int | None = None,
        retry: bool = False,
        reprocess: bool = False,
        progress: Progress = _quiet,
    ) -> IndexReport:
        """Take in every photo at or below ``paths``. What is known already is skipped, also when it was moved.

        Photos are committed in groups, so that a run that is stopped goes on where it was. A photo that cannot be
        used is reported and stops nothing.

        Args:
            paths: photos and folders.
            people_from_folders: enrol, in each photo, the face that fits its folder under the folder's name.
            jobs: photos at once; None for one a core.
            retry: try photos again that failed.
            reprocess: analyse everything anew; names stay.
            progress: called with photos done, photos to do and a path.

        Raises:
            ConfigError: a path does not exist, or the gallery was made with other models.
            GalleryBusyError: another process held the gallery for too long.
        """
        resolved = scanning.resolve(paths)
        before = self._store.state().recipe
        front_end = self.front_end if reprocess else self._front_ends.checked()
        report = indexing.index_photos(
            self._store,
            front_end,
            self._cache(front_end.recipe),
            resolved,
            jobs=jobs,
            retry=retry,
            reprocess=reprocess,
            instead_of=before if reprocess else None,
            progress=progress,
        )
        if people_from_folders and not report.interrupted:
            folders = [path for path in resolved if path.is_dir()]
            report = replace(report, people=people.enrol_folders(self._store, self.front_end, folders))
        return report

    def reindex(
        self, *, jobs: int | None = None, drop_missing: bool = False, progress: Progress = _quiet
    ) -> ReindexReport:
        """Embed all faces anew by the recipe that this gallery was opened for, and then answer by that one.

        Names and boxes stay. The gallery can be used all the while; a run that is stopped goes on where it was.

        Args:
            jobs: photos at once; None for one a core.
            drop_missing: move although some photos cannot be read; their faces are not found any more until
                ``index`` comes upon the photos again. Else nothing is moved, and the report says which they are.
            progress: called with photos done, photos to do and a path.

        Raises:
            ModelError: the models cannot be used.
            GalleryBusyError: another process held the gallery for too long.
        """
        wanted = self._front_ends.wanted()
        cache = self._cache(wanted.recipe)
        return reindexing.reindex(self._store, wanted, cache, jobs=jobs, progress=progress, drop_missing=drop_missing)

    def missing(self, *folders: Photo) -> list[str]:
        """Indexed files below ``folders`` that are gone.

        Raises:
            ConfigError: a folder does not exist, or is empty as an unmounted drive would be.
        """
        return [str(file.path) for file in maintenance.find_missing(self._store, scanning.resolve(folders))[0]]

    def prune(self, *folders: Photo, yes: bool = False) -> int:
        """Forget photos whose files below ``folders`` are gone; the journal keeps their names. Returns how many.

        Raises:
            ConfigError: as ``missing``; or more than 20 % are gone and ``yes`` was not said.
        """
        missing, total = maintenance.find_missing(self._store, scanning.resolve(folders))
        return maintenance.prune(self._store, missing, total, yes=yes)

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

    def verify(self, a: Photo, b: Photo, *, threshold: float | None = None, strict: bool = False) -> Verdict:
        """Whether two photos show the same person; see ``verification.verify``."""
        return verification.verify(self.front_end, Path(a), Path(b), threshold=threshold, strict=strict)

    def who(
        self,
        photo: Photo,
        *,
        method: Method = "knn",
        threshold: float | None = None,
        k: int | None = None,
        without: Collection[str] = (),
    ) -> tuple[Answer, ...]:
        """Who is in a photo: one answer a face, left to right. The photo itself is never its own evidence.

        Args:
            photo: the probe; it need not be in the gallery, and is not added.
            method: "knn", a distance-weighted vote of the nearest enrolled faces, or "svm".
            threshold: squared distance beyond which nobody is named; None for the default.
            k: how many enrolled faces vote; None for the default.
            without: ids of people who are out of the question, as if they were not enrolled.

        Raises:
            PhotoError: the photo cannot be used.
        """
        return self._who(photo, method, threshold, k, without).answers

    def who_many(
        self,
        photos: Iterable[Photo],
        *,
        method: Method = "knn",
        threshold: float | None = None,
        k: int | None = None,
    ) -> Iterator[ProbePhoto]:
        """``who`` for each photo in turn; one that cannot be used comes with its error."""
        for photo in photos:
            try:
                yield self._who(photo, method, threshold, k)
            except PhotoError as error:
                yield ProbePhoto(str(photo), error=error.reason)

    def search(self, photo: Photo, *, limit: int = 20, threshold: float | None = None) -> tuple[Probe, ...]:
        """The photos that hold each face of ``photo``, nearest first; one probe a face, left to right.

        Args:
            photo: the probe; it is left out of its own results.
            limit: how many photos a face.
            threshold: squared distance beyond which a face is another's; None for the default.

        Raises:
            PhotoError: the photo cannot be used.
        """
        front_end = self._front_ends.checked()
        seen = answering.look_at(self._store, front_end, Path(photo))
        cache = self._cache(front_end.recipe)
        found = answering.search(
            self._store, cache, seen, limit=limit, threshold=self.threshold if threshold is None else threshold
        )
        cache.save_if_possible()
        return found

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

    def faces(self, photo: Photo) -> list[Face]:
        """The faces that the gallery holds of a photo, by the photo's pixels; empty where it is not indexed."""
        seen = answering.look_at(self._store, self._front_ends.checked(), Path(photo))
        return [] if seen.photo_id is None else self._store.faces_of_photo(seen.photo_id)

    def stats(self) -> Stats:
        """How much the gallery holds."""
        return maintenance.stats(self._store)

    def draw(self, photo: ProbePhoto, target: Photo) -> None:
        """Write a probe with boxes and names as PNG."""
        pictures.draw_answers(photo, Path(target), max_megapixels=self.front_end.max_megapixels)

    def draw_clusters(self, clustering: Clustering, folder: Photo) -> list[Path]:
        """Write a contact sheet a cluster into ``folder``; returns the files."""
        return pictures.draw_clusters(self._store, clustering, Path(folder))

    def draw_people(self, folder: Photo) -> list[Path]:
        """Write a contact sheet a person into ``folder``; returns the files."""
        sheets = [(person, self.faces_of(person.id)) for person in self.people()]
        return pictures.draw_people(self._store, sheets, Path(folder))

    def _who(
        self, photo: Photo, method: Method, threshold: float | None, k: int | None, without: Collection[str] = ()
    ) -> ProbePhoto:
        front_end = self._front_ends.checked()
        seen = answering.look_at(self._store, front_end, Path(photo))
        limit = self.threshold if threshold is None else threshold
        answers = answering.who(self._store, front_end, seen, method=method, threshold=limit, k=k, without=without)
        return ProbePhoto(str(photo), answers, warnings=seen.analysis.photo.warnings)

    def _cache(self, recipe: Recipe) -> IndexCache:
        if recipe.key not in self._caches:
            self._caches[recipe.key] = IndexCache(
                self._store, recipe, engine=self._index_name, before_rename=self._before_rename
            )
        return self._caches[recipe.key]
