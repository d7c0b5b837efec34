"""Synthetic pictures: nothing here needs a photo of anybody."""

import numpy as np
import pytest
from PIL import Image, ImageDraw


def scene(width=96, height=64, seed=3):
    """An RGB picture without any symmetry, so that a wrong rotation or flip cannot go unnoticed."""
    noise = np.random.default_rng(seed).integers(0, 40, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2, height // 4), (220, 40, 40))
    draw.rectangle((width // 2, height // 2, width - 1, height - 1), (40, 60, 220))
    draw.ellipse((4, height // 2, width // 4, height - 4), (240, 240, 90))
    return image


@pytest.fixture
def picture():
    """A small RGB picture."""
    return scene()
