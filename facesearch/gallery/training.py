"""What is learned from the enrolled faces: the SVM, and which method is the better one. Once a change of enrolment.

Both are kept in files beside the database, caches like the vector index: each says inside of which recipe and of which
state of the enrolments it is, and one that is of another, or damaged, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from facesearch.errors import ModelError, StoreError
from facesearch.identify import crossval, svm
from facesearch.identify.calibration import FPIR
from facesearch.identify.crossval import Choice, Figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.identify.calibration import Calibration
    from facesearch.identify.crossval import Outcome
    from facesearch.store.store import Store
    from facesearch.store.values import Enrolled
    from facesearch.types import Recipe

Learned = TypeVar("Learned")

MOMENT = 2.0
"""Seconds that a question waits for another process to finish writing, perhaps this very file."""


@dataclass(frozen=True, slots=True)
class Training:
    """What ``train svm`` did: whom and what it knows now, and whether there was anything to do.

    ``choice`` is what ``auto`` takes, ``outcomes`` those of the cross-validation, empty where it was not made anew;
    ``names`` are people's names by id.
    """

    people: int
    faces: int
    current: bool
    names: dict[str, str]
    choice: Choice
    outcomes: tuple[Outcome, ...] = ()


def train_svm(
    store: Store, recipe: Recipe, calibration: Calibration, *, report: bool = False, fpir: float = FPIR
) -> Training:
    """Train the SVM where enrolments changed, and compare it with k-NN by cross-validation, which ``auto`` goes by.

    With ``report`` the comparison is made anew where it is known, and its outcomes are told.

    Raises:
        ConfigError: the calibration does not reach to ``fpir``.
    """
    with store.reading():
        enrolled, mark = store.enrolled(recipe), store.state().enrolments
        names = store.names()
    current = _kept_svm(store, recipe, mark) is not None
    machine = trained_svm(store, recipe, enrolled, without_photo=None, mark=mark)
    people, faces = len(machine.people if machine else ()), len(enrolled.person_ids)
    choice = chosen_method(store, recipe, mark, calibration, fpir)
    if choice.figures and not report:
        return Training(people, faces, current, names, choice)
    outcomes = crossval.cross_validate(enrolled.vectors, enrolled.person_ids, calibration, fpir)
    choice = crossval.choose(outcomes)
    _keep_choice(store, recipe, mark, calibration, fpir, choice)
    return Training(people, faces, current, names, choice, outcomes)


def trained_svm(
    store: Store, recipe: Recipe, enrolled: Enrolled, *, without_photo: int | None, mark: str | None, train: bool = True
) -> svm.Svm | None:
    """The SVM of the enrolled faces: from its file, trained anew only where enrolments changed.

    A probe that is itself enrolled is left out of a training of its own: it must not be its own evidence.

    Args:
        store: where the file is kept.
        recipe: of the enrolled faces.
        enrolled: who is to be known.
        without_photo: id of the photo that is asked about.
        mark: token of the state of the enrolments (``State.enrolments``); None where ``enrolled`` are not all of them,
            which leaves the file alone.
        train: train where that is needed.

    Returns:
        The SVM, None where it would have to be trained and must not.
    """
    inside = enrolled.photo_ids == without_photo
    if inside.any() or mark is None:
        if not train:
            return None
        people = [person for person, own in zip(enrolled.person_ids, inside, strict=True) if not own]
        return svm.train(enrolled.vectors[~inside], people)
    before = store.state().enrolments
    found = _kept_svm(store, recipe, mark)
    if found is not None or not train:
        return found
    return _learn(
        store,
        _path(store, "svm", recipe, mark, "npz"),
        lambda: _kept_svm(store, recipe, mark),
        lambda: svm.train(enrolled.vectors, enrolled.person_ids),
        lambda: store.state().enrolments == before,
        lambda machine: machine.to_bytes(recipe=recipe.key, token=mark),
    )


def chosen_method(
    store: Store,
    recipe: Recipe,
    mark: str | None,
    calibration: Calibration,
    fpir: float,
    tell: Callable[[str], None] = lambda _: None,
) -> Choice:
    """The method that ``train_svm`` found to answer better at this rate (``crossval``), k-NN where it found none.

    Arguments as for ``trained_svm``. Where ``mark`` is None the question is about some of the people only, and what
    was found for all of them does not count. ``tell`` takes a line where it had found the SVM to be better, by another
    calibration.
    """
    if mark is None:
        return Choice("knn", "only some of the people are asked about")
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = json.loads(_path(store, "method", recipe, mark, "json").read_bytes())
        if held["of"] == [recipe.key, mark, _about(calibration, fpir)] and held["method"] in crossval.METHODS:
            return Choice(held["method"], str(held["reason"]), tuple(Figures(**one) for one in held["figures"]))
        # An older version did not write the rate down.
        if held["of"][:2] == [recipe.key, mark] and held["method"] == "svm" and held.get("rate", FPIR) == fpir:
            found_by = "another calibration" if "rate" in held else "another calibration or rate"
            tell(f"the SVM was found to be better by {found_by}: k-NN answers until facesearch train svm")
    return Choice("knn", "not compared since names changed: facesearch train svm")


def _keep_choice(
    store: Store, recipe: Recipe, mark: str, calibration: Calibration, fpir: float, choice: Choice
) -> None:
    document = {"of": [recipe.key, mark, _about(calibration, fpir)], "rate": fpir, **asdict(choice)}
    with suppress(OSError, StoreError), store.files_lock(MOMENT):
        _write(_path(store, "method", recipe, mark, "json"), json.dumps(document, indent=1).encode())


def _about(calibration: Calibration, fpir: float) -> str:
    """What a choice depends on besides the enrolments: two rates or calibrations may give two choices."""
    return hashlib.sha256(f"{fpir!r} {calibration.as_json()}".encode()).hexdigest()


def _kept_svm(store: Store, recipe: Recipe, mark: str) -> svm.Svm | None:
    """The SVM in the file, where it is one of this recipe and these enrolments."""
    with suppress(OSError, ModelError):
        data = _path(store, "svm", recipe, mark, "npz").read_bytes()
        return svm.Svm.from_bytes(data, recipe=recipe.key, token=mark)
    return None


def _path(store: Store, what: str, recipe: Recipe, mark: str, ending: str) -> Path:
    return store.folder / f"{what}-{recipe.key}-{mark[:16]}.{ending}"


def _learn(
    store: Store,
    path: Path,
    kept: Callable[[], Learned | None],
    learn: Callable[[], Learned],
    current: Callable[[], bool],
    as_bytes: Callable[[Learned], bytes],
) -> Learned:
    """Learn and keep it in ``path``, under the writer's lock, or take what another process has learned meanwhile.

    Where the gallery cannot be written, or somebody else is writing, it is learned and not kept: a question needs an
    answer, not a file.
    """
    with ExitStack() as stack:
        locked = True
        try:
            stack.enter_context(store.files_lock(MOMENT))
        except StoreError:
            locked = False
        found = kept()
        if found is not None:
            return found
        learned = learn()
        # Somebody may have been forgotten while this waited for the lock.
        if locked and current():
            with suppress(OSError):
                _write(path, as_bytes(learned))
    return learned


def _write(path: Path, data: bytes) -> None:
    """Write a whole file or none, for its owner alone, and delete those that it replaces; the lock is held."""
    what = path.name.partition("-")[0]
    # mkstemp gives mode 0600 from the start.
    handle, name = tempfile.mkstemp(prefix=f".{what}-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for old in [*path.parent.glob(f"{what}-*"), *path.parent.glob(f".{what}-*.tmp")]:
        if old != path:
            old.unlink(missing_ok=True)
