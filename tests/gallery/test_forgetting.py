"""Forgetting for good: whoever searches the gallery's files byte by byte finds nothing, also after a crash."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import unicodedata
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.errors import ConfigError, NotFoundError
from facesearch.gallery import traces
from facesearch.gallery.gallery import Gallery
from facesearch.store.store import Store

from .pictures import BLUE, GREEN, RED, painted

pytestmark = pytest.mark.slow

ADA, BOB = "Ada Lovélace", "Bob Byron"
DRIVER = """
import os, signal, sys
from pathlib import Path
from facesearch.config import gallery_place
from facesearch.gallery import forgetting
from facesearch.store import server_erasure, sqlite
from facesearch.store.store import Store
place, person, owner, name, how = sys.argv[1:]
if owner == "database":
    owner, name = (server_erasure, "rewrite") if "://" in place else (sqlite, "empty_log")
else:
    owner = {"store": Store, "gallery": forgetting}[owner]
real = getattr(owner, name)
def deadly(*arguments, **options):
    if how == "after":
        real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, name, deadly)
with Store.open(gallery_place(place)) as store:
    doomed = forgetting.choose(store, person=person, photo=None, everything=False)
    forgetting.forget(store, doomed, tombstone=True, index="exact", earlier=None)
"""


@pytest.fixture
def place(kind, tmp_path, request):
    """In whose tables nothing was ever deleted."""
    return tmp_path / "gallery" if kind == "sqlite" else request.getfixturevalue("server").new_place()


@pytest.fixture
def held(place, kind, request):
    """Reads every file of a gallery, and on a server those of its tables: bytes by name."""

    def read(gallery):
        found = {path.name: path.read_bytes() for path in sorted(gallery.folder.rglob("*")) if path.is_file()}
        return found if kind == "sqlite" else found | request.getfixturevalue("server").files_of(place)

    return read


@pytest.fixture
def album(tmp_path):
    """Two photos in Ada's folder, two in Bob's, and one with both, each face of another shade."""
    folder = tmp_path / "album"
    for place, (name, colour) in enumerate([(ADA, RED), (ADA, (200, 60, 30)), (BOB, GREEN), (BOB, (30, 180, 60))]):
        painted(folder / name / f"{place}.png", colour)
    painted(folder / ADA / "both.png", (240, 30, 50), (60, 220, 50), shade=5)
    painted(folder / "nobody.png", BLUE)
    return folder


@pytest.fixture
def full(album, gallery):
    """A gallery of the album where Ada has three faces, with all that can be derived from them; the vectors of hers."""
    gallery.index(album, people_from_folders=True)
    ada = next(person for person in gallery.people() if person.name == ADA)
    both = gallery.faces(album / ADA / "both.png")
    store = gallery._store
    store.enrol([both[0].id], ada.id)
    store.unenrol([both[1].id])
    store.reject([both[1].id], ada.id)
    gallery.cluster()
    gallery.train_svm()
    gallery.search(album / "nobody.png")
    recipe = store.recipes()[0]
    store.save_calibration(recipe.key, "{}")
    ids = [match.face.id for match in gallery.faces_of(ada.id)]
    return ada.id, [row.tobytes() for row in store.vectors_of(ids, recipe)[1]]


def leftovers(gallery, vectors):
    """Put what holds vectors into the gallery's folder, as backups and killed runs would."""
    for name in ("gallery.sqlite.backup", "gallery.sqlite.backup.tmp", ".svm-abc.tmp", ".faces.index.xyz.tmp"):
        (gallery.folder / name).write_bytes(b"".join(vectors))
    (gallery.folder / "review").mkdir()
    (gallery.folder / "review" / "99.png").write_bytes(b"faces")
    (gallery.folder / "gallery.writer.json.99").write_text(json.dumps({"command": f"facesearch enrol {ADA!r}"}))


def found_in(held, vectors, person_id, kept=()):
    """What a search of all that is held for the vectors, whole and in halves, the name and the id comes upon.

    Paths that are ``kept`` are blotted out before the name is looked for.
    """
    wanted = {part for vector in vectors for part in (vector, vector[:256], vector[256:])}
    names = {
        unicodedata.normalize(form, name).encode(encoding)
        for form in ("NFC", "NFD")
        for name in (ADA, ADA.casefold(), "Ada Lov", "ada lov")
        for encoding in ("utf-8", "utf-16-le")
    } | {json.dumps(ADA)[1:-1].encode(), person_id.encode()}
    found = []
    for file, data in held.items():
        found += [(file, "vector") for one in wanted if one in data]
        for one in sorted(kept, key=len, reverse=True):
            data = data.replace(os.fsencode(one), b"#")
        found += [(file, name) for name in names if name in data]
    return found


def kept_paths(album):
    """The photos in Ada's folder, as the receipt and as the database spell them."""
    whole = sorted(str(path) for path in (album / ADA).iterdir())
    return whole, [path.removeprefix(f"{album}/") for path in whole]


def without_wal(gallery):
    """Let the database go on without a write-ahead log."""
    gallery.close()
    with closing(sqlite3.connect(gallery.folder / "gallery.sqlite")) as raw:
        assert raw.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)


@pytest.mark.sqlite  # its journal modes
def test_no_byte_is_left_without_a_log(full, album, gallery, held):
    """A database that has no write-ahead log is left as clean as one that has."""
    ada, vectors = full
    without_wal(gallery)
    assert gallery.forget(ADA).clean
    assert found_in(held(gallery), vectors, ada, kept=kept_paths(album)[1]) == []


def test_no_byte_of_a_person_is_left(full, album, gallery, held, kind):
    """After forgetting a person no file holds a vector of theirs, or their name but in paths of photos that stay; the
    receipt lists these, and says what became of everything that was derived.
    """  # noqa: D205
    ada, vectors = full
    assert len(vectors) == 3
    leftovers(gallery, vectors)
    assert found_in(held(gallery), vectors, ada)
    receipt = gallery.forget(ADA)
    whole, relative = kept_paths(album)
    assert found_in(held(gallery), vectors, ada, kept=relative) == []
    assert found_in(held(gallery), vectors, ada) != []
    assert receipt.clean
    assert receipt.database_searched
    assert [bool(receipt.search.columns), receipt.search.server_files > 50] == [kind != "sqlite"] * 2
    assert (receipt.people, receipt.faces, receipt.vectors, receipt.photos) == (1, 3, 3, 0)
    assert list(receipt.search.kept_paths) == whole
    assert receipt.derived["vector index"] == "removed and made anew"
    assert {receipt.derived[what] for what in ("SVM", "backup", "leftovers", "calibration of the album")} == {"removed"}
    assert not (gallery.folder / "gallery.sqlite.backup").exists()
    assert list((gallery.folder / "review").iterdir()) == []
    files = [path for path in gallery.folder.iterdir() if path.suffix in (".index", ".sqlite")]
    assert receipt.search.bytes >= sum(path.stat().st_size for path in files)
    assert receipt.search.sought["vectors"] == 3
    assert (gallery._store.state().recipe, [person.name for person in gallery.people()]) == (
        gallery.front_end.recipe.key,
        [BOB],
    )
    assert len(gallery.search(album / BOB / "2.png", threshold=4.0)[0].matches) == 3


def test_a_photo_is_forgotten_by_pixels_or_by_path(full, album, gallery, tmp_path):
    """A photo is known by its pixels wherever it lies, or by its path; the name of a person is never a file."""
    shutil.copy(album / BOB / "2.png", tmp_path / "copy.png")
    receipt = gallery.forget(photo=tmp_path / "copy.png")
    assert (receipt.photos, receipt.faces, receipt.clean) == (1, 1, True)
    assert receipt.search.sought["hashes"] == 2
    (album / BOB / "3.png").unlink()
    assert gallery.forget(photo=album / BOB / "3.png").photos == 1
    with pytest.raises(NotFoundError):
        gallery.forget(photo=album / BOB / "3.png")
    with pytest.raises(NotFoundError):
        gallery.forget(str(album / ADA / "0.png"))
    with pytest.raises(ConfigError):
        gallery.forget(ADA, everything=True)


def test_everything(full, gallery, album, held):
    """Nothing of anybody is left, paths included; the gallery is empty and can be filled again."""
    ada, vectors = full
    receipt = gallery.forget(everything=True)
    assert receipt.clean
    assert receipt.search.kept_paths == ()
    assert found_in(held(gallery), vectors, ada) == []
    assert not any(b"nobody.png" in data for data in held(gallery).values())
    assert gallery.index(album).added == 6


def test_tombstoned_photos_stay_out(full, album, gallery):
    """Photos with a tombstone give no new face when they are analysed again, and the report counts them."""
    gallery.forget(ADA, tombstone=True)
    gallery.forget(photo=album / "nobody.png", tombstone=True)
    report = gallery.index(album)
    assert (report.added, report.no_face, report.kept_out, report.faces) == (0, 0, 1, 0)
    report = gallery.index(album, reprocess=True)
    assert (report.added, report.kept_out, report.faces) == (3, 4, 3)
    assert [len(gallery.faces(path)) for path in sorted((album / ADA).iterdir())] == [0, 0, 1]


@pytest.mark.parametrize(
    ("where", "hidden"),
    [
        ("stray.bin", lambda vector: b"x" * 4096 + vector[40:80]),
        ("sub/stray.bin", lambda vector: b"x" * ((8 << 20) - 20) + vector),
        ("notes.txt", lambda _: f"about {ADA.upper()}".encode("utf-16-le")),
        ("notes.json", lambda _: json.dumps({"who": ADA}).encode()),
        (f"{ADA}.txt", lambda _: b""),
    ],
)
@pytest.mark.sqlite  # For time; what it finds on a server is in tests/cli/test_server.py.
def test_the_search_finds_what_is_left(full, gallery, where, hidden):
    """A piece of a vector, or a name in another encoding, in any file of the gallery's folder: the receipt names it."""
    _, vectors = full
    path = gallery.folder / where
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(hidden(vectors[0]))
    receipt = gallery.forget(ADA)
    assert not receipt.clean
    assert {one.path for one in receipt.search.remnants} == {str(path)}


def test_somebody_of_the_same_name(full, gallery, album):
    """The name of somebody else, who has it or a longer one, is no remnant, and the receipt says so."""
    store = gallery._store
    store.create_person(f"{ADA} the younger")
    receipt = gallery.forget(ADA)
    assert receipt.clean
    assert receipt.search.other_names
    twins = [store.create_person("Jo").id for _ in range(2)]
    with pytest.raises(ConfigError, match="2 people"):
        gallery.forget("Jo")
    receipt = gallery.forget(twins[0])
    assert receipt.clean
    assert receipt.search.too_short > 0
    assert [person.id for person in gallery.people() if person.name == "Jo"] == twins[1:]


def test_somebody_who_is_called_like_a_part_of_a_table(full, gallery):
    """Eve is no part of "event": what the database calls its own tables is no remnant."""
    gallery.enrol("Eve", face=1)
    assert gallery.forget("Eve").clean


@pytest.mark.parametrize(("text", "clean"), [("0123456789dad0123456789", True), ("deadbeef dad 0123456789", False)])
def test_a_short_name_amid_hexadecimal_digits(full, gallery, text, clean):
    """Three letters that may end one hash and begin the next are no trace of a person who is called so; a word is."""
    gallery.enrol("dad", face=1)
    (gallery.folder / "stray.txt").write_text(text)
    assert gallery.forget("dad").clean == clean


def test_the_same_picture_under_another_hash(full, album, gallery, held):
    """A vector that a face which stays has too, bit by bit, is no remnant; the receipt counts it."""
    _, vectors = full
    painted(album / "again.png", RED, shade=9)
    gallery.index(album)
    receipt = gallery.forget(ADA)
    assert receipt.clean
    assert receipt.search.shared == 1
    assert any(vectors[0] in data for data in held(gallery).values())


def test_what_a_table_kept_of_older_rows(full, gallery, album, held):
    """A file that was once called after the person: the row that said so changed long ago, and is no remnant now."""
    ada, vectors = full
    (album / "nobody.png").rename(album / f"{ADA} of old.png")
    gallery.index(album)
    (album / f"{ADA} of old.png").unlink()
    gallery.prune(album, yes=True)
    assert gallery.forget(ADA).clean
    assert found_in(held(gallery), vectors, ada, kept=kept_paths(album)[1]) == []


def test_a_person_of_the_sample_gallery(sample_copy, samples):
    """Somebody with 19 real photos is forgotten: only the paths keep the name, and nobody else lost anything."""
    before = {person.name: person.faces for person in sample_copy.people()}
    (ada,) = [person.id for person in sample_copy.people() if person.name == "madonna"]
    ids = [match.face.id for match in sample_copy.faces_of(ada)]
    vectors = [row.tobytes() for row in sample_copy._store.vectors_of(ids, sample_copy.front_end.recipe)[1]]
    photo = sorted((samples / "val" / "elton_john").iterdir())[0]
    sample_copy.search(photo)
    receipt = sample_copy.forget("madonna")
    assert receipt.clean
    assert len(receipt.search.kept_paths) == len(vectors) == before.pop("madonna")
    assert {person.name: person.faces for person in sample_copy.people()} == before
    kept = [os.fsencode(str(path.relative_to(samples / "train"))) for path in (samples / "train" / "madonna").iterdir()]
    for path in sample_copy.folder.iterdir():
        data = path.read_bytes()
        assert not any(vector[start : start + 64] in data for vector in vectors for start in range(0, 512, 64))
        for one in sorted(kept, key=len, reverse=True):
            data = data.replace(one, b"#")
        assert b"madonna" not in data.lower()
    assert [answer.person for answer in sample_copy.who(photo)] == ["elton_john"]


MOMENTS = [
    ("store", "_finish_erasing", "after"),
    ("store", "erase_people", "after"),
    ("gallery", "remove_derived", "after"),
    ("database", "", "before"),
    ("database", "", "after"),
    ("store", "settle", "after"),
]


def killed(place, environment, moment):
    """Forget Ada in a process that kills itself at this moment."""
    done = subprocess.run([sys.executable, "-c", DRIVER, str(place), ADA, *moment], check=False, env=environment)
    assert done.returncode == -signal.SIGKILL


def goes_on(place, moment):
    """Whatever opens the gallery next completes what was begun, and forgetting again finds all of it gone."""
    told = []
    with Gallery.open(place, create=False, tell=told.append) as again:
        pending = moment[1] not in ("_finish_erasing", "settle")
        assert bool(told) == pending
        assert again._store.pending_erasure() is None
        if moment[1] != "settle":  # then only the receipt is lost
            receipt = again.forget(ADA, tombstone=True)
            assert (receipt.earlier, receipt.faces) == ((True, 0) if pending else (False, 3))
            assert receipt.clean
        with pytest.raises(NotFoundError):
            again.forget(ADA)
    with Store.open(place) as store:
        assert [person.name for person in store.people()] == [BOB]
        assert store.replay() == []
        with store._engine.connect() as raw:
            assert raw.exec_driver_sql("SELECT count(*) FROM tombstone").scalar_one() == 3


@pytest.mark.parametrize("moment", MOMENTS, ids=" ".join)
def test_killed_while_forgetting(full, album, gallery, place, held, own_environment, moment):
    """Kill −9 at any moment, and the same command again: nothing is left, and what was begun is completed."""
    ada, vectors = full
    leftovers(gallery, vectors)
    gallery.close()
    killed(place, own_environment, moment)
    goes_on(place, moment)
    assert found_in(held(gallery), vectors, ada, kept=kept_paths(album)[1]) == []


@pytest.mark.sqlite  # its journal modes, and its own check
@pytest.mark.parametrize("moment", MOMENTS[1::2], ids=" ".join)
def test_killed_while_forgetting_without_a_log(full, album, gallery, place, held, own_environment, moment):
    """A database that has no write-ahead log ends as clean and as whole."""
    ada, vectors = full
    without_wal(gallery)
    killed(place, own_environment, moment)
    goes_on(place, moment)
    assert found_in(held(gallery), vectors, ada, kept=kept_paths(album)[1]) == []
    with closing(sqlite3.connect(place / "gallery.sqlite")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_opening_completes_what_was_begun(full, album, gallery, place, held):
    """Any command that opens the gallery goes on where a killed one stopped, and says so once."""
    ada, vectors = full
    gallery._store.erase_people([ada])
    gallery.close()
    told: list[str] = []
    for expected in (1, 1):
        with Gallery.open(place, create=False, tell=told.append) as again:
            again.people()
        assert len(told) == expected
    assert found_in(held(gallery), vectors, ada, kept=kept_paths(album)[1]) == []


@given(st.integers(0, 600), st.integers(0, 7), st.randoms(use_true_random=False))
def test_pieces_are_found_at_any_offset(tmp_path_factory, offset, which, dice):
    """Any piece of a vector is found at any offset, texts too, and nothing is found in what has none."""
    path = tmp_path_factory.mktemp("traces") / "file"
    rows = np.random.default_rng(dice.randrange(1 << 30)).normal(size=(2, 32)).astype(np.float32)
    wanted = traces.Traces(traces.pieces_of([rows[0].tobytes()]))
    wanted.add("name", [b"Ada", b"Ada Lovelace"])
    noise = dice.randbytes(700)
    noise = noise.replace(b"Ada", b"xxx")
    piece = rows[0].tobytes()[16 * which : 16 * which + 16]
    path.write_bytes(noise[:offset] + piece + noise[offset:] + b"Ada Lovelace")
    hits, read = wanted.scan([("file", traces.blocks_of(path))])
    assert [(hit.kind, hit.offset) for hit in hits if hit.kind == "vector"] == [("vector", offset)]
    assert {(hit.needle, hit.offset) for hit in hits if hit.kind == "name"} == {(b"Ada", 716), (b"Ada Lovelace", 716)}
    assert read == 728
    path.write_bytes(noise)
    assert wanted.scan([("file", traces.blocks_of(path))])[0] == []
    assert len(traces.without(wanted.pieces, [[rows[1].tobytes()]])) == 8
    assert len(traces.without(wanted.pieces, [[rows[0].tobytes()]])) == 0


def test_buffers_hide_nothing(tmp_path, monkeypatch):
    """What lies across the border of two buffers is found once."""
    monkeypatch.setattr(traces, "_BUFFER", 64)
    rows = np.random.default_rng(1).normal(size=(1, 128)).astype(np.float32)
    wanted = traces.Traces(traces.pieces_of([rows[0].tobytes()]))
    wanted.add("name", [b"Ada Lovelace", b"Ada"])
    data = random.Random(3).randbytes(55) + b"Ada Lovelace" + bytes(60) + rows[0].tobytes() + b"Ada"
    (tmp_path / "file").write_bytes(data)
    hits, read = wanted.scan([("file", traces.blocks_of(tmp_path / "file"))])
    assert sorted(hit.offset for hit in hits) == [55, 55, *range(127, 639, 16), 639]
    assert read == len(data)
