"""Leaning heads are levelled before they are embedded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facesearch.images.align import DEFAULT_CROPS
from facesearch.pipeline import FrontEnd
from facesearch.types import Landmarks


@given(st.floats(-44, 44), st.sampled_from([0, 90, 180, 270]))
def test_tilt_is_what_quarter_turns_leave(tilt, turn):
    """A face turned by any angle is upright after its quarter turns and its tilt are taken back."""
    angle = np.radians(tilt + turn)
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = np.array([(-20, -15), (20, -15), (0, 5), (-15, 25), (15, 25)])
    marks = Landmarks(*(tuple(point) for point in upright @ rotate.T))
    assert marks.tilt == pytest.approx(tilt, abs=1e-6)
    assert marks.quarter_turns == (-turn // 90) % 4


def test_a_face_without_distance_between_the_eyes():
    """Eyes in one point lean nowhere."""
    assert Landmarks((5, 5), (5, 5), (5, 6), (4, 8), (6, 8)).tilt == 0


@pytest.mark.parametrize("degrees", [-28, 28])
def test_a_head_that_leans_stays_itself(front_end, val, tmp_path, degrees):
    """Levelling brings photos that were turned by 28 degrees nearer to themselves, within 0.5 in the mean."""
    plain = FrontEnd(
        front_end._detector, front_end._embedder, crops=[replace(one, level=180.0) for one in DEFAULT_CROPS]
    )
    levelled, leaning = [], []
    for path in val[::3]:
        picture = Image.open(path).convert("RGB")
        picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="grey").save(tmp_path / "turned.png")
        before, after = front_end.analyse(path), front_end.analyse(tmp_path / "turned.png")
        without = plain.analyse(tmp_path / "turned.png")
        if len(before.faces) == len(after.faces) == len(without.faces) == 1:
            levelled.append(np.square(before.vectors - after.vectors).sum())
            leaning.append(np.square(before.vectors - without.vectors).sum())
    assert len(levelled) >= 4
    assert np.mean(levelled) < 0.5
    assert np.mean(levelled) < 0.6 * np.mean(leaning)
