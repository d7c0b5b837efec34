"""Add a network of the user's, and measure what its distances mean, as that of FaceNet was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.evaluation.calibration import CalibrationReport, measure, measure_vectors
from facesearch.evaluation.faces import people_tree
from facesearch.evaluation.pairs import read_pairs
from facesearch.models import local
from facesearch.pipeline import Scope, make_front_end
from facesearch.pipeline.adding import examine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facesearch.models.local import LocalModel
    from facesearch.pipeline import FrontEnd
    from facesearch.pipeline.adding import Wishes


@dataclass(frozen=True, slots=True)
class Known:
    """Photos and who is in them, and what they are called in a calibration."""

    people: dict[Path, str]
    data: str


@dataclass(frozen=True, slots=True)
class KnownFaces:
    """Faces of known people, wherever they are, and what they are called in a calibration.

    ``embed`` takes a front end, photos at once and ``progress``; it gives unit rows (n, dim), the person of each, and
    how many faces could not be read.
    """

    embed: Callable[[FrontEnd, int | None, Callable[[int, int, str], None]], tuple[NDArray[np.float32], list[str], int]]
    data: str


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what: ``progress`` takes photos done, photos to do and a path, ``tell`` lines about models."""

    progress: Callable[[int, int, str], None] = lambda *_: None
    tell: Callable[[str], None] = lambda _: None


def known_people(folder: Path, pairs: Path | None = None, data: str | None = None) -> Known:
    """The photos to measure on: all of ``folder/<person>/``, or those of the folder that a list of pairs names.

    Of a list all photos are compared with each other, not only the pairs that it holds.

    Raises:
        ConfigError: the folder or the list is not as it should be.
    """
    if pairs is None:
        return Known(people_tree(folder), data or folder.resolve().name)
    listed = read_pairs(pairs, folder).pairs
    found = {pair.a: pair.person_a for pair in listed} | {pair.b: pair.person_b for pair in listed}
    return Known(dict(sorted(found.items())), data or f"{folder.resolve().name}, photos of {pairs.name}")


def add(
    file: Path,
    wishes: Wishes,
    known: Known | KnownFaces | None = None,
    *,
    replacing: bool = False,
    scope: Scope = Scope(),  # noqa: B008 - a constant
    jobs: int | None = None,
    told: Told = Told(),
) -> tuple[LocalModel, CalibrationReport | None]:
    """Add a network: look at it, run it, measure it, and keep all of that or nothing.

    Args:
        file: ONNX.
        wishes: what the user says of it.
        known: photos or faces to measure it on; None to leave it uncalibrated, so that it decides nothing.
        replacing: take the place of one of the same name.
        scope: how faces are looked for in these photos.
        jobs: photos at once; None for one a core.
        told: progress.

    Returns:
        The model, and what was measured.

    Raises:
        ConfigError: it may not be called so, or there are too few people.
        ModelError: the network cannot be used; nothing is kept.
    """
    model, network = examine(file, wishes)
    report = None
    with local.staged(model, network, replacing=replacing) as here:
        del network
        if known is not None:
            report = _measure(here, known, scope, jobs, told)
    return local.find(wishes.name), report


def calibrate(
    name: str,
    known: Known | KnownFaces,
    *,
    scope: Scope = Scope(),  # noqa: B008
    jobs: int | None = None,
    told: Told = Told(),
) -> tuple[LocalModel, CalibrationReport]:
    """Measure a network that was added before; see ``add``.

    Raises:
        ConfigError: there are too few people.
        ModelError: there is no such network, or it cannot be used.
    """
    model = local.find(local.check_name(name))
    return model, _measure(model, known, scope, jobs, told)


def _measure(
    model: LocalModel, known: Known | KnownFaces, scope: Scope, jobs: int | None, told: Told
) -> CalibrationReport:
    front_end = make_front_end(model=model, scope=scope, tell=told.tell)
    if isinstance(known, Known):
        report = measure(known.people, front_end, data=known.data, splits=0, jobs=jobs, progress=told.progress)
    else:
        vectors, labels, left_out = known.embed(front_end, jobs, told.progress)
        found, checked = measure_vectors(vectors, labels, front_end.recipe, data=known.data, splits=0)
        report = CalibrationReport(found, checked, left_out)
    local.keep_calibration(model, report.calibration.as_json())
    return report
