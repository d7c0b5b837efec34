"""``enrol``, ``cluster``, ``name``, ``people`` and ``stats``: names."""

from __future__ import annotations

import pytest

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def test_enrol_new_photos(run, photo, tmp_path):
    """Photos are indexed and their faces given to a person, in a gallery that is made for it."""
    shown = run("enrol", "Ada [bold]", photo("1.png", "red"), photo("2.png", "red", width=400))
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == "  Ada [bold]: 2 faces given, 2 faces in 2 photos now\n"
    assert run("who", photo("3.png", "red", width=500)).out.splitlines()[1].startswith("  1  Ada [bold]  0.00")


def test_enrol_says_which_face_it_took(run, photo):
    """Several faces in a photo are a warning, or with --strict an error."""
    probe = photo("1.png", "red", "green")
    assert "2 faces found" in run("enrol", "Ada", probe, "--strict").err
    shown = run("enrol", "Ada", probe)
    assert shown.err.startswith("warning: ")
    assert "2 faces found" in shown.err


def test_enrol_one_face(run, photo, album):
    """--face gives one face that `who` showed; without a photo too."""
    document = run("enrol", "Cleo", "--face", 4, "--json").document
    assert document["person"].keys() == {"id", "name", "faces", "photos"}
    assert (document["person"]["name"], document["person"]["faces"]) == ("Cleo", 1)
    assert (document["faces"], document["warnings"]) == (["4"], [])
    assert "no face 999" in run("enrol", "Cleo", "--face", 999).err


@pytest.mark.parametrize("words", [["enrol", "Cleo"], ["enrol", "", "--face", "1"]])
def test_enrolling_nothing_or_nobody(run, album, words):
    """No photo and no face, or no name, are errors."""
    assert run(*words).code == 2


def test_people_are_a_table(run, album):
    """People are listed with faces, photos and id, numbers to the right."""
    heading, ada, bob = run("people").out.splitlines()
    assert heading.split() == ["name", "faces", "photos", "id"]
    assert ada.split()[:3] == ["ada", "2", "2"]
    assert bob.split()[:3] == ["bob", "1", "1"]
    documents = run("people", "--json").document["people"]
    assert [{**person, "id": ""} for person in documents] == [
        {"id": "", "name": "ada", "faces": 2, "photos": 2},
        {"id": "", "name": "bob", "faces": 1, "photos": 1},
    ]


def test_nobody_has_a_name(run, photo):
    """Without people there is a hint how to name some."""
    run("index", photo("1.png", "red"))
    shown = run("people")
    assert (shown.code, shown.out) == (0, "  nobody has a name yet\n")
    assert "facesearch enrol" in shown.err
    assert run("people", "--json").document["people"] == []


def test_people_are_drawn(run, album, tmp_path):
    """--draw writes one picture a person and says where."""
    shown = run("people", "--draw", tmp_path / "sheets")
    assert shown.err == f"2 pictures in {tmp_path / 'sheets'}\n"
    assert len(list((tmp_path / "sheets").glob("person-*.png"))) == 2


def test_clusters_are_listed(run, album, photo):
    """Groups have a number, faces, photos, the nearest person, and an example of how to name one."""
    photo("album/6.png", "violet", width=370)
    photo("album/7.png", "violet", width=380)
    photo("album/8.png", "violet", width=390)
    run("index", album)
    shown = run("cluster")
    assert shown.code == 0
    heading, first, second = shown.out.splitlines()
    assert heading == "  2 groups from 5 unnamed faces (0 stay alone)"
    assert first.startswith("  1  3 faces  3 photos  nearest person: ada 1.")
    assert first.endswith('  facesearch name 1 "…"')
    assert second.startswith("  2  2 faces  2 photos  nearest person: bob 1.")
    assert run("cluster", "--limit", "1").out.endswith("  and 1 more; --limit shows more of them\n")


def test_the_example_names_the_gallery(run, album, tmp_path):
    """Who chose a gallery with --gallery gets an example that can be copied."""
    shown = run("cluster", "--gallery", tmp_path / "own.gallery")
    assert f'facesearch name 1 "…" --gallery {tmp_path / "own.gallery"}' in shown.out


def test_no_groups(run, photo):
    """Faces that stay alone are counted."""
    run("index", photo("1.png", "red"))
    assert run("cluster").out == "  0 groups from 1 unnamed face (1 stays alone)\n"


def test_the_document_of_cluster(run, album, tmp_path):
    """The JSON document has the fields of design.md."""
    document = run("cluster", "--draw", tmp_path / "sheets", "--json").document
    (group,) = document["clusters"]
    assert group["id"] == "1"
    assert [face["path"] for face in group["faces"]] == [str(album / "4.png"), str(album / "5.png")]
    assert all(face["face"].keys() >= {"id", "box", "confidence", "quality"} for face in group["faces"])
    assert group["nearest"]["person"] == "bob"
    assert document["unclustered"] == 0
    assert document["pictures"] == [str(tmp_path / "sheets/cluster-001.png")]


def test_a_group_is_named(run, album, photo):
    """`name` gives all faces of a group to a person, and they are known from then on."""
    run("cluster")
    shown = run("name", "1", "Cleo")
    assert (shown.code, shown.out) == (0, "  Cleo: 2 faces given, 2 faces in 2 photos now\n")
    assert "  1  Cleo" in run("who", photo("p.png", "blue", width=500)).out
    assert run("cluster").out == "  0 groups from 0 unnamed faces (0 stay alone)\n"


def test_naming_as_json(run, album):
    """`name --json` is the document of `enrol`; a group that is not there is an error."""
    run("cluster")
    document = run("name", "1", "ada", "--json").document
    assert (document["person"]["name"], document["person"]["faces"]) == ("ada", 4)
    assert sorted(document["faces"]) == ["4", "5"]
    shown = run("name", "1", "ada")
    assert shown.code == 2
    assert "no cluster '1'" in shown.err


def test_stats(run, album):
    """`stats` counts what there is."""
    lines = dict(line.strip().rsplit(maxsplit=1) for line in run("stats").out.splitlines())
    assert lines["faces"] == "5"
    assert lines["faces with a name"] == "3"
    assert lines["people"] == "2"
    document = run("stats", "--json").document
    assert (document["photos"], document["no_face"], document["files"], document["enrolled"]) == (5, 0, 5, 3)
    assert isinstance(document["recipe"], str)


@pytest.mark.parametrize("words", [["who", "p"], ["cluster"], ["people", "--draw", "d"], ["search", "p"]])
def test_a_gallery_of_another_engine(run, album, photo, words, monkeypatch, tmp_path):
    """Vectors of two engines never meet: asking with another engine is an error, or says nothing false."""
    monkeypatch.chdir(tmp_path)
    photo("p", "red", width=500)
    shown = run(*words, "--engine", "reference")
    assert shown.code in {0, 2}
    if words[0] != "people":
        assert "--engine" in shown.err
