"""Review: few questions, every answer kept at once and taken back on demand."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facesearch.detection.prominence import most_prominent
from facesearch.errors import ConfigError, NotFoundError
from facesearch.gallery.review_open import stands
from facesearch.gallery.reviewing import Review
from facesearch.store import NewAnalysis, NewPhoto
from facesearch.testing import random_units
from facesearch.types import Box, Face, Landmarks, Recipe

from .pictures import BLUE, GREEN, RED, painted

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

DARK_RED, VIOLET = (157, 40, 40), (200, 40, 220)
"""A red that is as far from RED as two photos of a person that were not grouped; and a colour far from all."""


@pytest.fixture
def album(gallery, tmp_path):
    """Three photos of red, two of green, one of red and blue; nobody has a name."""
    for number, colours in enumerate([(RED,), (RED,), (RED,), (GREEN,), (GREEN,), (RED, BLUE)]):
        painted(tmp_path / f"photos/{number}.png", *colours, shade=number)
    gallery.index(tmp_path / "photos")
    return gallery


def names(gallery) -> dict[int, str | None]:
    """The name of every face, by id."""
    every = gallery._store.faces(range(1, 400))
    return {face_id: face.person for face_id, face in every.items()}


def test_the_largest_group_first(album):
    """The first question is about the most faces, and a name gives it to all of them, also when it ends there."""
    review = album.review()
    assert (review.question.kind, len(review.question.faces)) == ("who", 4)
    asked = review.question.faces
    assert review.called("Ada").name == "Ada"
    assert {face_id for face_id, name in names(album).items() if name == "Ada"} == set(asked)
    assert (review.answers, review.settled, review.left) == (1, 4, 3)


def test_the_end(album):
    """When everything is answered there is no question; what was said stands, one action of the journal an answer."""
    review = album.review()
    for name in ("Ada", "Bob", "Cleo"):
        review.called(name)
    assert review.question is None
    assert review.left == 0
    assert sorted(names(album).values()) == ["Ada"] * 4 + ["Bob"] * 2 + ["Cleo"]
    assert len(album.log()) == 3
    with pytest.raises(ConfigError):
        review.skip()


def test_names_in_every_spelling(album):
    """A name is found whatever its case, by the beginning of it where that is asked for, and else is new."""
    review = album.review()
    first = review.called("Ada Lovelace")
    assert review.called("ada lovelace").id == first.id
    review.undo()
    assert review.called("AD*").id == first.id
    review.undo()
    with pytest.raises(ConfigError, match="no people"):
        review.called("Bob*")
    assert review.called("Ad").id != first.id
    review.undo()
    assert [person.name for person in album.people()] == ["Ada Lovelace"]


def test_undo_brings_a_question_back(album):
    """Taking answers back, one by one, ends where it began, whatever they were."""
    review = album.review()
    before, first = names(album), review.question
    review.called("Ada")
    review.skip()
    review.ignore()
    review.undo()
    review.called("Bob")
    review.undo()
    review.no_face()
    for _ in range(3):
        assert review.undo()
    assert not review.undo()
    assert (names(album), review.question, review.answers) == (before, first, 0)
    assert album.people() == []


def test_yes_and_no(album, tmp_path):
    """New photos of somebody known are suggested; "yes" gives them, "no" is remembered and asks who it is instead."""
    review = album.review()
    review.called("Ada")
    for number in (7, 8, 9):
        painted(tmp_path / f"more/{number}.png", RED, shade=number)
    album.index(tmp_path / "more")
    review = album.review()
    question = review.question
    assert (question.kind, len(question.faces), review.person(question.person).name) == ("person", 3, "Ada")
    review.no()
    again = review.question
    assert (again.kind, again.faces) == ("who", question.faces)
    with pytest.raises(ConfigError, match="nobody was suggested"):
        review.no()
    with pytest.raises(ConfigError, match="who is it"):
        review.yes()
    review.undo()
    review.yes()
    assert sum(name == "Ada" for name in names(album).values()) == 7
    rejected = album._store.rejections()
    assert rejected == {}


def test_no_is_remembered(album, tmp_path):
    """Who was said not to be Ada is not suggested as Ada by another review."""
    album.review().called("Ada")
    painted(tmp_path / "more/7.png", RED, shade=7)
    album.index(tmp_path / "more")
    album.review("Ada").no()
    assert all(question.person is None for question in album.review().plan.questions)
    assert album.review("Ada").question is None


def test_out_of_a_suggestion(album, tmp_path):
    """Faces that are told apart from a suggested group are not that person; the others still wait for a yes."""
    album.review().called("Ada")
    for number in (7, 8, 9):
        painted(tmp_path / f"more/{number}.png", RED, shade=number)
    album.index(tmp_path / "more")
    review = album.review()
    odd = review.question.faces[1]
    assert review.out([2]) == 1
    assert album._store.rejections() == {odd: {next(iter(album.people())).id}}
    for wrong in ([], [0], [99]):
        with pytest.raises(ConfigError):
            review.out(wrong)


def test_out_of_a_group(album):
    """Faces that are told apart from an unknown group stay alone, and do not get the name of the others."""
    review = album.review()
    first = review.question
    odd = first.faces[1]
    review.out([2])
    assert odd not in review.question.faces
    review.undo()
    assert review.question == first
    review.out([2])
    review.called("Ada")
    assert names(album)[odd] is None
    assert odd in {face for question in review.plan.questions for face in question.faces}


def test_strangers_are_not_asked_about_again(album):
    """Ignored faces, and what is no face, are settled for every later review."""
    review = album.review()
    review.ignore()
    review.no_face()
    assert (review.settled, review.left) == (6, 1)
    assert len(album.review().plan.questions) == 1


def test_skipping_is_for_now(album):
    """A question that is put off does not come again in this review, but in the next."""
    review = album.review()
    first = review.question
    review.skip()
    assert first.parts[0] not in {part for question in review.plan.questions for part in question.parts}
    assert album.review().question == first


def test_two_groups_one_person(gallery, tmp_path):
    """Groups that are nearly one are asked about together: one name settles both, "no" keeps them apart for good."""
    for number in range(3):
        painted(tmp_path / f"photos/a{number}.png", RED, shade=number)
        painted(tmp_path / f"photos/b{number}.png", DARK_RED, shade=number)
    gallery.index(tmp_path / "photos")
    review = gallery.review()
    assert (review.question.kind, review.question.sizes) == ("same", (3, 3))
    review.no()
    assert [question.kind for question in review.plan.questions] == ["who", "who"]
    assert gallery.review().question.kind == "who"
    review.undo()
    review.called("Ada")
    assert set(names(gallery).values()) == {"Ada"}


def test_a_photo_shows_a_person_once(gallery, tmp_path):
    """In a photo with Ada nobody else is suggested to be Ada, unless the photo is a collage."""
    painted(tmp_path / "1.png", RED)
    both = painted(tmp_path / "2.png", RED, RED, shade=2)
    gallery.index(tmp_path)
    gallery.enrol("Ada", tmp_path / "1.png")
    ada = gallery.people()[0].id
    review = gallery.review()
    assert [question.person for question in review.plan.questions] == [ada, ada]
    review.yes()
    assert review.question.person is None
    gallery.mark(both)
    assert gallery.review().question.person == ada


def test_automatic_names_are_asked_about(gallery, tmp_path):
    """A name that was given automatically is a question: yes confirms it, no takes it away."""
    for number in range(3):
        painted(tmp_path / f"{number}.png", RED, shade=number)
    gallery.index(tmp_path)
    gallery.enrol("Ada", tmp_path / "0.png")
    ada = gallery.people()[0].id
    assert gallery.suggestions(ada, auto=True).given == 2
    review = gallery.review()
    assert (review.question.person, len(review.question.faces), review.left) == (ada, 2, 2)
    review.no()
    review.no()
    assert set(names(gallery).values()) == {"Ada", None}
    review.undo()
    review.undo()
    review.yes()
    assert len(gallery._store.enrolled(gallery.front_end.recipe, low=True).face_ids) == 3
    assert review.question is None


def test_one_person(album):
    """A review of one person asks about nobody else; a person who is not there is an error."""
    review = album.review()
    review.called("Ada")
    assert album.review("Ada").question is None
    with pytest.raises(NotFoundError):
        album.review("Nobody")


def test_faces_that_come_in_meanwhile(album, tmp_path):
    """Photos indexed while a review runs are asked about by it."""
    review = album.review()
    painted(tmp_path / "more/7.png", VIOLET, shade=7)
    album.index(tmp_path / "more")
    review.called("Ada")
    assert review.left == 4


def test_the_picture(album, tmp_path):
    """The picture has a row of the person's faces above the asked ones, and is readable by its owner alone."""
    review = album.review()
    one = tmp_path / "one.png"
    review.draw(review.question, one)
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    review.called("Ada")
    painted(tmp_path / "more/7.png", RED, shade=7)
    album.index(tmp_path / "more")
    review = album.review("Ada")
    two = tmp_path / "two.png"
    rows = review.rows(review.question)
    assert [row.title for row in rows] == ["Ada:", "the same person? 1 face"]
    assert [row.total for row in rows] == [4, 1]
    review.draw(review.question, two)
    with Image.open(one) as alone, Image.open(two) as both:
        assert both.height > 1.5 * alone.height


def test_the_private_picture_is_gone_afterwards(album):
    """The picture in the gallery's folder is deleted at the end, and so is one of a review that was killed."""
    folder = album.folder / "review"
    folder.mkdir()
    (folder / "999999999.png").write_bytes(b"faces")
    with album.review().private_picture() as picture:
        assert [path.name for path in folder.iterdir()] == []
        picture.write_bytes(b"faces")
        assert picture.name == f"{os.getpid()}.png"
    assert not folder.exists()


def test_a_large_group_shows_both_ends(gallery, tmp_path):
    """Of more faces than fit, the most and the least central are shown, under their own numbers."""
    for number in range(30):
        painted(tmp_path / f"{number}.png", RED, shade=number)
    gallery.index(tmp_path)
    review = gallery.review()
    (row,) = review.rows(review.question)
    assert (len(row.matches), row.total) == (24, 30)
    numbers = [int(caption.split()[0]) for caption in row.captions]
    assert numbers == [*range(1, 13), *range(19, 31)]
    assert [match.face.id for match in row.matches] == [review.question.faces[number - 1] for number in numbers]


def test_an_empty_gallery(gallery):
    """Without faces there is nothing to ask."""
    assert gallery.review().question is None


RECIPE = Recipe("made up", 128, ())


def test_many_people_are_compared_once(place, open_gallery, fake):
    """Suggestions are the same after many answers as in a review that begins anew."""
    gallery = open_gallery(place, fake)
    store, random = gallery._store, np.random.default_rng(0)
    middles = random_units(12, 128, seed=1)
    points = [(10 + 80 * x, 10 + 80 * y) for x, y in [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]]
    face = Face(Box(10, 10, 90, 90), Landmarks(*points), confidence=0.99, quality=0.9)
    rows = np.repeat(middles, 5, axis=0) + random.normal(scale=0.05, size=(60, 128))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    photos = [NewAnalysis(NewPhoto(f"b{i}", f"p{i}", 100, 100), [face], vectors[i : i + 1]) for i in range(60)]
    with store.writing():
        store.use_recipe(RECIPE)
        ids = [held[0] for held in store.add_photos(photos, RECIPE)]
        for person in range(12):
            store.enrol(ids[5 * person : 5 * person + 2], store.create_person(f"P{person}").id)
    review = Review(store, RECIPE, gallery.calibration)
    for _ in range(6):
        assert review.question.person is not None
        owner = {(face_id - ids[0]) // 5 for face_id in review.question.faces}
        assert {review.person(review.question.person).name} == {f"P{number}" for number in owner}
        review.yes()
        anew = Review(store, RECIPE, gallery.calibration)
        assert _rounded(anew.plan) == _rounded(review.plan)


def _rounded(plan):
    """A plan without the last digits of its numbers: products of float32 differ with the order of the people."""
    questions = tuple(
        replace(one, chance=round(one.chance, 6), expected=round(one.expected, 6)) for one in plan.questions
    )
    return replace(plan, questions=questions)


def prominent_faces(gallery, folder) -> dict[int, str]:
    """The central face of each photo below a folder, by id, and the name of the folder that it lies in."""
    found = {}
    for file in gallery._store.files(folder):
        photo, faces = gallery._store.photo(file.photo_id), gallery._store.faces_of_photo(file.photo_id)
        found[faces[most_prominent(faces, photo.width, photo.height)].id] = file.path.parent.name
    return found


def answered_by_who_knows(review, truth: dict[int, str], gallery) -> int:
    """Answer truthfully until every face in ``truth`` has its name; returns how many answers that took."""
    while any(names(gallery).get(face_id) != name for face_id, name in truth.items()):
        question = review.question
        known = {truth.get(face_id) for face_id in question.faces}
        suggested = None if question.person is None else review.person(question.person).name
        if known == {None}:
            review.ignore()
        elif known == {suggested}:
            review.yes()
        elif len(known) == 1:
            review.called(known.pop())
        elif question.kind == "who":
            most = max(known - {None}, key=lambda name: sum(truth.get(face) == name for face in question.faces))
            review.out([place for place, face in enumerate(question.faces, 1) if truth.get(face) != most])
        else:
            review.no()
    return review.answers


def test_the_val_photos_in_eight_answers(front_end, val, place, open_gallery):
    """In a gallery of the 25 val photos alone, 8 truthful answers name everybody whom the folders name."""
    gallery = open_gallery(place, front_end)
    gallery.index(*val)
    truth = prominent_faces(gallery, val[0].parents[1])
    assert len(truth) == 25
    assert answered_by_who_knows(gallery.review(), truth, gallery) <= 8


def test_the_val_photos_beside_known_people(sample_copy, val):
    """Where the train photos are enrolled, a "yes" for each of the five people does."""
    sample_copy.index(*val)
    truth = prominent_faces(sample_copy, val[0].parents[1])
    assert answered_by_who_knows(sample_copy.review(), truth, sample_copy) <= 5


@pytest.mark.parametrize("answer", [lambda review: review.called("Ada"), Review.ignore, Review.no_face])
def test_faces_that_were_named_elsewhere(album, answer):
    """An answer about faces that were named meanwhile is refused, and the next question is about others."""
    review = album.review()
    asked = review.question.faces
    for face_id in asked:
        album.enrol("Elsewhere", face=face_id)
    with pytest.raises(ConfigError, match="meanwhile"):
        answer(review)
    assert {names(album)[face_id] for face_id in asked} == {"Elsewhere"}
    assert not set(asked) & set(review.question.faces)
    assert not review.undo()


@pytest.mark.parametrize("answer", [lambda review: review.called("Ada"), Review.skip])
def test_photos_that_were_forgotten_elsewhere(album, tmp_path, answer):
    """Where the faces of a question are gone, the review goes on with those that are there."""
    review = album.review()
    gone = set(review.question.faces)
    for number in (0, 1, 2, 5):
        album.forget(photo=tmp_path / f"photos/{number}.png")
    with contextlib.suppress(ConfigError):
        answer(review)
    assert not gone & set(review.question.faces)
    assert all(match.path for match in review.matches(review.question))


def test_a_suggested_person_who_is_gone(album):
    """Yes about somebody who was merged meanwhile is refused, and asked anew."""
    review = album.review()
    person = review.called("Ada")
    review.called("Bob")
    album.merge("Bob", "Ada")
    suggested = replace(review.question, person=person.id)
    assert not stands(album._store, suggested, review._opened)
