"""Recipes: what makes an embedding, and how an older one is made again."""

from __future__ import annotations

import numpy as np
import pytest

from facesearch.errors import ConfigError
from facesearch.images.align import DEFAULT_CROPS, THOROUGH_CROPS, CropSettings
from facesearch.models.registry import DEFAULT_EMBEDDER, model_info
from facesearch.pipeline import FrontEnd, Scope, front_end_for, make_front_end
from facesearch.pipeline.recipes import _read
from facesearch.testing import FakeDetector, FakeEmbedder
from facesearch.types import Recipe


def first_recipe(**changed):
    """A recipe as version 0.1 wrote it, with one stretched crop."""
    settings = {
        "revision": 1,
        "detector": "mtcnn",
        "detector_max_side": 1280,
        "embedder_weights": model_info(DEFAULT_EMBEDDER).assets[0].sha256,
        "embedder_precision": "fp32",
        "embedder_mirror": False,
        "embedder_standardization": "per-image",
        "crop_scale": 1.0,
        "crop_square": False,
        "crop_margin": 12.0,
        "crop_resample": "bilinear",
        "crop_edge": "replicate",
        **changed,
    }
    return Recipe(DEFAULT_EMBEDDER, 128, tuple(sorted(settings.items())))


def test_an_embedding_is_the_unit_mean_of_its_crops(front_end, embedder, val):
    """The vectors of a face's crops are added and brought to length 1."""
    crops = [CropSettings(margin=14), CropSettings(square=True, scale=1.1, margin=0, mirror=True)]
    several = FrontEnd(front_end._detector, embedder, crops=crops).analyse(val[0])
    singles = [FrontEnd(front_end._detector, embedder, crops=[one]).analyse(val[0]) for one in crops]
    total = sum(one.vectors for one in singles)
    np.testing.assert_allclose(several.vectors, total / np.linalg.norm(total, axis=1, keepdims=True), atol=1e-6)
    assert np.array_equal(several.crops, singles[0].crops)


def test_an_older_recipe_is_made_again(front_end, embedder, val):
    """A gallery of the first version is answered by vectors of its own crop, under its own recipe."""
    told = []
    old = front_end_for(first_recipe(), tell=told.append)
    assert old.recipe == first_recipe()
    own = FrontEnd(front_end._detector, embedder, crops=[CropSettings(margin=12.0)])
    np.testing.assert_allclose(old.analyse(val[0]).vectors, own.analyse(val[0]).vectors, atol=1e-6)
    assert len(told) == 1
    assert "facesearch reindex" in told[0]


def test_the_mirror_of_the_first_version_is_a_second_crop():
    """What the embedder once averaged by itself is two crops now."""
    assert _read(first_recipe(embedder_mirror=True))[2] == (
        CropSettings(margin=12.0),
        CropSettings(margin=12.0, mirror=True),
    )


@pytest.mark.parametrize("thorough", [False, True])
def test_this_versions_recipes_are_read_back(models, thorough):
    """A recipe says everything that is needed to make it again, and nothing is told about a present one."""
    made = make_front_end(scope=Scope(thorough=thorough))
    told = []
    again = front_end_for(made.recipe, tell=told.append)
    assert again.recipe == made.recipe
    assert again.own_recipe() == made.recipe
    assert _read(made.recipe)[2] == (THOROUGH_CROPS if thorough else DEFAULT_CROPS)
    assert told == []


@pytest.mark.parametrize(
    "changed",
    [
        {"revision": 99},
        {"revision": "new"},
        {"embedder_weights": "0" * 64},
        {"crop_shape": "round"},
        {"embedder_precision": "bf16"},
        {"embedder_standardization": "fixed"},
        {"detector_threshold_p": 0.5},
        {"revision": 2},
    ],
)
def test_an_unknown_recipe_is_an_error_that_says_what_to_do(models, changed):
    """What this version cannot make again is refused, never made in another way."""
    with pytest.raises(ConfigError, match="does not know") as caught:
        front_end_for(first_recipe(**changed))
    assert "reindex" in caught.value.hint


def test_what_is_looked_for_is_not_in_the_recipe(models):
    """A gallery may be searched for smaller faces without another recipe."""
    small = make_front_end(scope=Scope(min_face=0.01))
    assert small.recipe == make_front_end().recipe


def test_fakes_have_recipes_of_their_own():
    """A front end of other parts is not taken for one of ours."""
    with pytest.raises(ConfigError, match="does not know"):
        front_end_for(FrontEnd(FakeDetector(), FakeEmbedder()).recipe)
