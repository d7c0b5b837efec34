"""``train embedder``: from photos to a model, and what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def album(samples, tmp_path):
    """Twelve people out of the five of the sample, each with photos of one of them, some mirrored."""
    folder = tmp_path / "people"
    photos = {
        person.name: sorted(person.glob("*.jpg"))[:6]
        for person in sorted((samples / "train").iterdir())
        if person.is_dir()
    }
    for copy in range(3):
        for name, some in photos.items():
            (folder / f"{name}-{copy}").mkdir(parents=True)
            for path in some[2 * copy : 2 * copy + 2]:
                shutil.copy(path, folder / f"{name}-{copy}")
    return folder


def test_a_network_of_ones_own(run, album, tmp_path):
    """The command gives a model, a curve and figures, and going on with it does nothing anew."""
    asked = ("train", "embedder", album, "--output", tmp_path / "model", "--network", "small", "--epochs", "1")
    asked = (*asked, "--validation", "0.7", "--faces", "8", "--faces-a-person", "2", "--json")
    shown = run(*asked)
    assert shown.code == 0, shown.err
    told = shown.document
    assert [epoch["number"] for epoch in told["epochs"]] == [0, 1]
    assert told["faces"] + told["validation"]["faces"] + told["unused"] == 30
    assert told["people"] + told["validation"]["people"] == 15
    assert set(told["epochs"][0]["tar"]) == {"0.01", "0.001"}
    for name in ("model.onnx", "model.keras", "training.json", "checkpoint.npz"):
        assert (tmp_path / "model" / name).stat().st_size > 0
    assert np.asarray(Image.open(told["curve"])).std() > 0
    assert "epoch   1" in shown.err
    again = run(*asked)
    assert again.document["epochs"] == told["epochs"]
    assert "epoch   1" not in again.err
    text = run(*(word for word in asked if word != "--json"))
    assert "AUC" in text.out
    assert f"models add {tmp_path / 'model' / 'model.onnx'}" in text.err.replace("\n", "")
    other = run(*asked, "--margin", "0.3")
    assert other.code == 2
    assert "another training" in other.document["error"]["message"]


def test_a_handful_of_people(run, samples, tmp_path):
    """Five people are too few to keep some of them back."""
    shown = run("train", "embedder", samples / "val", "--output", tmp_path / "o", "--network", "small")
    assert (shown.code, shown.out) == (2, "")
    assert "5 people are too few" in shown.err


def test_no_folder(run, samples, tmp_path):
    """A folder that is not there is named."""
    shown = run("train", "embedder", tmp_path / "none", "--output", tmp_path / "o")
    assert shown.code == 2
    assert "none is not a folder" in shown.err
