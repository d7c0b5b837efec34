"""``who``, ``search`` and ``verify``: answers, exit codes, documents, pictures."""

from __future__ import annotations

import pytest
from PIL import Image

from facesearch.gallery import calibrating

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

FACE = {"id", "box", "confidence", "quality"}


def is_face(document) -> bool:
    """Whether a document is a FACE of design.md."""
    left, top, right, bottom = document["box"]
    return (
        document.keys() >= FACE
        and (document["id"] is None or isinstance(document["id"], str))
        and left < right
        and top < bottom
        and 0 <= document["confidence"] <= 1
    )


def test_who_answers_from_left_to_right(run, photo, album):
    """Each face has a number, a name or "unknown", a distance, and who comes next; exit code 0 if somebody is known."""
    probe = photo("party.png", "red", "violet", width=500)
    shown = run("who", probe)
    assert shown.code == 0
    heading, ada, unknown = shown.out.splitlines()
    assert heading == f"  {probe}, 2 faces, left to right"
    assert ada.startswith("  1  ada      0.00  fewer than 1 in 10,000 strangers are this close, next: bob 1.")
    assert unknown.startswith("  2  unknown        nearest: ada 1.")
    assert unknown.endswith(" strangers are this close")


def test_who_shows_ids_of_indexed_faces(run, photo, album):
    """Faces that the gallery holds come with their id; a photo is never its own evidence."""
    shown = run("who", album / "ada/1.png", album / "4.png")
    assert "  1  ada  0.00  fewer than 1 in 10,000 strangers are this close, next: bob" in shown.out
    assert "face 1\n" in shown.out
    assert "face 4\n" in shown.out
    documents = run("who", album / "bob/3.png", "--json").document["photos"][0]["faces"]
    assert [(face["id"], face["person"]) for face in documents] == [("3", None)]


def test_the_calibration_is_read_once(run, photo, album, monkeypatch):
    """However many photos are asked about, it is read for the answers and for what is said of them."""
    real, read = calibrating.current, []

    def current(*arguments):
        read.append(1)
        return real(*arguments)

    monkeypatch.setattr(calibrating, "current", current)
    assert run("who", *(photo(f"{width}.png", "red", "blue", width=width) for width in (400, 410, 420))).code == 0
    assert len(read) == 2


def test_nobody_known_is_1(run, photo, album):
    """A photo of strangers, or of nothing, is exit code 1."""
    strangers = run("who", photo("s.png", "violet"))
    assert strangers.code == 1
    nothing = run("who", photo("n.png"))
    assert nothing.code == 1
    assert nothing.out.endswith("n.png, no face found\n")


def test_nobody_enrolled_says_what_to_do(run, photo, tmp_path):
    """Where nobody has a name there is a hint."""
    run("index", photo("in/1.png", "red"))
    shown = run("who", photo("p.png", "red", width=400))
    assert shown.code == 1
    assert "  1  unknown\n" in shown.out
    assert "facesearch enrol NAME PHOTO" in shown.err


def test_unreadable_photos_come_after_the_answers(run, photo, album, tmp_path):
    """Photos that cannot be read do not keep others from being answered; exit code 2."""
    (tmp_path / "bad.jpg").write_bytes(b"")
    good = photo("good.png", "green", width=500)
    shown = run("who", tmp_path / "bad.jpg", good)
    assert shown.code == 2
    assert f"  {tmp_path / 'bad.jpg'}, cannot be read\n" in shown.out
    assert "  1  bob  0.00" in shown.out
    assert shown.err == f"error: {tmp_path / 'bad.jpg'}: empty file\n"
    both = run("who", tmp_path / "bad.jpg", good, "--json")
    assert both.code == 2
    assert [photo["error"] for photo in both.document["photos"]] == ["empty file", None]


@pytest.mark.parametrize("method", ["knn", "svm"])
def test_the_document_of_who(run, photo, album, method):
    """The JSON document has the fields of design.md."""
    probe = photo("p.png", "red", "violet", width=500)
    document = run("who", probe, "--method", method, "--json").document
    assert (document["fpir"], document["threshold"]) == (0.01, None)
    (answered,) = document["photos"]
    assert (answered["path"], answered["error"]) == (str(probe), None)
    known, unknown = answered["faces"]
    assert is_face(known)
    assert known["id"] is None
    assert (known["person"], known["method"]) == ("ada", method)
    assert known["distance"] == pytest.approx(0, abs=1e-5)
    assert known["runner_up"]["person"] == "bob"
    assert (unknown["person"], unknown["person_id"], unknown["runner_up"]) == (None, None, None)
    assert unknown["nearest"]["distance"] == unknown["distance"] > 0.96
    assert known["fpir"] < document["fpir"] < unknown["fpir"] <= 1


def test_two_faces_of_one_person(run, photo, album):
    """A face whose person is another face of the photo is told apart from one that is too far."""
    shown = run("who", photo("twins.png", "red", "red", width=500))
    assert shown.out.count("  ada ") == 1
    assert shown.out.count("nearest: ada 0.00, who is another face here") == 1


def test_who_draws_one_photo(run, photo, album, tmp_path):
    """--draw OUT.png writes the picture there, and says so on stderr."""
    out = tmp_path / "drawn.png"
    shown = run("who", photo("p.png", "red"), "--draw", out)
    assert shown.err == f"drawn: {out}\n"
    assert Image.open(out).size == (720, 540)


def test_who_draws_several_photos(run, photo, album, tmp_path):
    """With several photos --draw is a folder; equal names get a number; unreadable ones have no picture."""
    (tmp_path / "bad.jpg").write_bytes(b"")
    probes = [photo("a/x.png", "red"), tmp_path / "bad.jpg", photo("b/x.png", "green")]
    shown = run("who", *probes, "--draw", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["x-2.png", "x.png"]
    assert f"2 pictures in {tmp_path / 'out'}\n" in shown.err
    document = run("who", *probes, "--draw", tmp_path / "out", "--json").document
    assert document["pictures"] == [str(tmp_path / "out/x.png"), str(tmp_path / "out/x-2.png")]


@pytest.mark.parametrize(("out", "message"), [("a.png", "one picture for 2 photos"), ("a.jpg", "")])
def test_one_picture_for_several_photos_is_refused(run, photo, album, tmp_path, out, message):
    """One file for several photos, or a file that is no PNG, is said before the work."""
    probes = [photo("x.png", "red"), photo("y.png", "red")]
    shown = run("who", *probes, "--draw", tmp_path / out)
    assert (shown.code, shown.out) == (2, "")
    assert message in shown.err
    shown = run("who", probes[0], "--draw", tmp_path / "a.jpg")
    assert (shown.code, shown.out) == (2, "")
    assert "hint: name it a.png" in shown.err


def test_search_lists_the_nearest_photos(run, photo, album, monkeypatch, tmp_path):
    """A match is a distance, a person, a face id and a path below the working directory."""
    monkeypatch.chdir(tmp_path)
    shown = run("search", photo("p.png", "red", width=500))
    assert shown.code == 0
    assert shown.out.splitlines()[0].endswith("p.png, 1 face")
    assert shown.out.splitlines()[1:] == [
        "  0.00  ada  face 1  album/ada/1.png",
        "  0.00  ada  face 2  album/ada/2.png",
    ]
    unnamed = run("search", photo("q.png", "blue", width=500), "--limit", "1")
    assert unnamed.out.splitlines()[1:] == ["  0.00  unnamed  face 4  album/4.png"]


def test_search_of_several_faces(run, photo, album):
    """Each face of the probe has its own list, also an empty one."""
    shown = run("search", photo("p.png", "red", "violet", width=500))
    lines = shown.out.splitlines()
    assert lines[1] == "  1  2 photos"
    assert lines[2].startswith("     0.00  ada")
    assert lines[4] == "  2  no other photo within 1.00"
    assert run("search", photo("n.png")).out.endswith("n.png, no face found\n")


def test_the_document_of_search(run, photo, album):
    """The JSON document has the fields of design.md."""
    document = run("search", photo("p.png", "blue", width=500), "--json").document
    (probe,) = document["probes"]
    assert is_face(probe["face"])
    assert [hit["path"] for hit in probe["hits"]] == [str(album / "4.png"), str(album / "5.png")]
    assert all(is_face(hit["face"]) and hit["person"] is None for hit in probe["hits"])


def test_search_of_an_unreadable_photo(run, album):
    """A probe that is not there is an error."""
    shown = run("search", "/nowhere.jpg")
    assert shown.code == 2
    assert shown.err.startswith("error: /nowhere.jpg: ")


def test_verify_the_same_person(run, photo):
    """The same person is exit code 0, with distance, threshold, and how many strangers are as close."""
    shown = run("verify", photo("a.png", "red"), photo("b.png", "red", width=400))
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.splitlines() == [
        "  same person  distance 0.00, threshold 1.00",
        "               fewer than 1 in 100,000 pairs of strangers are this close",
    ]


def test_verify_different_people(run, photo, tmp_path):
    """Different people are exit code 1; no gallery is needed or made."""
    shown = run("verify", photo("a.png", "red"), photo("b.png", "green"))
    assert shown.code == 1
    assert shown.out.startswith("  different people  distance 1.")
    assert "% of the pairs of one person are closer" in shown.out
    assert not (tmp_path / "own.gallery").exists()


def test_verify_with_another_threshold(run, photo):
    """--threshold decides."""
    shown = run("verify", photo("a.png", "red"), photo("b.png", "green"), "--threshold", "3.5")
    assert shown.code == 0
    assert "threshold 3.50" in shown.out


def test_verify_at_a_rate(run, photo):
    """A rarer false accept asks for a nearer face; a rate that was not measured, and both at once, are errors."""
    a, b = photo("a.png", "red"), photo("b.png", "green")
    usual, strict = (run("verify", a, b, "--far", rate, "--json").document for rate in ("1e-3", "1e-4"))
    assert strict["threshold"] < usual["threshold"] == run("verify", a, b, "--json").document["threshold"]
    assert strict["far"] == usual["far"] > 1e-3
    rare = run("verify", a, b, "--far", "1e-9")
    assert rare.code == 2
    assert "a FAR of 1e-09 was not measured" in rare.err
    assert run("verify", a, b, "--far", "1e-3", "--threshold", "1").code == 2


def test_who_at_a_rate(run, photo, album):
    """``--fpir`` decides who stays unknown; together with ``--threshold`` it is an error."""
    probe = photo("p.png", "rust", width=500)
    answers = {
        rate: run("who", probe, "--fpir", rate, "--json").document["photos"][0]["faces"][0] for rate in ("0.5", "1e-4")
    }
    assert answers["0.5"]["distance"] == answers["1e-4"]["distance"]
    assert 1e-4 < answers["0.5"]["fpir"] < 0.5
    assert (answers["0.5"]["person"], answers["1e-4"]["person"]) == ("ada", None)
    assert run("who", probe, "--fpir", "0.9").code == 2
    both = run("who", probe, "--fpir", "1e-2", "--threshold", "1")
    assert both.code == 2
    assert "either a FPIR or a threshold" in both.err


def test_verify_says_which_face_it_took(run, photo):
    """Several faces are a warning, or with --strict an error."""
    a, b = photo("a.png", "red", "green"), photo("b.png", "red")
    assert f"warning: {a}: 2 faces found" in run("verify", a, b).err
    strict = run("verify", a, b, "--strict")
    assert strict.code == 2
    assert "exactly one was asked for" in strict.err
    assert run("verify", a, b, "--strict", "--json").document["error"]["kind"] == "ambiguous_face"


def test_verify_without_a_face(run, photo):
    """A photo without a face is an error that names it."""
    shown = run("verify", photo("a.png"), photo("b.png", "red"))
    assert shown.code == 2
    assert "a.png: no face found" in shown.err
    assert run("verify", photo("a.png"), photo("b.png"), "--json").document["error"]["kind"] == "no_face"


def test_the_document_of_verify(run, photo):
    """The JSON document has the fields of design.md, distances unrounded."""
    shown = run("verify", photo("a.png", "red", "green"), photo("b.png", "green"), "--json")
    document = shown.document
    assert document.keys() == {"same", "distance", "threshold", "far", "tar", "a", "b", "warnings"}
    assert document["same"] is (shown.code == 0)
    assert document["far"] == 1e-5
    assert is_face(document["a"])
    assert is_face(document["b"])
    assert len(document["warnings"]) == 1


def test_a_rate_is_said_where_it_is_known(run, photo, monkeypatch):
    """A verdict with a false accept rate says it in words."""
    from dataclasses import replace

    from facesearch.gallery import verification

    verify = verification.verify
    monkeypatch.setattr(verification, "verify", lambda *a, **o: replace(verify(*a, **o), far=5e-5))
    shown = run("verify", photo("a.png", "red"), photo("b.png", "red"))
    assert shown.out.splitlines()[1] == "               about 1 in 20,000 pairs of strangers are this close"


def test_verify_in_a_gallery(run, photo, album, tmp_path):
    """With --gallery a verdict goes by the gallery's own calibration; without, no gallery is looked at."""
    from facesearch.store.store import Store

    a, b = photo("a.png", "red"), photo("b.png", "rust")
    usual = run("verify", a, b, "--json").document
    with Store.open(tmp_path / "own.gallery") as store:
        store.save_calibration(store.state().recipe, '{"shift": -0.2}')
    moved = run("verify", a, b, "--gallery", tmp_path / "own.gallery", "--json").document
    assert moved["distance"] == usual["distance"]
    assert moved["threshold"] == pytest.approx(usual["threshold"] - 0.2)
    assert moved["far"] > usual["far"]
    assert run("verify", a, b, "--json").document == usual
