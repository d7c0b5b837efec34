"""Commands on a gallery that is on a server: what works in a folder works there, and is said in the same words."""

from __future__ import annotations

import re
import shutil
import sys

import pytest
from sqlalchemy import create_engine, make_url
from typer.testing import CliRunner

from facesearch.cli.app import app
from facesearch.store import Store
from facesearch.store.postgres import shown

# A server must be started.
pytestmark = pytest.mark.slow

SAME = [
    (r'("seconds": |"bytes": |took )[\d.]+', r"\1…"),
    (r"[\d,.]+ (bytes|[kMG]i?B|photos/s|seconds|s\b|ms\b)", r"… \1"),
    (r"\b[0-9a-f]{8}((-[0-9a-f]{4}){3}-[0-9a-f]{12})?\b", "…"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+\d\d:\d\d|Z)?", "…"),
    (r"/\S+/galleries/…", "GALLERY"),
    (r"review/\d+\.png", "review/….png"),
    # What a receipt says of the very database.
    (r"\n.*(database: written anew|  searched  | of the server, |database server's|pg_statistic).*", ""),
    (r"\n.*(other|those) machines.*", ""),
]
"""What differs from one run to the next, or between a folder and a server, and what is put in its place."""


@pytest.fixture
def url(server):
    """Where a new gallery can be."""
    return server.new_place()


@pytest.fixture
def photos(photo, tmp_path):
    """Ada in three photos, Bob in one, five with faces that nobody has named, and a probe with Ada and a stranger."""
    for number, (name, colour) in enumerate([("ada", "red"), ("ada", "red"), ("ada", "red"), ("bob", "green")]):
        photo(f"album/{name}/{number}.png", colour, width=320 + 10 * number)
    for number, colour in enumerate(["blue", "blue", "blue", "violet", "violet"], start=4):
        photo(f"album/{number}.png", colour, width=320 + 10 * number)
    photo("probe.png", "red", "blue", width=600)
    return tmp_path


def script(photos):
    """What is said in turn: words, and what is typed."""
    album, probe = photos / "album", photos / "probe.png"
    asked = [
        *[("who", probe), ("who", probe, "--method", "svm"), ("search", probe), ("search", probe, "--index", "exact")],
        *[("verify", probe, album / "ada" / "0.png"), ("why", probe, "--person", "ada")],
        *[("people",), ("person", "ada"), ("find", "ada"), ("find", "bob & ada"), ("log",), ("stats",)],
    ]
    yield ("people",), ""
    yield ("index", album, "--people-from-folders"), ""
    for words in (("cluster",), ("index", album), *asked, ("calibrate",), ("train", "svm")):
        yield words, ""
        yield (*words, "--json"), ""
    yield ("name", "1", "Cleo"), ""
    yield ("review",), "Dora\nq\n"
    yield ("enrol", "Eve", album / "8.png", "--json"), ""
    yield ("reject", "9", "Eve"), ""
    yield ("rename", "bob", "Bob Byron"), ""
    yield ("merge", "Cleo", "Dora"), ""
    for words in (("undo",), ("redo",), ("undo", "--json"), ("log", "--json"), ("mark", album / "7.png", "collage")):
        yield words, ""
    yield ("report", "--output", photos / "out" / "report"), ""
    yield ("export", "regions", "--output", photos / "out" / "sidecars", "--json"), ""
    yield ("journal", "export", photos / "out" / "journal.json"), ""
    yield ("reindex", "--engine", "reference"), ""
    yield ("index", album, "--engine", "reference", "--json"), ""
    for words in (
        ("nobody", "--yes"),
        ("ada",),
        ("ada", "--yes"),
        ("--photo", album / "4.png", "--yes", "--tombstone"),
    ):
        yield ("forget", *words), ""
    for words in (("people", "--json"), ("forget", "--all", "--yes"), ("stats", "--json"), ("who", probe)):
        yield words, ""


def play(gallery, photos, monkeypatch):
    """Say all of it to a gallery; what it answered."""
    monkeypatch.setenv("FACESEARCH_GALLERY", str(gallery))
    name = shown(make_url(gallery)) if "://" in str(gallery) else str(gallery)
    told = []
    for words, typed in script(photos):
        done = CliRunner().invoke(app, [str(word) for word in words], input=typed, prog_name="facesearch")
        assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exception)
        said = f"{done.stdout}{done.stderr}".replace(name, "GALLERY")
        for pattern, instead in SAME:
            said = re.sub(pattern, instead, said)
        told.append(([str(word) for word in words], done.exit_code, said))
    shutil.rmtree(photos / "out")
    return told


def test_a_server_answers_like_a_folder(run, photos, url, monkeypatch):
    """Sixty commands say the same of a gallery on a server as of one in a folder, and end with the same exit code."""
    folder, server = play(photos / "gallery", photos, monkeypatch), play(url, photos, monkeypatch)
    assert {code for _, code, _ in folder} == {0, 1, 2}
    for here, there in zip(folder, server, strict=True):
        assert here == there


def test_what_only_a_server_has(run, photos, url):
    """It is named by ``--gallery``, searched inside too, told without its password, and says what it does not reach."""
    there = ("--gallery", url)
    assert run("index", photos / "album", "--people-from-folders", *there).code == 0
    for index in ("auto", "exact", "pgvector", "pgvector-half"):
        found = run("search", photos / "probe.png", "--index", index, "--json", *there).document
        assert [len(one["hits"]) for one in found["probes"]] == [3, 3], index
    assert shown(make_url(url)) in run("stats", *there).out
    receipt = run("forget", "ada", "--yes", "--json", *there).document
    assert (receipt["clean"], receipt["faces"], receipt["database_searched"]) == (True, 3, True)
    assert min(receipt["search"][what] for what in ("columns", "server_files", "server_bytes")) > 0
    assert any("write-ahead log" in one for one in receipt["out_of_reach"])


def test_a_receipt_says_what_was_not_searched(run, photos, server):
    """A user who may not read the server's files forgets as well; the receipt says that these were not searched."""
    server.run("CREATE ROLE visitor LOGIN")
    place = server.new_place()
    schema = make_url(place).query["options"].split("=")[1].split(",")[0]
    server.run(f"ALTER SCHEMA {schema} OWNER TO visitor")
    there = ("--gallery", make_url(place).set(username="visitor").render_as_string())
    assert run("index", photos / "album", "--people-from-folders", *there).code == 0
    receipt = run("forget", "ada", "--yes", *there)
    assert receipt.code == 0
    assert "not searched" in receipt.out
    assert "the server's own files: this user may not call pg_read_binary_file" in receipt.out
    assert re.search(r"\d+ columns of the server, [\d,]+ bytes", receipt.out)


def test_forgetting_is_completed_when_nobody_reads_any_more(run, photos, url, monkeypatch):
    """A program that may still see the person is named; every command says that something is not all gone, until one
    comes after that program has ended, and completes it.
    """  # noqa: D205
    real = Store.open
    monkeypatch.setattr(Store, "open", lambda place, **options: real(place, timeout=0.3, **options))
    there = ("--gallery", url)
    assert run("index", photos / "album", "--people-from-folders", *there).code == 0
    engine = create_engine(url, isolation_level="REPEATABLE READ", connect_args={"application_name": "backup"})
    with engine.connect() as other:
        other.exec_driver_sql("SELECT count(*) FROM photo").all()
        failed = run("forget", "ada", "--yes", *there)
        assert failed.code == 2
        assert "backup (server process" in failed.err
        assert "pg_terminate_backend" in failed.err
        assert "not all gone yet" in run("people", *there).err
    engine.dispose()
    done = run("people", *there)
    assert (done.code, "is gone now" in done.err) == (0, True)
    assert "ada" not in done.out
    assert run("people", *there).err == ""


@pytest.mark.parametrize("words", [("people",), ("index", "."), ("who", "x.png"), ("forget", "ada", "--yes")])
@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"query": {"host": "/nowhere"}}, "check that the server runs"),
        ({"username": "locked", "password": "wrong"}, "check user and password"),
        ({"database": "nowhere"}, "createdb"),
        ({"drivername": "mysql"}, "postgresql+psycopg://"),
    ],
    ids=["down", "password", "database", "driver"],
)
def test_a_server_that_cannot_be_used(run, server, words, change, hint):
    """Each way not to get in is exit code 2 and one line with what to do, also as JSON; no password is told."""
    url = server.url.set(**change).render_as_string(hide_password=False)
    failed = run(*words, "--gallery", url)
    assert (failed.code, failed.out) == (2, "")
    assert hint in failed.err
    assert "Traceback" not in failed.err
    assert "wrong" not in failed.err
    error = run(*words, "--gallery", url, "--json").document["error"]
    assert hint in error["hint"]
    assert "wrong" not in error["message"]


def test_no_pgvector(run, server, tmp_path):
    """Who makes a gallery in a database without pgvector, and may not switch it on, is told who must."""
    database = server.new_database()
    server.run("CREATE ROLE stranger LOGIN", "GRANT ALL ON SCHEMA public TO stranger", url=database)
    failed = run("index", tmp_path, "--gallery", database.set(username="stranger").render_as_string())
    assert failed.code == 2
    assert "let a superuser say CREATE EXTENSION vector" in failed.err


def test_the_extra_is_missing(run, monkeypatch):
    """Without the packages of the extra the error says what to install."""
    monkeypatch.setitem(sys.modules, "pgvector", None)
    failed = run("people", "--gallery", "postgresql+psycopg://host/faces")
    assert failed.code == 2
    assert "pip install 'facesearch[postgres]'" in failed.err
