"""``why``: text, document, picture and exit codes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def test_the_same_person(run, photo):
    """A match says distance, threshold, how rare it is and what it rests on, face by face; exit code 0."""
    a, b = photo("a.png", "red"), photo("b.png", "red", width=330)
    shown = run("why", a, b)
    assert (shown.code, shown.err) == (0, "")
    head, rare, farther, *faces = shown.out.splitlines()
    assert head.startswith("  same person  distance 0.00, threshold ")
    assert rare.strip() == "fewer than 1 in 100,000 pairs of strangers are this close"
    assert farther.strip() == "100.0% of the pairs of one person are farther apart"
    assert [line.split()[:2] for line in faces[::3]] == [["A", str(a)], ["B", str(b)]]
    assert [line.split(",")[0].strip() for line in faces[1::3]] == ["70 × 70 px"] * 2
    assert all("rests most on the nose: hidden, the distance would be 0.0" in line for line in faces[2::3])


def test_different_people(run, photo):
    """No match is exit code 1 and says so, and says what share of the pairs of one person is farther apart."""
    shown = run("why", photo("a.png", "red"), photo("b.png", "blue"))
    assert shown.code == 1
    assert shown.out.startswith("  different people  distance ")
    assert "fewer than 0.1% of the pairs of one person are farther apart" in shown.out
    assert "rests most on" not in shown.out


def test_the_answer_is_that_of_verify(run, photo):
    """Exit code, distance, threshold and rates are what ``verify`` says, whatever is asked for."""
    a, b = photo("a.png", "red"), photo("b.png", "rust")
    for options in ([], ["--far", "1e-2"], ["--threshold", "0.1"], ["--threshold", "3.9"]):
        verified, explained = (run(command, a, b, *options, "--json") for command in ("verify", "why"))
        assert explained.code == verified.code
        said = verified.document
        assert {name: explained.document[name] for name in said if name not in "ab"} == {
            name: said[name] for name in said if name not in "ab"
        }
        for side in "ab":
            assert said[side].items() <= explained.document[side].items()


def test_the_document(run, photo, tmp_path):
    """The JSON document has the maps as lists of lists, the paths, the notes, and where the picture is."""
    a, b = photo("a.png", "red"), photo("b.png", "blue")
    document = run("why", a, b, "--json", "--output", tmp_path / "out.png").document
    assert (document["person"], document["nearest"]) == (None, None)
    assert document["picture"] == str(tmp_path / "out.png")
    assert run("why", a, b, "--json").document["picture"] is None
    for side, path in (("a", a), ("b", b)):
        assert document[side]["path"] == str(path)
        assert document[side]["notes"][0] == "70 × 70 px"
        assert np.shape(document[side]["occlusion"]) == (9, 9)
        assert np.abs(document[side]["occlusion"]).max() > 0.001


def test_the_picture(run, photo, tmp_path):
    """--output writes a PNG and says where on stderr; without it nothing is written."""
    a, b = photo("a.png", "red"), photo("b.png", "red", width=330)
    before = set(tmp_path.rglob("*"))
    run("why", a, b)
    assert set(tmp_path.rglob("*")) == before
    shown = run("why", a, b, "--output", tmp_path / "deep" / "why.png")
    assert shown.err == f"drawn: {tmp_path / 'deep' / 'why.png'}\n"
    assert Image.open(tmp_path / "deep" / "why.png").format == "PNG"


def test_a_person_of_the_gallery(run, photo, album):
    """With --person the nearest enrolled face is the second one, and who else is near is named."""
    probe = photo("p.png", "red", width=500)
    shown = run("why", probe, "--person", "Ada")
    assert shown.code == 0
    assert f"  ada            {album / 'ada/1.png'}\n" in shown.out
    assert "  nearest other  bob 1." in shown.out
    document = run("why", probe, "--person", "bob", "--json")
    assert document.code == 1
    assert document.document["person"]["person"] == "bob"
    assert document.document["nearest"]["person"] == "ada"
    assert document.document["b"]["id"] == "3"


def test_two_photos_beside_a_gallery(run, photo, album, tmp_path):
    """With --gallery two photos are compared with its people too; without, no gallery is looked at."""
    a, b = photo("p.png", "blue", width=500), photo("q.png", "blue", width=510)
    assert "nearest other" not in run("why", a, b).out
    shown = run("why", a, b, "--gallery", tmp_path / "own.gallery")
    assert shown.code == 0
    last = shown.out.splitlines()[-1].split()
    assert last[:2] == ["nearest", "other"]
    assert last[2] in {"ada", "bob"}
    assert float(last[3]) > 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.png"], "a second photo or a person"),
        (["none.png", "none.png", "--person", "ada"], "a second photo or a person"),
        (["none.png", "none.png", "--output", "why.jpg"], "pictures are written as PNG"),
        (["none.png", "none.png", "--far", "0.1", "--threshold", "1"], "either a FAR or a threshold"),
        (["none.png", "none.png"], "none.png"),
        (["none.png", "--person", "ada"], "no gallery"),
    ],
)
def test_errors(run, words, message):
    """What cannot be done is one line and exit code 2, and is said before anything is analysed where it can be."""
    shown = run("why", *words)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("error: ")
    assert message in shown.err


def test_a_person_nobody_knows(run, photo, album):
    """An unknown name is an error with what to do, not a new person."""
    shown = run("why", photo("p.png", "red"), "--person", "Zoe")
    assert shown.code == 2
    assert "no person 'Zoe'" in shown.err
    assert "facesearch people" in shown.err
    assert "Zoe" not in run("people").out


def test_two_photos_need_no_database(val, tmp_path):
    """Without a gallery ``why`` answers, and draws, without SQLAlchemy, FAISS, TensorFlow or matplotlib."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n' + ' '.join({n.split('.')[0] for n in sys.modules}), file=sys.stderr))\n"
        f"sys.argv[1:] = {['why', str(val[0]), str(val[0]), '--output', str(tmp_path / 'why.png')]!r}\n"
        "from facesearch.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    modules = set(done.stderr.splitlines()[-1].split())
    assert "onnxruntime" in modules
    assert (
        modules & {"sqlalchemy", "alembic", "faiss", "tensorflow", "keras", "sklearn", "scipy", "matplotlib"} == set()
    )
    assert Image.open(tmp_path / "why.png").format == "PNG"
