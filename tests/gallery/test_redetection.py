"""Another detector finds the same faces a little elsewhere; nobody loses a name."""

from __future__ import annotations

import pytest

from facesearch.detection.reference import ReferenceDetector
from facesearch.pipeline import FrontEnd


def placed(gallery):
    """By photo and person: the box of the face that has the name, found again or not."""
    store = gallery._store
    faces = store.faces([face.face_id for person in store.people() for face in store.enrolments_of(person.id)])
    return {(face.photo_id, face.person): face.box for face in faces.values()}


@pytest.mark.sqlite  # about the detector; test_recipe.py analyses a gallery anew on both
def test_every_name_stays_on_its_face(sample_copy, samples, front_end):
    """The whole sample gallery, analysed anew with the reference detector: every name is on the face it was on.

    So it is in a photo whose face the other detector does not see: that face stays where it was.
    """
    before = placed(sample_copy)
    assert len(before) == 93
    other = FrontEnd(ReferenceDetector(), front_end._embedder)
    assert other.recipe.key != front_end.recipe.key
    sample_copy.use(other)
    report = sample_copy.index(samples / "train", reprocess=True)
    assert report.failed == ()
    after = placed(sample_copy)
    assert after.keys() == before.keys()
    assert all(after[key].iou(box) >= 0.5 for key, box in before.items())
    assert any(after[key] != box for key, box in before.items())
    assert sample_copy._store.replay() == []
    assert placed(sample_copy) == after
