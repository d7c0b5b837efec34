"""Errors: one message, one hint, one exit code; never a traceback."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["verify", "a"], "missing argument 'B'"),
        (["nonsense"], "no such command 'nonsense'"),
        (["who", "x", "--method", "magic"], "'magic' is not one of 'auto', 'knn', 'svm'"),
        (["verify", "a", "b", "--threshold", "5"], "invalid value for '--threshold'"),
        (["who", "x", "-k", "0"], "invalid value for '-k'"),
        (["stats", "--unheard-of"], "no such option: --unheard-of"),
    ],
)
def test_usage_errors_point_to_the_help(run, words, message):
    """Wrong use is exit code 2, one line that says what is wrong, and one that says where to read on."""
    shown = run(*words)
    assert (shown.code, shown.out) == (2, "")
    error, advice = shown.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert advice.startswith("hint: see: facesearch")
    assert advice.endswith("--help")


def test_options_before_the_command_are_explained(run):
    """Somebody who puts --gallery first is told where it goes."""
    shown = run("--gallery", "x", "stats")
    assert shown.code == 2
    assert "hint: options follow the command" in shown.err


def test_usage_errors_as_json(run):
    """With --json a usage error is a document too, and stderr is empty."""
    shown = run("verify", "a", "--json")
    assert (shown.code, shown.err) == (2, "")
    assert shown.document == {
        "error": {"kind": "usage", "message": "missing argument 'B'", "hint": "see: facesearch verify --help"}
    }


@pytest.mark.parametrize(
    "words", [["stats"], ["people"], ["cluster"], ["name", "1", "x"], ["who", "x"], ["search", "x"], ["enrol", "x"]]
)
def test_asking_makes_no_gallery(run, tmp_path, words):
    """A gallery that is not there is an error for whoever only asks, and is not made."""
    shown = run(*words)
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == f"error: no gallery '{tmp_path / 'own.gallery'}'\nhint: facesearch index PHOTOS makes one\n"
    assert not (tmp_path / "own.gallery").exists()
    document = run(*words, "--json").document
    assert document["error"]["kind"] == "not_found"
    assert document["error"]["hint"] == "facesearch index PHOTOS makes one"


def test_the_option_wins_over_the_environment(run, tmp_path):
    """--gallery is used instead of FACESEARCH_GALLERY."""
    assert str(tmp_path / "other") in run("stats", "--gallery", tmp_path / "other").err


def test_faults_of_ours_are_one_sentence(run, monkeypatch):
    """An unexpected exception is one line, however odd its text, with what to do about it; no traceback."""

    def broken(**options):
        raise ValueError("line\nbreak \x1b[31m")

    monkeypatch.setattr("facesearch.pipeline.make_front_end", broken)
    shown = run("verify", "a", "b")
    assert (shown.code, shown.out) == (2, "")
    error, advice = shown.err.splitlines()
    assert error == r"internal error: ValueError: line\nbreak \x1b[31m"
    assert "report" in advice
    assert "FACESEARCH_DEBUG=1" in advice
    document = run("verify", "a", "b", "--json").document
    assert document["error"]["kind"] == "internal"


def test_the_traceback_can_be_had(run, monkeypatch):
    """FACESEARCH_DEBUG=1 shows the traceback, of our own errors too."""
    monkeypatch.setenv("FACESEARCH_DEBUG", "1")
    shown = run("stats")
    assert "Traceback" in shown.err
    assert shown.err.rstrip().endswith("hint: facesearch index PHOTOS makes one")


def test_an_interruption_is_130(run, monkeypatch):
    """Ctrl-C in any command ends it with 130 and no traceback."""

    def interrupted(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr("facesearch.pipeline.make_front_end", interrupted)
    shown = run("verify", "a", "b")
    assert (shown.code, shown.out, shown.err) == (130, "", "interrupted\n")
    shown = run("verify", "a", "b", "--json")
    assert (shown.code, shown.document["error"]["kind"]) == (130, "interrupted")


def test_weights_that_are_not_there(run):
    """--weights with a wrong path is said before anything is done."""
    shown = run("verify", "a", "b", "--weights", "/nowhere.h5")
    assert shown.code == 2
    assert "error: --weights /nowhere.h5: no such file" in shown.err


def test_weights_are_handed_on(run, photo, tmp_path):
    """--weights reaches whatever makes the models, through the environment."""
    from facesearch.config import weights_override

    (tmp_path / "own.h5").write_bytes(b"")
    a = photo("a.png", "red")
    assert run("verify", a, a, "--weights", tmp_path / "own.h5").code == 0
    assert weights_override() == tmp_path / "own.h5"


def test_options_reach_the_models(run, photo, fake_models):
    """--engine, --max-megapixels and the like are what the front end is made with."""
    a = photo("a.png", "red")
    run("verify", a, a, "--engine", "reference", "--max-megapixels", "7")
    run("index", a, "--engine", "reference", "--max-megapixels", "8")
    run("index", a, "--min-face", "2%", "--thorough", "--device", "cpu")
    assert [made["engine"] for made in fake_models] == ["reference", "reference", "onnx"]
    assert [made["scope"].max_megapixels for made in fake_models[:2]] == [7, 8]
    scope = fake_models[2]["scope"]
    assert (scope.min_face, scope.thorough, scope.device) == (0.02, True, "cpu")
