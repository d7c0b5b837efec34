"""What to ask first: pure questions from groups and chances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.curate.questions import ANSWERED, BATCH, SURE, Group, Pair, plan


def group(number: int, size: int = 1, **facts) -> Group:
    """A group of faces that no other has, each in a photo of its own unless ``photos`` says otherwise."""
    faces = tuple(range(1000 * number, 1000 * number + size))
    facts.setdefault("photos", frozenset(faces))
    return Group(f"g{number}", faces, **facts)


def kinds(found) -> list[tuple[str, int]]:
    """Kind and number of faces of each question."""
    return [(question.kind, len(question.faces)) for question in found.questions]


def test_the_largest_unknown_group_comes_first():
    """Of groups that look like nobody, the one whose name settles most faces is asked about first."""
    found = plan([group(1, 2), group(2, 9), group(3)])
    assert kinds(found) == [("who", 9), ("who", 2), ("who", 1)]
    assert found.questions[0].expected == pytest.approx(9 * ANSWERED)


def test_a_person_is_suggested_where_that_is_likely():
    """Whoever is likelier than not is asked by name; below that the question is open."""
    found = plan([group(1, 4, person="ada", chance=SURE), group(2, 4, person="ada", chance=SURE - 0.01)])
    assert [(question.kind, question.person) for question in found.questions] == [("person", "ada"), ("who", None)]
    assert found.questions[0].expected == pytest.approx(4 * (SURE + (1 - SURE) * ANSWERED))


def test_sure_faces_of_one_person_are_one_question():
    """Faces that are all surely one person are asked about together, and that is worth the product of the chances."""
    found = plan([group(number, person="ada", chance=0.99) for number in range(7)])
    assert kinds(found) == [("faces", 7)]
    assert found.questions[0].expected == pytest.approx(7 * 0.99**7)


def test_a_doubtful_face_does_not_spoil_a_batch():
    """A face that makes a "yes" less likely than it adds is asked about alone."""
    sure = [group(number, person="ada", chance=0.98) for number in range(5)]
    found = plan([*sure, group(9, person="ada", chance=0.6)])
    assert kinds(found) == [("faces", 5), ("person", 1)]


def test_faces_of_one_photo_are_never_one_question():
    """Two faces of a photo are two people: one "yes" must not name both."""
    two = [group(number, person="ada", chance=0.99, photos=frozenset([7])) for number in (1, 2)]
    assert kinds(plan(two)) == [("person", 1), ("person", 1)]
    assert kinds(plan([group(n, 3, photos=frozenset([7])) for n in (1, 2)], [Pair(0, 1, 0.99, 0.5)]))[0][0] == "who"


def test_two_groups_may_be_one_person():
    """Where one name for two groups is likely enough, they are one question, which the two are not asked beside."""
    groups = [group(1, 5), group(2, 4)]
    assert kinds(plan(groups, [Pair(0, 1, 0.9, 0.85)])) == [("same", 9)]
    assert kinds(plan(groups, [Pair(0, 1, 0.5, 0.95)])) == [("who", 5), ("who", 4)]
    found = plan(groups, [Pair(1, 0, 0.9, 0.85)]).questions[0]
    assert (found.parts, found.sizes) == (("g1", "g2"), (5, 4))


def test_parts_are_no_larger_than_asked():
    """After a "no" to several groups, questions have at most as many of them as was said."""
    groups = [group(number, person="ada", chance=0.99, most=3) for number in range(7)]
    assert kinds(plan(groups)) == [("faces", 3), ("faces", 3), ("person", 1)]


def test_a_batch_can_be_looked_through():
    """No question has more faces than are looked through at a glance, unless one group alone has."""
    found = plan([group(number, 5, person="ada", chance=0.999) for number in range(9)])
    assert all(len(question.faces) <= BATCH for question in found.questions)
    assert kinds(plan([group(1, 3 * BATCH, person="ada", chance=0.99)])) == [("person", 3 * BATCH)]


def test_poor_faces_come_last():
    """What cannot be trusted is asked about after everything else, and not together with it."""
    poor = [group(number, poor=True, person="ada", chance=0.99) for number in (1, 2)]
    assert kinds(plan([*poor, group(3, person="ada", chance=0.9)])) == [("person", 1), ("faces", 2)]


def test_one_person_alone():
    """Asked for a person, only whether faces are that person is asked, and only such faces are counted."""
    groups = [group(1, 3, person="ada", chance=0.9), group(2, 8, person="bob", chance=0.9), group(3, 9)]
    found = plan(groups, person="ada")
    assert [question.person for question in found.questions] == ["ada"]
    assert found.faces == 3


def test_the_estimate():
    """The plan counts the answers that settle several faces, and the faces that they settle on average."""
    found = plan([group(1, 10), group(2, 4, person="ada", chance=0.5), group(3), group(4)])
    assert (found.answers, found.settles, found.faces) == (2, round(10 * ANSWERED + 4 * (0.5 + 0.5 * ANSWERED)), 16)
    alone = plan([group(1), group(2)])
    assert (alone.answers, alone.settles, alone.faces) == (2, round(2 * ANSWERED), 2)
    assert plan([]).questions == ()


GROUPS = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.sampled_from([None, "ada", "bob"]),
        st.floats(0, 1),
        st.integers(0, 5),
        st.booleans(),
        st.integers(1, 8),
    ),
    max_size=25,
)


@given(GROUPS, st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24), st.floats(0, 1)), max_size=20))
def test_every_face_is_in_one_question(facts, pairs):
    """Whatever there is: each face is asked about exactly once, no batch holds two faces of a photo, best first."""
    groups = [
        group(number, size, person=person, chance=chance, photos=frozenset([photo]), poor=poor, most=most)
        for number, (size, person, chance, photo, poor, most) in enumerate(facts)
    ]
    some = [Pair(one, other, chance, 0.9) for one, other, chance in pairs if one < other < len(groups)]
    found = plan(groups, some)
    asked = [face for question in found.questions for face in question.faces]
    assert sorted(asked) == sorted(face for one in groups for face in one.faces)
    by_key = {one.key: one for one in groups}
    for question in found.questions:
        parts = [by_key[key] for key in question.parts]
        photos = [photo for part in parts for photo in part.photos]
        assert len(set(photos)) == len(photos)
        assert question.sizes == tuple(len(part.faces) for part in parts)
        assert 0 <= question.expected <= len(question.faces)
    rank = [(question.poor, -round(question.expected, 6)) for question in found.questions]
    assert rank == sorted(rank)
    assert found.faces == len(asked)
    assert found.settles <= len(asked)
