"""Networks that a user added: a folder each, with the network, what it takes and what its distances mean."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from facesearch.config import local_models_folder
from facesearch.errors import ConfigError, ModelError
from facesearch.models.registry import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facesearch.models.onnx_file import Layout
    from facesearch.types import Recipe

NETWORK = "model.onnx"
ABOUT = "model.json"
CALIBRATION = "calibration.json"

Align = Literal["box", "eyes", "arcface"]
Standardize = Literal["per-image", "fixed", "none"]
Color = Literal["rgb", "bgr"]

_FORMAT = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A network of the user's: what it takes and gives, and where it came from.

    ``align``, ``standardize`` and ``color`` say how faces are cut out, which numbers pixels become ("per-image" as
    FaceNet, "fixed" (x − 127.5) / 128, "none" 0 to 255) and in which order colours stand. ``batch`` is how many
    pictures it takes at once, None for any number. ``sha256`` is of the file, ``added`` a date in ISO 8601, ``source``
    where the file came from, and ``training`` what ``train embedder`` wrote of it. ``folder`` is where it lies.
    """

    name: str
    title: str
    dim: int
    size: int
    align: Align
    standardize: Standardize
    color: Color
    input: str
    output: str
    layout: Layout
    kind: Literal["float32", "uint8"]
    batch: int | None
    licence: str
    sha256: str
    added: str
    source: str
    training: dict[str, Any] | None = None
    folder: Path = field(default=Path(), compare=False)

    @property
    def path(self) -> Path:
        """The network's file."""
        return self.folder / NETWORK

    @property
    def calibrated(self) -> bool:
        """Whether it was measured what its distances mean."""
        return (self.folder / CALIBRATION).is_file()


def check_name(name: str) -> str:
    """The name, if a model of the user's may have it.

    Raises:
        ConfigError: it is a built-in model's, or could be no folder's.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise ConfigError(
            f"no model can be called {name!r}",
            hint="take small letters, digits, - _ and ., 60 at most, a letter or a digit first",
        )
    if name in MODELS or name.removesuffix("-reference") in MODELS:
        raise ConfigError(f"{name} is a built-in model", hint="take another name")
    return name


def names() -> list[str]:
    """The models that were added, sorted."""
    folder = local_models_folder()
    if not folder.is_dir():
        return []
    return sorted(one.parent.name for one in folder.glob(f"*/{ABOUT}") if _NAME.fullmatch(one.parent.name))


def find(name: str) -> LocalModel:
    """The model of this name; its file is not looked at, see ``checked``.

    Raises:
        ModelError: there is none, or what was written of it cannot be read.
    """
    folder = local_models_folder() / name
    if not _NAME.fullmatch(name) or not (folder / ABOUT).is_file():
        known = ", ".join(sorted([*MODELS, *names()]))
        raise ModelError(name, "unknown", hint=f"known models: {known}; add one: facesearch models add FILE --name N")
    return _read(name, folder)


def behind(recipe: Recipe) -> LocalModel:
    """The model that made a recipe, one of the user's.

    Raises:
        ModelError: it was removed, or another one has its name now, or it is used in another way.
    """
    name = recipe.model
    if name not in names():
        raise ModelError(
            name,
            "made this gallery, and is not there any more",
            hint="add the same file again (facesearch models add), or embed all faces anew by another one: "
            "facesearch reindex --model facenet-128",
        )
    model = find(name)
    said = dict(recipe.settings)
    again = f"add that one again, or embed all faces anew: facesearch reindex --model {name}"
    if said.get("embedder_weights") != model.sha256:
        raise ModelError(name, "is another network now than the one that made this gallery", hint=again)
    align = "arcface" if said.get("crop1_align") == "arcface" else "box" if said.get("crop1_level") else "eyes"
    told = tuple(said.get(f"embedder_{setting}") for setting in ("standardization", "color", "output"))
    if (align, *told) != (model.align, model.standardize, model.color, model.output):
        raise ModelError(name, "was added anew, with other settings than those that made this gallery", hint=again)
    return model


def checked(model: LocalModel) -> Path:
    """The file of a model, which is the one that was added.

    Raises:
        ModelError: it is gone, or was changed.
    """
    try:
        stat = model.path.stat()
        same = _digest(model.path, stat.st_mtime_ns, stat.st_size) == model.sha256
    except OSError as exc:
        raise ModelError(
            model.name, f"cannot read {model.path}: {(exc.strerror or str(exc)).lower()}", hint=_again(model.name)
        ) from exc
    if not same:
        raise ModelError(model.name, f"{model.path} is not the file that was added", hint=_again(model.name))
    return model.path


def remove(name: str) -> None:
    """Delete a model and all that was written of it.

    Raises:
        ModelError: there is none, or it cannot be deleted.
    """
    check_name(name)
    folder = local_models_folder() / name
    if not folder.is_dir():
        find(name)
    try:
        # A folder that is deleted in part must not look like a model.
        (folder / ABOUT).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except OSError as exc:
        raise ModelError(name, f"cannot delete {folder}: {(exc.strerror or str(exc)).lower()}") from exc


@contextmanager
def staged(model: LocalModel, network: bytes, *, replacing: bool = False) -> Iterator[LocalModel]:
    """Add a model, or nothing where the block raises.

    Args:
        model: what is to be written of it.
        network: the bytes of its file.
        replacing: take the place of one of the same name.

    Yields:
        The model in a folder that is not looked at yet, so that it can be run; what is written beside it stays.

    Raises:
        ConfigError: there is one of this name, or it may not have this name.
        ModelError: it cannot be written.
    """
    check_name(model.name)
    place = local_models_folder()
    if (place / model.name / ABOUT).exists() and not replacing:
        raise ConfigError(
            f"there is a model {model.name} already",
            hint="take another name, or --replace it; galleries that it made need facesearch reindex then",
        )
    try:
        place.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".adding-", dir=place))
    except OSError as exc:
        raise ModelError(model.name, f"cannot write into {place}: {(exc.strerror or str(exc)).lower()}") from exc
    try:
        here = replace(model, folder=scratch)
        try:
            (scratch / NETWORK).write_bytes(network)
            (scratch / ABOUT).write_text(_as_json(model), encoding="utf-8")
        except OSError as exc:
            raise ModelError(model.name, f"cannot write {scratch}: {(exc.strerror or str(exc)).lower()}") from exc
        yield here
        _take_place(scratch, place / model.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def keep_calibration(model: LocalModel, document: str) -> None:
    """Write what a model's distances mean beside it; what ``identify.calibration`` reads.

    Raises:
        ModelError: it cannot be written.
    """
    target = model.folder / CALIBRATION
    scratch = target.with_suffix(".part")
    try:
        scratch.write_text(document, encoding="utf-8")
        scratch.replace(target)
    except OSError as exc:
        raise ModelError(model.name, f"cannot write {target}: {(exc.strerror or str(exc)).lower()}") from exc


def calibration(name: str) -> str | None:
    """What ``keep_calibration`` wrote for the model of this name, or None."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return (local_models_folder() / name / CALIBRATION).read_text(encoding="utf-8")
    except OSError:
        return None


def _take_place(scratch: Path, target: Path) -> None:
    """Move a whole folder to its name, in one step where nothing is there."""
    aside = scratch.with_name(f"{scratch.name}-old")
    try:
        if target.exists():
            target.rename(aside)
        scratch.rename(target)
    except OSError as exc:
        with suppress(OSError):
            aside.rename(target)
        raise ModelError(target.name, f"cannot write {target}: {(exc.strerror or str(exc)).lower()}") from exc
    shutil.rmtree(aside, ignore_errors=True)


def _as_json(model: LocalModel) -> str:
    said = {name: value for name, value in asdict(model).items() if name != "folder"}
    return json.dumps({"format": _FORMAT, **said}, indent=1) + "\n"


def _read(name: str, folder: Path) -> LocalModel:
    try:
        return _from_json((folder / ABOUT).read_text(encoding="utf-8"), name, folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ModelError(name, f"{folder / ABOUT} cannot be read: {exc}", hint=_again(name)) from exc


def _from_json(text: str, name: str, folder: Path) -> LocalModel:
    said = json.loads(text)
    if said.pop("format") != _FORMAT or said["name"] != name:
        raise ValueError("of another version, or of another model")
    model = LocalModel(**said, folder=folder)
    allowed = ((model.align, Align), (model.standardize, Standardize), (model.color, Color))
    if any(value not in get_args(choice) for value, choice in allowed) or min(model.dim, model.size) < 1:
        raise ValueError("a setting that there is not")
    texts = (model.title, model.input, model.output, model.licence, model.sha256, model.added, model.source)
    if not all(isinstance(text, str) for text in texts) or not isinstance(model.training, dict | None):
        raise ValueError("a value of another kind than it should be")
    return model


@lru_cache(maxsize=16)
def _digest(path: Path, changed: int, size: int) -> str:  # noqa: ARG001 - a file that changed is read again
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _again(name: str) -> str:
    return f"add it again: facesearch models add FILE --name {name} --replace"
