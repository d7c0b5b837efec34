"""Event files have each epoch once, whatever happened to the run."""

from __future__ import annotations

import resource

import pytest

from facesearch.errors import ConfigError
from facesearch.training.tensorboard import Events
from facesearch.training.trainer import Epoch

tf = pytest.importorskip("tensorflow")


def _epochs(count):
    return [
        Epoch(
            number=number,
            loss=None if number == 0 else 0.2 - number / 100,
            active=None if number == 0 else 0.5,
            spread=None if number == 0 else 1.5,
            auc=0.5 + number / 100,
            tar={0.01: number / 10, 0.001: number / 20},
            seconds=1.0,
            rate=None if number == 0 else 0.05,
        )
        for number in range(count)
    ]


def _read(folder):
    """Every figure of every event: (tag, epoch) and its value; a file may end in the middle of a record."""
    found = []
    for path in sorted(folder.iterdir()):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    assert value.metadata.plugin_data.plugin_name == "scalars"
                    found.append(((value.tag, event.step), float(tf.make_ndarray(value.tensor))))
        except tf.errors.DataLossError:
            continue
    return found


def test_all_figures(tmp_path):
    """Each epoch has its figures under their names; the untrained network has those of validation alone."""
    Events(tmp_path / "run").follow(_epochs(2))
    found = dict(_read(tmp_path / "run"))
    assert {tag for tag, number in found if number == 0} == {
        "validation/auc",
        "validation/tar_at_far_0.01",
        "validation/tar_at_far_0.001",
    }
    assert {tag for tag, number in found if number == 1 and tag.startswith("training")} == {
        "training/loss",
        "training/active_triplets",
        "training/spread",
        "training/learning_rate",
    }
    assert found["training/loss", 1] == pytest.approx(0.19)
    assert found["validation/tar_at_far_0.001", 1] == pytest.approx(0.05)


def test_a_run_that_goes_on(tmp_path):
    """It writes what is missing, after half a record too, and nothing twice."""
    first = Events(tmp_path)
    first.follow(_epochs(2))
    first.follow(_epochs(3))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    Events(tmp_path).follow(_epochs(5))
    Events(tmp_path).follow(_epochs(5))
    written = [number for (tag, number), _ in _read(tmp_path) if tag == "validation/auc"]
    assert sorted(written) == [0, 1, 2, 3, 4]


def test_another_run(tmp_path):
    """Events of epochs that the training has not come to are of another one, and make room."""
    Events(tmp_path).follow(_epochs(9))
    Events(tmp_path).follow(_epochs(1))
    assert {number for (_, number), _ in _read(tmp_path)} == {0}


def test_no_place_for_events(tmp_path):
    """A folder that cannot be made is said in one sentence, with the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write events into") as caught:
        Events(tmp_path / "file" / "tensorboard").follow(_epochs(1))
    assert "--tensorboard" in caught.value.hint


def test_a_full_disk(tmp_path):
    """Where TensorFlow cannot write any further, its reason is given in plain words."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises(ConfigError) as caught:
            Events(tmp_path).follow(_epochs(5))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.message == f"cannot write events into {tmp_path}: File too large"
