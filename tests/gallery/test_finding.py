"""Photos by people: who is in them, who is not, when, and how the answers are ordered."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesearch.errors import ConfigError, NotFoundError
from facesearch.gallery.finding import find, lay_out
from facesearch.store import FileStamp, Store

from .albums import ROOT, Album

# Tests of some tenths of a second and more: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def album(tmp_path):
    """An empty album."""
    with Store.open(tmp_path / "gallery") as store:
        yield Album(store)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Ada, Bob and Cy in eight photos of several years, with strangers. For tests that only ask."""
    with Store.open(tmp_path_factory.mktemp("family") / "gallery") as store:
        yield _fill(Album(store))


def _fill(album) -> Album:
    album.photo("ada.jpg", "Ada", taken="2018-05-01T10:00:00")
    album.photo("both.jpg", "Bob", "Ada", taken="2019-12-31T23:59:59+02:00")
    album.photo("all.jpg", "Ada", "Bob", "Cy", taken="2020-01-01T00:00:00")
    album.photo("crowd.jpg", "Ada", "", "", taken="2019-06-15T12:00:00")
    album.photo("cy.jpg", "Cy", "-", "~", taken="2021-02-03T04:05:06")
    album.photo("guess.jpg", "Bob?", taken="2019-07-01T00:00:00")
    album.photo("view.jpg", taken="2022-01-01T00:00:00")
    album.photo("undated.jpg", "Ada")
    return album


def names(found) -> list[str]:
    """What the found files are called."""
    return [Path(photo.paths[0]).stem for photo in found.photos]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada", "ada crowd both all undated"),
        ("  aDA ", "ada crowd both all undated"),
        ("Ada & Bob", "both all"),
        ("Ada & Bob & !Cy", "both"),
        ("Cy | Bob", "both all cy"),
        ("Ada & unknown", "crowd"),
        ("Ada & !anyone", ""),
        ("anyone & !Ada", "cy"),
        ("unknown", "crowd guess"),
        ("!anyone", "guess view"),
        ("!anyone & !unknown", "view"),
        ("!(Ada | Cy)", "guess view"),
    ],
)
def test_who_is_in_the_photos(family, text, expected):
    """And, or and not, the words for anyone and for unknown faces; by date, those without a date last."""
    assert names(find(family.store, text)) == expected.split()


@pytest.mark.parametrize(
    ("options", "expected", "undated"),
    [
        ({"since": "2019"}, "crowd both all", 1),
        ({"until": "2019"}, "ada crowd both", 1),
        ({"since": "2019-12", "until": "2020-01-01"}, "both all", 1),
        ({"since": "2019-06-15", "until": "2019-06-15"}, "crowd", 1),
        ({"since": "2020-01-02"}, "", 1),
        ({}, "ada crowd both all undated", 0),
    ],
)
def test_a_period_is_inclusive(family, options, expected, undated):
    """A year, month or day counts to its end; photos without a date are counted, not found."""
    found = find(family.store, "Ada", **options)
    assert (names(found), found.undated) == (expected.split(), undated)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada", "ada undated"),
        ("Ada & Bob", "both"),
        ("Ada | Bob", "ada both undated"),
        ("Cy", "cy"),
        ("anyone", "ada both all cy undated"),
        ("Ada & unknown", "crowd"),
    ],
)
def test_only_means_nobody_else(family, text, expected):
    """With ``only`` another person or an unknown face is one too many; no faces and ignored ones are not."""
    assert names(find(family.store, text, only=True)) == expected.split()


def test_automatic_names_count_where_that_is_asked_for(family):
    """A name that was given automatically is none until it is confirmed, or until suggestions are asked for."""
    assert names(find(family.store, "Bob", only=True)) == []
    assert names(find(family.store, "Bob", only=True, suggested=True)) == ["guess"]
    assert names(find(family.store, "unknown", suggested=True)) == ["crowd"]


def test_poor_faces_do_not_count_for_those_who_are_wanted(album):
    """The least quality is asked of the people who are wanted; nobody becomes absent by a poor face."""
    album.photo("good.jpg", "Ada", "Bob")
    album.photo("poor.jpg", "Ada", "Bob", quality=0.3)
    assert names(find(album.store, "Ada", min_quality=0.5)) == ["good"]
    assert names(find(album.store, "anyone | unknown", min_quality=0.5)) == ["good"]
    assert names(find(album.store, "!Bob", min_quality=0.5)) == []


def test_a_person_by_id_and_names_that_several_have(album):
    """An id names a person for sure; a name that two people have is refused with their ids."""
    album.photo("1.jpg", "Ada")
    other = album.store.create_person("ADA")
    with pytest.raises(ConfigError, match="2 people are called 'Ada'") as caught:
        find(album.store, "Ada")
    assert other.id in caught.value.hint
    assert names(find(album.store, album.people["Ada"])) == ["1"]
    assert names(find(album.store, other.id.upper())) == []


def test_names_that_nobody_has(family):
    """An unknown name is an error, whose hint knows those that are spelt alike."""
    with pytest.raises(NotFoundError, match="no person 'Adda'") as caught:
        find(family.store, "Cy | Adda")
    assert caught.value.hint == "did you mean 'Ada'?"
    with pytest.raises(NotFoundError) as caught:
        find(family.store, "Zacharias")
    assert caught.value.hint == "facesearch people lists everybody"
    with pytest.raises(NotFoundError):
        find(family.store, '"unknown"')
    with pytest.raises(NotFoundError):
        find(family.store, "caf\udce9")


@pytest.mark.parametrize("day", ["19", "2019-13", "2019-02-30", "2019-1", "yesterday", "2019-01-01T00", "0000", "२०१९"])
def test_what_is_no_date(family, day):
    """A date that does not exist is refused, and so is a period that ends before it begins."""
    with pytest.raises(ConfigError, match="is no date"):
        find(family.store, "Ada", until=day)
    with pytest.raises(ConfigError, match="is after"):
        find(family.store, "Ada", since="2020-02", until="2019")


def test_the_order_and_the_limit(album):
    """By date, then by path; the limit takes the first and says how many there are."""
    for name, taken in [("c", "2020"), ("b", "2020"), ("a", "2021"), ("d", None), ("e", "2019")]:
        album.photo(f"{name}.jpg", "Ada", taken=taken and f"{taken}-01-01T00:00:00")
    assert names(find(album.store, "Ada")) == ["e", "b", "c", "a", "d"]
    for limit in range(1, 7):
        found = find(album.store, "Ada", limit=limit)
        assert (names(found), found.total) == (["e", "b", "c", "a", "d"][:limit], 5)


def test_what_is_told_of_a_photo(album):
    """Everybody in it from left to right, once each, how many are unknown, and all its files."""
    ids = album.photo("b.jpg", "Bob", "", "Ada", "-", "Bob", "~", taken="2020-01-01T00:00:00")
    photo_id = album.store.faces(ids)[ids[0]].photo_id
    album.store.seen([(FileStamp(ROOT, "a.jpg", 1, 1), photo_id, "b1")])
    (photo,) = find(album.store, "Ada").photos
    assert photo.paths == ("/photos/a.jpg", "/photos/b.jpg")
    assert list(photo.people.items()) == [(album.people["Bob"], "Bob"), (album.people["Ada"], "Ada")]
    assert (photo.unnamed, photo.taken_at) == (1, "2020-01-01T00:00:00")


def test_photos_are_laid_out_from_the_file_that_is_there(album, tmp_path):
    """Of several files of a photo the first that exists is taken; a photo without one is skipped."""
    (tmp_path / "here.jpg").write_text("picture")
    (face,) = album.photo("gone.jpg", "Ada")
    album.photo("lost.jpg", "Ada")
    photo_id = album.store.faces([face])[face].photo_id
    album.store.seen([(FileStamp(tmp_path, "here.jpg", 1, 1), photo_id, "b1")])
    made = lay_out(find(album.store, "Ada"), tmp_path / "out", "copy")
    assert [path.read_text() for path in made.files] == ["picture"]
    assert made.skipped == (Path("/photos/lost.jpg"),)


FACES = st.sampled_from(["Ada", "Bob", "Ada?", "", "-", "~"])
PHOTOS = st.lists(st.tuples(st.lists(FACES, max_size=3), st.sampled_from([0.2, 0.8]), st.sampled_from([None, "2020"])))
ASKED = {
    "Ada & !Bob": lambda who: who("Ada", True) and not who("Bob", False),
    "Bob | unknown": lambda who: who("Bob", True) or who("", True),
    "!(Ada & unknown)": lambda who: not (who("Ada", False) and who("", False)),
    "anyone & !Ada | !anyone & unknown": lambda who: (
        (who("anyone", True) and not who("Ada", False)) or (not who("anyone", False) and who("", True))
    ),
}


@given(PHOTOS, st.sampled_from([None, 0.5]), st.booleans(), st.sampled_from([None, "2020", "2021"]))
@settings(max_examples=15)
def test_found_is_what_a_look_at_every_photo_finds(photos, least, suggested, since):
    """Whatever is in an album: the photos are those that a plain reading of the expression finds one by one."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        album = Album(store)
        album.person("Ada"), album.person("Bob")
        for number, (faces, quality, year) in enumerate(photos):
            album.photo(f"{number:03}", *faces, taken=year and f"{year}-06-01T00:00:00", quality=quality)
        for text, holds in ASKED.items():
            expected = set()
            for number, (faces, quality, year) in enumerate(photos):
                shown = [one.rstrip("?") if suggested else "" if one.endswith("?") else one for one in faces]
                present = {one for one in shown if one not in "-~" or not one}
                present |= {"anyone"} if present - {""} else set()

                def who(name, wanted, present=present, quality=quality):
                    return name in present and not (wanted and least and quality < least)

                if holds(who) and (since is None or (year or "0") >= since):
                    expected.add(f"{number:03}")
            assert set(names(find(store, text, min_quality=least, suggested=suggested, since=since))) == expected
