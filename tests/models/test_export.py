"""Exports appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from facesearch.errors import ModelError
from facesearch.models import export, fetch

from .test_pull import held


@pytest.mark.slow
def test_an_export_that_fails_leaves_no_file(cache, tmp_path, monkeypatch):
    """If the exporting process fails, its reason is told in one line and no model appears."""
    fetch.models_folder().mkdir(parents=True)
    (tmp_path / "a.h5").write_bytes(b"not HDF5")
    with pytest.raises(ModelError, match=r"the export to ONNX failed: .*does not hold the network") as caught:
        export._export_facenet(tmp_path / "a.h5")
    assert "\n" not in caught.value.message
    assert held(cache) == set()


def test_an_export_is_never_seen_half(cache, monkeypatch):
    """The exporting process writes beside the final name; only a finished file takes it."""
    fetch.models_folder().mkdir(parents=True)
    export.facenet_file().write_bytes(b"old")

    def exporter(command, **options):
        assert Path(command[-1]) != export.facenet_file()
        Path(command[-1]).write_bytes(b"half")
        assert export.facenet_file().read_bytes() == b"old"
        return SimpleNamespace(returncode=returncode, stderr="Killed")

    monkeypatch.setattr(export.subprocess, "run", exporter)
    returncode = -9
    with pytest.raises(ModelError, match="Killed"):
        export._export_facenet(Path("weights.h5"))
    assert export.facenet_file().read_bytes() == b"old"
    returncode = 0
    export._export_facenet(Path("weights.h5"))
    assert export.facenet_file().read_bytes() == b"half"
    assert held(cache) == {f"models/{export.facenet_file().name}"}


def test_the_detector_alone_needs_no_download(cache, fake):
    """Making the detector takes the installed package's weights and reaches for no network."""
    networks = export.mtcnn_networks(threads=1, tell=lambda _: None)
    assert sorted(networks) == ["onet", "pnet", "rnet"]
    assert fake == []


def test_no_scale_stands_between_a_convolution_and_its_sum(models):
    """The residual scales are inside the convolutions, so that ONNX Runtime runs convolution, sum and ReLU as one."""
    import onnx

    graph = onnx.load(export.facenet_file()).graph
    convolutions = {node.output[0] for node in graph.node if node.op_type == "Conv"}
    assert len(convolutions) > 100
    assert not [node for node in graph.node if node.op_type == "Mul" and convolutions & set(node.input)]
