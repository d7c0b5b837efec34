"""``find`` and ``person`` on the command line."""

from __future__ import annotations

import pytest
from PIL import Image

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def together(album, photo, run):
    """The album with a photo of ada, bob and somebody unknown, taken in 2019."""
    path = photo("album/party.png", "red", "green", "violet", width=400)
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2019:07:14 12:33:01"}
    with Image.open(path) as image:
        image.save(path, exif=exif)
    run("index", album)
    faces = run("who", path, "--json").document["photos"][0]["faces"]
    run("enrol", "ada", "--face", faces[0]["id"])
    run("enrol", "bob", "--face", faces[1]["id"])
    return album


def test_photos_are_listed(run, together):
    """One photo a line: its date, its path, and who is in it."""
    shown = run("find", "ada & bob")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == f"  2019-07-14  {together / 'party.png'}  ada, bob, 1 unknown\n"
    shown = run("find", "ada", "--limit", "2")
    assert shown.out.splitlines() == [
        f"  2019-07-14  {together / 'party.png'}  ada, bob, 1 unknown",
        f"              {together / 'ada/1.png'}  ada",
        "  and 1 more; --limit shows more of them",
    ]


def test_nothing_is_found(run, together):
    """No such photo is a clear no; what had no date is said on stderr."""
    shown = run("find", "ada", "--since", "2020")
    assert (shown.code, shown.out) == (1, "  no such photo\n")
    assert shown.err == "2 photos without a date are left out\n"
    assert run("find", "bob & !bob", "--json").document["photos"] == []
    assert run("find", "ada", "--until", "2019-07", "--only").code == 1


def test_the_document_of_find(run, together):
    """The JSON document has each photo with its files and people, and counts."""
    document = run("find", "unknown & anyone", "--json").document
    (photo,) = document["photos"]
    assert photo["path"] == str(together / "party.png")
    assert photo["paths"] == [photo["path"]]
    assert photo["taken_at"] == "2019-07-14T12:33:01"
    assert [person["name"] for person in photo["people"]] == ["ada", "bob"]
    assert (photo["unknown"], document["total"], document["undated"], document["laid_out"]) == (1, 1, 0, None)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [("ada & | bob", 6, "a name is missing before |"), ("Ödön 山田 (", 8, "& or | is missing before (")],
)
def test_a_mark_below_the_place(run, album, text, column, words):
    """Where an expression is wrong it is shown with a mark below the place, as wide as what stands before."""
    shown = run("find", text)
    assert (shown.code, shown.out) == (2, "")
    first, mark, error, hint = shown.err.splitlines()
    assert first == f"  {text}"
    assert mark.strip(" \u3000") == "^"
    assert mark.index("^") == 2 + column
    assert error.startswith(f"error: {words}")
    assert hint.startswith("hint: join names by & (and)")
    failed = run("find", text, "--json")
    assert failed.document["error"]["message"].startswith(words)
    assert failed.err == ""


def test_names_that_are_wrong(run, album):
    """Somebody unknown, and options that exclude each other, are errors with a hint."""
    shown = run("find", "adda")
    assert (shown.code, shown.err) == (2, "error: no person 'adda' in this gallery\nhint: did you mean 'ada'?\n")
    assert run("find", "ada", "--link", "a", "--copy", "b").code == 2


@pytest.mark.parametrize("how", ["link", "copy"])
def test_a_folder_of_photos(run, together, tmp_path, how):
    """--link and --copy lay the photos out; what is gone is said; a second time changes nothing."""
    (together / "ada/2.png").unlink()
    shown = run("find", "ada", f"--{how}", tmp_path / "out")
    assert shown.code == 0
    what = "2 links" if how == "link" else "2 copies"
    assert shown.err == f"{what} in {tmp_path / 'out'}\n1 photo left out: its file is gone\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "party.png"]
    laid = run("find", "ada", f"--{how}", tmp_path / "out", "--json").document["laid_out"]
    assert [len(laid["files"]), laid["skipped"]] == [2, [str(together / "ada/2.png")]]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_person(run, together):
    """Photos by year, where the names come from, and the nearest others with a rate."""
    shown = run("person", "ADA")
    assert (shown.code, shown.err) == (0, "")
    first, years, sources, poor, undated, near = shown.out.splitlines()
    assert first == "  ada: 3 faces in 3 photos, 2019-07-14 to 2019-07-14"
    assert years.split(maxsplit=3) == ["photos", "by", "year", "2019: 1"]
    assert sources.split(maxsplit=2)[2] == "folders 2, you 1"
    assert poor.split(maxsplit=2)[2] == "0 of 3"
    assert undated.split(maxsplit=3)[3] == "2 photos"
    assert near.split()[:3] == ["nearest", "others", "bob"]
    assert "pairs of strangers are this close (6 pairs here)" in near


def test_a_wrong_face_is_told(run, together):
    """A face of somebody else is to be looked at first."""
    run("index", together)
    run("enrol", "ada", together / "4.png")
    (odd,) = [line for line in run("person", "ada").out.splitlines() if "check the name" in line]
    assert "from the other faces" in odd
    assert odd.endswith(str(together / "4.png"))
    (outlier,) = run("person", "ada", "--json").document["outliers"]
    assert outlier["path"] == str(together / "4.png")
    assert outlier["nearest"]["person"] == "bob"


def test_the_document_of_person(run, together, tmp_path):
    """The JSON document has all of it, and where the picture is."""
    document = run("person", "bob", "--draw", tmp_path / "bob.png", "--json").document
    assert document["person"]["faces"] == 2
    assert (document["first"], document["years"]) == ("2019-07-14T12:33:01", {"2019": 1})
    assert document["sources"] == {"user": 1, "folder": 1}
    assert [face["face"].keys() >= {"id", "box", "quality"} for face in document["faces"]] == [True, True]
    assert [near["person"] for near in document["confusables"]] == ["ada"]
    assert document["confusables"][0].keys() >= {"distance", "far", "pairs", "a", "b"}
    assert document["picture"] == str(tmp_path / "bob.png")
    assert Image.open(tmp_path / "bob.png").format == "PNG"
    shown = run("person", "bob", "--draw", tmp_path / "bob.png")
    assert shown.err == f"a picture of 2 faces in {tmp_path / 'bob.png'}\n"


def test_many_years_become_bars():
    """More years than fit in a line are bars from the first to the last; years without photos are empty."""
    from facesearch.cli.person import _years

    assert _years({"2018": 1, "2020": 3}) == "2018: 1, 2020: 3"
    years = {str(year): 1 + year % 2 * 6 for year in range(1990, 2002) if year != 1995}
    assert _years(years) == "1990 ▂█▂█▂ ▂█▂█▂█ 2001, at most 7"


def test_a_person_without_faces(run, album):
    """A person whose faces were all taken away is told with a hint."""
    run("enrol", "ada", album / "bob/3.png")
    shown = run("person", "bob")
    assert (shown.code, shown.out) == (0, "  bob: 0 faces in 0 photos\n")
    assert "facesearch enrol" in shown.err
    assert run("person", "bob", "--json").document["faces"] == []
