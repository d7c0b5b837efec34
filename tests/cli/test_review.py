"""``review`` at the prompt and in a pipe, and what ``name`` and ``enrol`` suggest."""

from __future__ import annotations

import stat
import sys

import pytest
from typer.testing import CliRunner

from facesearch.cli.app import app
from facesearch.gallery.gallery import Gallery

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def answer(run):
    """Runs ``review`` with answers on stdin, one a line."""

    def call(*lines: str, words: tuple[object, ...] = ()):
        said = "".join(f"{line}\n" for line in lines)
        return CliRunner().invoke(app, ["review", *map(str, words)], input=said, prog_name="facesearch")

    return call


@pytest.fixture
def unnamed(photo, run, tmp_path):
    """Three photos of red, two of blue, one of green; nobody has a name."""
    for number, colour in enumerate(["red", "red", "red", "blue", "blue", "green"]):
        photo(f"album/{number}.png", colour, width=320 + 10 * number)
    assert run("index", tmp_path / "album").code == 0
    return tmp_path / "album"


def people(run) -> dict[str, int]:
    """Faces by name."""
    return {one["name"]: one["faces"] for one in run("people", "--json").document["people"]}


def test_a_whole_review(answer, run, unnamed):
    """Names are given from a pipe, the largest group first, and the end says what was settled."""
    shown = answer("Ada Lovelace", "Bob", "Cleo")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0] == "  2 answers settle about 4 of 6 faces"
    assert lines[1] == "  1  who is this? 3 faces"
    assert lines[2].startswith(f"       1  {unnamed}/")
    assert lines[5] == "       Ada Lovelace: 3 faces"
    assert lines[-1] == "  3 answers settled 6 faces"
    assert people(run) == {"Ada Lovelace": 3, "Bob": 2, "Cleo": 1}
    again = answer()
    assert (again.exit_code, again.stdout) == (0, "  nothing to ask: no face waits for a name\n")


@pytest.mark.parametrize("end", [["q"], [], ["quit"]])
def test_stopping_loses_nothing(answer, run, unnamed, end):
    """Whoever quits, or stops writing, keeps what they said, and hears what is left."""
    shown = answer("Ada", *end)
    assert shown.exit_code == 0
    assert shown.stdout.endswith("  1 answer settled 3 faces; 3 are left\n")
    assert people(run) == {"Ada": 3}


def test_an_interrupt_loses_nothing(answer, run, unnamed, monkeypatch):
    """Ctrl-C at a question says what is left too, and ends with 130."""
    real = Gallery.review

    def review(self, person=None):
        begun = real(self, person)

        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(type(begun), "no_face", interrupt)
        return begun

    monkeypatch.setattr(Gallery, "review", review)
    shown = answer("Ada", "x", "Bob")
    assert shown.exit_code == 130
    assert shown.stdout.endswith("  1 answer settled 3 faces; 3 are left\n")
    assert people(run) == {"Ada": 3}


def test_every_answer(answer, run, unnamed):
    """Skip, ignore, not a face, out, undo, help: each does what the help says."""
    shown = answer("s", "i", "u", "?", "x", "u", "u", "u", "o 1 2 3", "y", "i", "u", "Ada", "q")
    assert "another time" in shown.stdout
    assert "2 faces of strangers, not asked about again" in shown.stdout
    assert "  not faces" in shown.stdout
    assert shown.stdout.count("taken back") == 4
    assert shown.stdout.count("there is no answer to take back") == 1
    assert "i  strangers" in shown.stdout
    assert "name at least one face, and not all" in shown.stderr
    assert "who is it?" in shown.stderr
    assert people(run) == {"Ada": 3}


def test_faces_that_do_not_belong(answer, run, unnamed):
    """`o` takes faces out by their number, and the name goes to the others."""
    shown = answer("o 2", "Ada", "q")
    assert "1 face apart" in shown.stdout
    assert people(run) == {"Ada": 2}
    assert "the faces are 1 to 2" in answer("o 7", "q").stderr


def test_answers_that_are_none(answer, run, unnamed):
    """A letter that means nothing is no name by mistake, in quotes it is one; an empty line says nothing."""
    shown = answer("b", "", '"b"', "Ada*", "q")
    assert "there is no answer 'b'" in shown.stderr
    assert "no people have a name that begins so" in shown.stderr
    assert people(run) == {"b": 3}


def test_a_yes(answer, run, unnamed, photo):
    """Somebody known is suggested by name; the names of people are matched whatever their case."""
    answer("Ada", "q")
    photo("album/7.png", "red", width=500)
    run("index", unnamed)
    shown = answer("y", "q", words=("--person", "ADA"))
    assert "  1  is this Ada?   distance 0.00" in shown.stdout.splitlines()
    assert people(run) == {"Ada": 4}
    assert "nothing to ask" in answer(words=("--person", "Ada")).stdout
    assert answer(words=("--person", "nobody")).exit_code == 2


def test_limit(answer, run, unnamed):
    """--limit ends after so many answers."""
    shown = answer("Ada", "Bob", "Cleo", words=("--limit", "1"))
    assert shown.stdout.startswith("  1 answer settles about 3 of 6 faces\n")
    assert people(run) == {"Ada": 3}


def test_where_the_picture_is(answer, run, unnamed, tmp_path):
    """The picture is in the gallery while it is needed, or in a folder that was named, for its owner's eyes only."""
    shown = answer("Ada", "q")
    assert "the faces are in " in shown.stderr
    assert str(tmp_path / "own.gallery/review") in shown.stderr
    assert not (tmp_path / "own.gallery/review").exists()
    shown = answer("q", words=("--pictures", tmp_path / "sheets"))
    picture = tmp_path / "sheets/review.png"
    assert str(picture) in shown.stderr
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


def test_the_document(answer, run, unnamed):
    """--json asks nothing and shows all questions, with what each is expected to settle."""
    document = run("review", "--json").document
    assert (document["answers"], document["settles"], document["faces"]) == (2, 4, 6)
    first = document["questions"][0]
    assert first.keys() == {
        *("id", "kind", "person", "person_id", "chance", "distance", "settles", "groups", "faces"),
    }
    assert (first["kind"], first["person"], first["groups"]) == ("who", None, [3])
    assert {face["path"] for face in first["faces"]} == {str(unnamed / f"{number}.png") for number in range(3)}
    assert len(run("review", "--json", "--limit", 1).document["questions"]) == 1
    assert people(run) == {}


def test_the_page(answer, run, unnamed, photo, tmp_path):
    """--html writes one private page with the pictures in it, on which names are text."""
    answer("<b>Ada</b>", "q")
    photo("album/7.png", "red", width=500)
    run("index", unnamed)
    page = tmp_path / "page.html"
    shown = run("review", "--html", page)
    assert (shown.code, shown.out) == (0, "")
    assert str(page) in shown.err
    text = page.read_text()
    assert "is this &lt;b&gt;Ada&lt;/b&gt;?" in text
    assert "<b>" not in text
    assert text.count('src="data:image/webp') >= 3
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert run("review", "--html", tmp_path / "album/0.png/x.html").code == 2


def test_without_faces(answer, run, photo, tmp_path):
    """A gallery without faces has no questions, as text, document and page; no gallery is an error."""
    assert run("review").code == 2
    run("index", photo("1.png"))
    assert answer().stdout == "  nothing to ask: no face waits for a name\n"
    assert run("review", "--json").document["questions"] == []
    assert run("review", "--html", tmp_path / "page.html").code == 0
    assert "There is nothing to ask." in (tmp_path / "page.html").read_text()


def test_a_terminal(run, unnamed, terminal, monkeypatch):
    """On a terminal there is a prompt, and the end of input is the end of the review."""
    out, _ = terminal()

    class Keyboard:
        def isatty(self) -> bool:
            return True

    asked, lines = [], ["Ada"]

    def line(prompt: str) -> str:
        asked.append(prompt)
        if not lines:
            raise EOFError
        return lines.pop()

    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr("builtins.input", line)
    app(["review"], prog_name="facesearch", standalone_mode=False)
    assert len(asked) == 2
    assert all(prompt.endswith("> ") for prompt in asked)
    assert "1 answer settled 3 faces" in out.getvalue()


def test_naming_suggests(run, unnamed, photo):
    """`enrol` and `name` say how many unnamed faces look like the person, and how to look at them."""
    shown = run("enrol", "Ada", unnamed / "0.png")
    assert shown.out.splitlines()[1] == "  2 unnamed faces look like Ada"
    assert 'facesearch review --person "Ada"' in shown.err
    groups = run("cluster", "--json").document["clusters"]
    (blue,) = [group["id"] for group in groups if group["faces"][0]["path"].endswith(("3.png", "4.png"))]
    run("index", photo("album/9.png", "blue", width=600))
    document = run("name", blue, "Bob", "--json").document
    assert (len(document["faces"]), len(document["suggested"]), document["given"]) == (2, 1, 0)


def test_naming_automatically(run, unnamed):
    """--auto gives the nearest, says that they are unconfirmed, and at which rate; a rate alone is refused."""
    assert run("enrol", "Ada", unnamed / "0.png", "--far", "1e-3").code == 2
    assert people(run) == {}
    shown = run("enrol", "Ada", unnamed / "0.png", "--auto", "--far", "0.001")
    assert shown.out.splitlines()[1].startswith("  2 more faces given automatically, unconfirmed: nearer than 1.0")
    assert "as 0.001 of all pairs of strangers are" in shown.out
    document = run("enrol", "Bob", unnamed / "3.png", "--auto", "--json").document
    assert (document["given"], document["far"], document["suggested"]) == (1, 1e-4, [])
    questions = run("review", "--person", "Bob", "--json").document["questions"]
    assert [question["person"] for question in questions] == ["Bob"]


def test_automatic_names_can_be_confirmed(answer, run, unnamed):
    """What was given automatically is asked about, and a yes settles it."""
    run("enrol", "Ada", unnamed / "0.png", "--auto")
    shown = answer("y", words=("--person", "Ada"))
    assert "are these 2 faces all Ada?" in shown.stdout
    assert answer(words=("--person", "Ada")).stdout == "  nothing to ask\n"
