"""``bench``: what it prints of what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesearch.bench import Arithmetic, Embedding, Product, Stages, Throughput

PRODUCTS = (Product("NumPy", 80.0, (2048, 2048, 2048)), Product("ONNX Runtime", 75.0, (1024, 256, 4096)))
MS = {"decode": 2.0, "detect": 14.0, "crop": 1.0, "embed": 30.0, "store": 3.0}


@pytest.fixture
def measured(monkeypatch):
    """``measured("fp32", "int8")``: what ``bench stages`` finds; returns the arguments it was measured with."""

    def make(*precisions: str) -> list[dict]:
        asked = []
        speeds = {"fp32": 40.0, "int8": 8.0}
        limit = Arithmetic(
            2_833_948_352, 16, PRODUCTS, tuple(Embedding(name, speeds[name]) for name in precisions or ("fp32",))
        )
        throughput = (Throughput(1, 20.0, 22.0, 310_000_000), Throughput(2, 36.0, 40.0, 1_410_000_000))
        result = Stages(118, 127, 3, precisions[-1] if precisions else "fp32", MS, throughput, limit)

        def bench_stages(photos=None, **options):
            asked.append({"photos": photos, **options})
            options["tell"]("run 1 of 3: stage by stage")
            options["progress"](0, 118, "")
            return result

        monkeypatch.setattr("facesearch.bench.bench_stages", bench_stages)
        return asked

    return make


def test_stages_are_a_table(run, measured):
    """Each stage has its milliseconds and its share; jobs have photos and faces a second, and memory."""
    measured()
    shown = run("bench", "stages")
    assert shown.code == 0
    lines = [line.split() for line in shown.out.splitlines()]
    assert ["detect", "14.0", "28%"] in lines
    assert ["all", "50.0"] in lines
    assert ["1", "20.0", "22.0", "310", "MB"] in lines
    assert ["2", "36.0", "40.0", "1,410", "MB"] in lines
    assert "118 photos, 127 faces" in shown.out
    assert shown.err == "run 1 of 3: stage by stage\n"


def test_the_embedder_is_beside_the_best_product(run, measured):
    """The embedder's GFLOP/s stand beside those of products, with its share of the best one."""
    measured()
    out = run("bench", "stages").out
    assert "2.83 GFLOP a face" in out
    assert "2048×2048×2048" in out
    assert "70.8" in out
    assert "the embedder reaches 89% of the best product" in out
    assert "int8 is not used" in out


def test_int8_is_shown_where_it_was_measured(run, measured):
    """Where the processor is good at 8 bits, the speed of int8 beside float32 is told."""
    measured("fp32", "int8")
    out = run("bench", "stages").out
    assert "int8: 8.0 ms a face, 5.0 times as fast as float32" in out
    assert "embed (int8)" in out
    assert "not used" not in out


def test_stages_speak_json(run, measured):
    """``--json`` gives all that was measured, and nothing else on stdout."""
    measured("fp32", "int8")
    document = run("bench", "stages", "--json").document
    assert document["cpu_ms_per_photo"] == MS
    assert document["throughput"][1] == {
        "jobs": 2,
        "photos_per_second": 36.0,
        "faces_per_second": 40.0,
        "peak_bytes": 1_410_000_000,
    }
    assert document["embeddings"] == [
        {"precision": "fp32", "ms_per_face": 40.0},
        {"precision": "int8", "ms_per_face": 8.0},
    ]
    assert document["flop_per_face"] == 2_833_948_352
    assert document["share_of_best_product"] == pytest.approx(0.8856, abs=1e-4)


def test_options_reach_the_measurement(run, measured, tmp_path):
    """Photos, jobs and runs are those that were said; without, the sample photos and a job a core."""
    asked = measured()
    assert run("bench", "stages", "--photos", tmp_path, "--jobs", "4", "--runs", "5").code == 0
    assert run("bench", "stages").code == 0
    assert [(one["photos"], one["jobs"], one["runs"]) for one in asked] == [(Path(tmp_path), 4, 5), (None, None, 3)]


def test_a_folder_without_photos_is_one_clear_error(run, tmp_path):
    """A folder without photos is an error of two lines, before anything is measured."""
    shown = run("bench", "stages", "--photos", tmp_path)
    assert (shown.code, shown.out) == (2, "")
    assert "no photos there" in shown.err
    assert len(shown.err.splitlines()) == 2


@pytest.mark.slow
def test_grouping_many_faces(run):
    """Time, memory and how right the groups are, of as many synthetic faces as were asked for."""
    document = run("bench", "cluster", "--faces", "1500", "--json").document
    assert document["scores"]["faces"] == 1500
    assert 0.9 < document["scores"]["bcubed"]["f"] < 1
    assert document["seconds"] > 0
    assert document["peak_bytes"] > 1e7
    shown = run("bench", "cluster", "--faces", "300")
    assert shown.out.startswith("  300 faces of ")
