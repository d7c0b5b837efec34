"""Training: the same numbers from the same seed, also after a kill, and an end where there is nothing to gain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .driver import run

DRIVER = Path(__file__).with_name("driver.py")


def _start(folder: Path, *options: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    return subprocess.Popen([sys.executable, DRIVER, folder, *options], stdout=subprocess.PIPE, env=environment)


def _result(process: subprocess.Popen) -> dict:
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def test_seed_and_resume(tmp_path):
    """Another process gives the same weights and curve from the same seed, also where it was killed and went on."""
    wanted = _result(_start(tmp_path / "first"))
    assert [epoch["number"] for epoch in wanted["epochs"]] == [0, 1, 2, 3]
    killed = _start(tmp_path / "killed", "--wait-in", "2")
    for line in killed.stdout:
        if line.strip() == b"waiting":
            break
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert _result(_start(tmp_path / "killed")) == wanted


def test_another_training_is_refused(tmp_path):
    """A folder that holds the state of other settings is not gone on with."""
    from facesearch.errors import ConfigError
    from facesearch.training.checkpoint import Checkpoints
    from facesearch.training.watch import Watch

    Checkpoints(tmp_path, "one").save(_Nothing, _Nothing, [], steps=0, watch=Watch(), best=True)
    with pytest.raises(ConfigError, match="another training"):
        Checkpoints(tmp_path, "other").load(_Nothing, _Nothing)
    whole = (tmp_path / "checkpoint.npz").read_bytes()
    for torn in (b"torn", whole[: len(whole) // 2], b""):
        (tmp_path / "checkpoint.npz").write_bytes(torn)
        with pytest.raises(ConfigError, match="damaged"):
            Checkpoints(tmp_path, "one").load(_Nothing, _Nothing)
    (tmp_path / "best.npz").unlink()
    with pytest.raises(ConfigError, match="missing"):
        Checkpoints(tmp_path, "one").take_best(_Nothing)
    with pytest.raises(ConfigError, match="cannot make the folder"):
        Checkpoints(tmp_path / "checkpoint.npz" / "below", "one")


class _Nothing:
    variables: tuple = ()


def test_it_learns(tmp_path):
    """People with patterns of their own in noise are told apart better after training, people it has not seen too."""
    epochs = run(tmp_path / "run", "--epochs", "8", "--noise", "90")["epochs"]
    assert max(epoch["auc"] for epoch in epochs[1:]) > epochs[0]["auc"] + 0.05


def test_collapse_is_noticed(tmp_path):
    """A learning rate that throws all embeddings together ends the run with advice."""
    ended = run(tmp_path / "run", "--epochs", "40", "--mining", "batch-hard", "--rate", "30")
    assert ended["stopped"] is not None
    assert "--learning-rate" in ended["stopped"]
    assert np.isfinite([epoch["auc"] for epoch in ended["epochs"]]).all()


def test_divergence_is_noticed(tmp_path):
    """A learning rate that makes the weights infinite ends the run with advice and the weights of before."""
    ended = run(tmp_path / "run", "--epochs", "5", "--rate", "1e30")
    assert "no numbers" in ended["stopped"]
    assert [epoch["number"] for epoch in ended["epochs"]] == [0]


def test_a_stop_is_kept(tmp_path):
    """A run that stopped for want of patience stops again at once, with the same curve and weights."""
    asked = ("--epochs", "30", "--patience", "1", "--rate", "1e-9")
    ended = run(tmp_path / "run", *asked)
    assert "no epoch of the last 1 was better" in ended["stopped"]
    assert run(tmp_path / "run", *asked) == ended
