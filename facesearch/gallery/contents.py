"""What a gallery holds: photos come in, are embedded anew, marked and measured, and go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.config import gallery_place
from facesearch.gallery import (
    calibrating,
    disagreeing,
    indexing,
    maintenance,
    marking,
    moving,
    people,
    region_export,
    regions,
    reindexing,
    scanning,
)
from facesearch.gallery.opening import OpenGallery, quiet
from facesearch.images.load import MAX_MEGAPIXELS
from facesearch.pipeline import check_runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.gallery.calibrating import AlbumCalibration
    from facesearch.gallery.disagreeing import Comparison
    from facesearch.gallery.indexing import Progress
    from facesearch.gallery.moving import Copied
    from facesearch.gallery.opening import Photo
    from facesearch.gallery.region_export import RegionsExport
    from facesearch.pipeline import Runner
    from facesearch.types import IndexReport, Mark, ReindexReport, Stats


class GalleryContents(OpenGallery):
    """The part of ``Gallery`` that fills it and keeps it in step with the files."""

    def index(
        self,
        *paths: Photo,
        people_from_folders: bool = False,
        read_regions: bool = False,
        jobs: int | None = None,
        runner: Runner = "local",
        address: str | None = None,
        retry: bool = False,
        reprocess: bool = False,
        progress: Progress = quiet,
    ) -> IndexReport:
        """Take in every photo at or below ``paths``. What is known already is skipped, also when it was moved.

        Photos are committed in groups, so that a run that is stopped goes on where it was. A photo that cannot be
        used is reported and stops nothing.

        Args:
            paths: photos and folders.
            people_from_folders: enrol, in each photo, the face that fits its folder under the folder's name.
            read_regions: enrol faces under the names that other programs wrote on parts of the photos, also of photos
                that are known already; see ``regions.read_names``.
            jobs: photos at once; None for one a core.
            runner: what analyses photos: "local" for this machine, or "ray" for the workers of a Ray cluster. They must
                find the photos at the same paths. What they find is written by this process alone.
            address: the cluster: "auto" or "host:6379" from a machine that belongs to it, "ray://host:10001" from any
                other; None for a Ray of our own on this machine.
            retry: try photos again that failed.
            reprocess: analyse everything anew; names stay.
            progress: called with photos done, photos to do and a path.

        Raises:
            ConfigError: a path does not exist, the gallery was made with other models, or Ray cannot be used.
            GalleryBusyError: another process held the gallery for too long.
        """
        check_runner(runner, address)
        resolved = scanning.resolve(paths)
        before = self._store.state().recipe
        front_end = self.front_end if reprocess else self._front_ends.checked()
        report = indexing.index_photos(
            self._store,
            front_end,
            self._cache(front_end.recipe),
            resolved,
            jobs=jobs,
            runner=runner,
            address=address,
            retry=retry,
            reprocess=reprocess,
            instead_of=before if reprocess else None,
            progress=progress,
        )
        if people_from_folders and not report.interrupted:
            folders = [path for path in resolved if path.is_dir()]
            report = replace(report, people=people.enrol_folders(self._store, self.front_end, folders))
        if read_regions and not report.interrupted:
            read = regions.read_names(self._store, resolved, progress)
            odd = (*report.warnings, *read.odd)
            report = replace(report, named=read.named, unplaced=read.unplaced, conflicts=read.conflicts, warnings=odd)
        return report

    def reindex(
        self,
        *,
        jobs: int | None = None,
        drop_missing: bool = False,
        dry_run: bool = False,
        back: bool = False,
        compared: Callable[[Comparison], None] = quiet,
        progress: Progress = quiet,
    ) -> ReindexReport:
        """Embed all faces anew by the recipe that this gallery was opened for, and then answer by that one.

        Names and boxes stay. The gallery can be used all the while; a run that is stopped goes on where it was. Where
        the embedder is another one, the old vectors stay beside, so that the gallery can move back at once, until it
        moves on or ``forget_old_vectors``.

        Args:
            jobs: photos at once; None for one a core.
            drop_missing: move although some photos cannot be read; their faces are not found any more until
                ``index`` comes upon the photos again. Else nothing is moved, and the report says which they are.
            dry_run: embed and compare, but answer as before; what was embedded is kept for the run that moves.
            back: move to the recipe before this one instead.
            compared: told, before the move, where another embedder disagrees with the one before about named faces.
            progress: called with photos done, photos to do and a path.

        Raises:
            ModelError: the models cannot be used.
            ConfigError: there is nothing to go back to, or more than one recipe.
            GalleryBusyError: another process held the gallery for too long.
        """
        wanted = self._front_ends.of(disagreeing.before(self._store)) if back else self._front_ends.wanted()
        return reindexing.reindex(
            self._store,
            wanted,
            self._cache(wanted.recipe),
            jobs=jobs,
            progress=progress,
            drop_missing=drop_missing,
            dry_run=dry_run,
            keep=disagreeing.to_keep(self._store, wanted.recipe),
            before_switch=lambda: disagreeing.tell(self._store, wanted.recipe, compared, self._tell),
        )

    def forget_old_vectors(self) -> int:
        """Delete the vectors that ``reindex`` kept or made on trial. Returns how many there were."""
        return self._store.drop_others()

    def mark(self, photo: Photo, mark: Mark | None = "collage", *, max_megapixels: float = MAX_MEGAPIXELS) -> bool:
        """Say that an indexed photo shows people several times, or with None take that back. Returns whether it is new.

        Two faces of a photo are taken for two people, except in a photo that is marked. The journal remembers it.

        Args:
            photo: known by its pixels, wherever it lies.
            mark: what to say, or None.
            max_megapixels: larger photos are refused.

        Raises:
            PhotoError: the photo cannot be read.
            NotFoundError: it is not in the gallery.
        """
        return marking.mark(self._store, Path(photo), mark, max_megapixels=max_megapixels)

    def calibrate(self) -> AlbumCalibration:
        """Measure how far apart strangers are in this album, from photos that several people share, and go by it.

        The result is kept in the gallery, for its recipe. Relatives who share photos bias it towards smaller distances.

        Raises:
            ConfigError: too few people share photos; what was kept before stays.
        """
        return calibrating.calibrate(self._store)

    def reset_calibration(self) -> bool:
        """Go back to the calibration that comes with the model. Returns whether there was another."""
        return calibrating.reset(self._store)

    def draw_calibration(self, found: AlbumCalibration, target: Photo) -> None:
        """Write a picture of the album's curve beside the built-in one as PNG."""
        calibrating.draw(found, Path(target))

    def export_regions(
        self, output: Photo | None = None, *, dry_run: bool = False, progress: Progress = quiet
    ) -> RegionsExport:
        """Write the names of faces into XMP sidecars beside the photos, or below ``output``.

        Photos are never written to, and what sidecars hold beside stays; see ``region_export.export_regions``.

        Raises:
            ConfigError: ``output`` is a file.
        """
        target = None if output is None else Path(output).expanduser()
        return region_export.export_regions(self._store, target, dry_run=dry_run, progress=progress)

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

    def copy_to(self, target: Photo, *, progress: Progress = quiet) -> Copied:
        """Copy the whole gallery to an empty place, and compare both before anything is kept.

        The copy is a gallery of its own; this one stays as it is.

        Args:
            target: a folder, or the URL of a PostgreSQL database, with no gallery or an empty one.
            progress: called with rows done, rows to do and a table: once for writing, and anew for comparing.

        Raises:
            ConfigError: the target holds something already, or cannot be named so.
            StoreError: it cannot be written, or something is being forgotten here; nothing is kept there then.
        """
        return moving.copy_gallery(self._store, gallery_place(target), progress)

    def stats(self) -> Stats:
        """How much the gallery holds."""
        held, facts = maintenance.stats(self._store), self._index_facts()
        return held if facts is None else replace(held, index=facts)
