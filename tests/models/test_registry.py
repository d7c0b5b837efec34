"""The registry: a model is one entry of data."""

import re

import pytest

from facesearch.errors import ModelError
from facesearch.identify.calibration import built_in
from facesearch.models.registry import DEFAULT_DETECTOR, DEFAULT_EMBEDDER, FACENET_SDIST, MODELS, model_info


@pytest.mark.parametrize("name", MODELS)
def test_every_entry_is_complete(name):
    """An entry says what a user must know before using a model, and what the program must check."""
    info = model_info(name)
    assert info.name == name
    assert all((info.title, info.licence, info.source, info.training_data, info.limits))
    assert info.assets
    for asset in info.assets:
        assert re.fullmatch("[0-9a-f]{64}", asset.sha256)
        assert asset.size > 0


def test_the_default_embedder_has_what_identification_needs():
    """The embedder has a dimension, and a calibration under its name."""
    info = model_info(DEFAULT_EMBEDDER)
    assert (info.kind, info.dim, info.input_size) == ("embedder", 128, 160)
    assert 0.9 < built_in(info.name).threshold(1e-3) < 1.1
    assert info.distribution == FACENET_SDIST


def test_the_default_detector_has_no_dimension():
    """A detector has no dimension, and no calibration."""
    info = model_info(DEFAULT_DETECTOR)
    assert (info.kind, info.dim) == ("detector", 0)
    with pytest.raises(ModelError, match="no calibration"):
        built_in(info.name)


def test_an_unknown_name_lists_the_known_ones():
    """Asking for a model that is not there says which ones are."""
    with pytest.raises(ModelError, match="model arcface: unknown") as caught:
        model_info("arcface")
    assert caught.value.hint == "known models: dlib-128, facenet+dlib, facenet-128, mtcnn"
