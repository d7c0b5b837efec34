"""The contract of detectors: every rule is broken by a detector that keeps the others."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesearch.detection.plugged import flaw_of
from facesearch.images.align import THOROUGH_CROPS, crop
from facesearch.testing import FakeDetector, check_detector, paint
from facesearch.types import Box, Detection, Landmarks

RED, BLUE = (220, 20, 20), (20, 20, 220)
BOXES = [Box(10, 10, 60, 60), Box(100, 20, 150, 90), Box(90, 120, 200, 220)]
PICTURE = paint(zip(BOXES, [RED, RED, BLUE], strict=True))


class Broken(FakeDetector):
    """Finds what the fake does, and then spoils it: a function of what was found, the picture and its scale."""

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule
        self.last = PICTURE.shape

    def detect(self, image, *, scale=1.0):
        """What is spoilt."""
        return SPOILT[self.rule](super().detect(image, scale=scale), image, scale)


def points_as(*order):
    """The five points change places."""
    return lambda found, *_: [
        replace(one, landmarks=Landmarks(*(one.landmarks.points[place] for place in order))) for one in found
    ]


def each(change):
    """Every face is changed."""
    return lambda found, image, scale: [change(one, scale) for one in found]


def raised(kind, when=lambda image, scale: True):
    """The detector fails where this is so."""

    def spoil(found, image, scale):
        if when(image, scale):
            raise kind("oh")
        return found

    return spoil


def blacken(found, image, scale):
    """The first row is black afterwards, unless the picture is read-only."""
    if image.flags.writeable:
        image[0] = 0
    return found


def scribble(found, image, scale):
    """A row of the picture is needed as scratch paper."""
    image[0] = image[0]
    return found


def dream(found, image, scale):
    """A picture that is large enough always shows a face."""
    height, width = image.shape[:2]
    return found if found or height < 100 else FakeDetector().detect(paint([(BOXES[0], RED)], width, height))


def nose_up(one, scale):
    """The nose is above the eyes."""
    left, right, (x, _), *mouth = one.landmarks.points
    return replace(one, landmarks=Landmarks(left, right, (x, one.box.top), *mouth))


def blank_points(one, scale):
    """A point was not found."""
    return replace(one, landmarks=Landmarks((math.nan, 0.0), *one.landmarks.points[1:]))


SPOILT = {
    "detecting leaves the picture as it was": blacken,
    "a picture may be read-only": scribble,
    "a picture is looked at without an error": raised(RuntimeError),
    "detections come as a list, not tuple": lambda found, *_: tuple(found),
    "a face is a Detection": each(lambda one, _: one.box),
    "numbers are plain ones, not float32": each(lambda one, _: replace(one, confidence=np.float32(one.confidence))),
    "numbers are finite": each(blank_points),
    # Width and height where right and bottom belong.
    "a box has an area": each(lambda one, _: replace(one, box=Box(*one.box.as_list()[:2], one.box.width, 1.0))),
    "a box is not far larger than the picture": each(lambda one, _: replace(one, box=one.box.scaled(90))),
    "a confidence is 0 to 1, not 98": each(lambda one, _: replace(one, confidence=98)),
    "a box touches the picture": lambda found, *_: [*found, *(replace(one, box=Box(-9, -9, -1, -1)) for one in found)],
    "detections come in order of falling confidence": lambda found, *_: found[::-1],
    "is found (best overlap 0.00)": lambda found, *_: found[:-1],
    "a face is found once: 2 times": lambda found, *_: [one for one in found for _ in range(2)],
    # The person's own left and right, as OpenCV calls them.
    "left and right are the viewer's": points_as(1, 0, 2, 4, 3),
    "the mouth of an upright face is below its eyes": points_as(3, 4, 2, 0, 1),
    "the nose is between eyes and mouth": each(nose_up),
    "landmarks are in the face": each(lambda one, _: replace(one, landmarks=one.landmarks.scaled(1 / one.box.width))),
    "a clear face has a confidence of 0.95 or more": each(lambda one, _: replace(one, confidence=0.9)),
    "a grey picture holds no face": dream,
    "a picture of 1 by 1 pixels holds no face": raised(ValueError, lambda image, scale: image.size < 9),
    # Boxes in pixels of the photo at full resolution.
    "boxes are in pixels of the picture": each(lambda one, scale: replace(one, box=one.box.scaled(1 / scale))),
    "a detector is told the scale of the picture": raised(TypeError, lambda image, scale: scale != 1),
}
"""What breaks a rule, by the rule."""


def caught(detector, **options):
    """What the contract says of a detector."""
    with pytest.raises(AssertionError) as error:
        check_detector(detector, PICTURE.copy(), BOXES, **options)
    return str(error.value)


@pytest.mark.parametrize("rule", SPOILT)
def test_every_rule_catches_who_breaks_it(rule):
    """A detector that breaks one rule fails with that rule."""
    assert rule in caught(Broken(rule))


@pytest.mark.parametrize(
    ("attribute", "value", "rule"),
    [
        ("name", "", "a detector has a name"),
        ("name", None, "a detector has a name"),
        ("settings", {"sizes": [1, 2]}, "settings are a dict of plain values"),
        ("settings", {"score": math.nan}, "settings are a dict of plain values"),
        ("settings", {1: "one"}, "settings are a dict of plain values"),
        ("settings", None, "settings are a dict of plain values"),
        ("side", lambda full: int(full) // 1000, "a side is a whole number of pixels from 1 up, not 0"),
        ("side", lambda full: full / 2, "a side is a whole number of pixels from 1 up, not 0.5"),
        ("network", lambda image: image, "a detector can be sent to worker processes: cannot be pickled"),
    ],
)
def test_what_a_detector_says_of_itself(attribute, value, rule):
    """Name, settings and size fit a recipe, and the detector other processes."""
    detector = FakeDetector()
    setattr(detector, attribute, value)
    assert rule in caught(detector)


class Forgets(FakeDetector):
    """Arrives in another process with other settings."""

    def __reduce__(self):
        return FakeDetector, (90,)


class Learns(FakeDetector):
    """Its settings change with what it sees."""

    def detect(self, image, *, scale=1.0):
        """Counts as well."""
        self.settings["seen"] = True
        return super().detect(image, scale=scale)


class LastSize(FakeDetector):
    """Looks at as much of a picture as the one before had, as does a network whose size is set too late."""

    last = PICTURE.shape

    def detect(self, image, *, scale=1.0):
        """What lies within the size of the picture before."""
        (height, width), self.last = self.last[:2], image.shape
        return super().detect(image[:height, :width], scale=scale)


def test_a_detector_stays_what_it_is():
    """Neither another process, nor what came before, nor looking at a picture makes it another one."""
    assert "in a worker process, a detector is the same" in caught(Forgets())
    assert "the same picture gives the same detections" in caught(LastSize())
    assert "name and settings stay as they were" in caught(Learns(), workers=False)


class Taller(FakeDetector):
    """Boxes that are taller by a number of pixels of which the settings say nothing."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def detect(self, image, *, scale=1.0):
        """Taller boxes."""
        faces = super().detect(image, scale=scale)
        return [replace(one, box=Box(*one.box.as_list()[:3], one.box.bottom + self.by)) for one in faces]


def test_what_changes_a_box_is_in_the_settings():
    """Two detectors that find other boxes under one name must have other settings."""
    check_detector(FakeDetector(), PICTURE, BOXES, others=[FakeDetector(90), FakeDetector()], workers=False)
    check_detector(Taller(0), PICTURE, BOXES, others=[Taller(0)], workers=False)
    assert "what changes a box is in the settings" in caught(Taller(0), others=[Taller(0), Taller(2)], workers=False)


def test_one_process_needs_no_workers():
    """A detector that stays in one process need not be fit for others."""
    detector = FakeDetector()
    detector.network = lambda image: image
    check_detector(detector, PICTURE, BOXES, workers=False)


@given(st.lists(st.floats(-90, 90) | st.floats(0, 1) | st.just(math.inf), min_size=15, max_size=15))
def test_what_has_no_flaw_can_be_cut_out(numbers):
    """Whatever passes has a confidence, and is cut out by every crop without an error."""
    points = Landmarks(*zip(numbers[4:14:2], numbers[5:14:2], strict=True))
    found = Detection(Box(*numbers[:4]), points, numbers[14])
    if flaw_of(found, 20, 10) is None:
        assert 0 <= found.confidence <= 1
        for settings in THOROUGH_CROPS:
            crop(np.zeros((10, 20, 3), np.uint8), [found.box], tilts=[points.tilt], size=8, settings=settings)
