"""Printing: colour on terminals only, odd names everywhere."""

from __future__ import annotations

import sys

import pytest

from facesearch.cli import output
from facesearch.cli.output import one_in
from facesearch.cli.places import short
from facesearch.cli.progress import bar


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Zoë 花子 🎈", "Zoë 花子 🎈"),
        ("narrow\u202fspace", "narrow\u202fspace"),
        ("two\nlines\tand\rmore", r"two\nlines\tand\rmore"),
        ("\x1b[31mred\x7f\x9b", r"\x1b[31mred\x7f\x9b"),
        ("\udcff\udce9.jpg", r"\xff\xe9.jpg"),
        ("evil\u202egpj.exe", r"evil\u202egpj.exe"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
        ("\ud800", r"\ud800"),
    ],
)
def test_whatever_garbles_a_terminal_is_escaped(text, shown):
    """Control characters, undecodable bytes and reversals of direction are shown, not obeyed."""
    assert output.clean(text) == shown


def test_columns_stand_below_each_other(capsys):
    """Cells are padded by how wide they look, right-aligned where asked; empty columns are left out."""
    output.columns([("a", "", "1,204", "x"), ("花子", "", "7", "yy"), ("e\u0301", "", "", "")], right={2})
    assert capsys.readouterr().out == "  a     1,204  x\n  花子      7  yy\n  e\u0301\n"


def test_nothing_to_print_in_columns(capsys):
    """No rows print nothing."""
    output.columns([])
    assert capsys.readouterr().out == ""


def test_a_pipe_gets_no_colour(capsys):
    """What is not a terminal gets plain text: no escapes, no rules."""
    output.table(["name", "faces"], [(("Ada", "bold red"), "2")], right={1})
    output.say(("x", "bold"))
    output.warn("odd")
    shown = capsys.readouterr()
    assert shown.out == "  name  faces\n  Ada       2\n  x\n"
    assert shown.err == "warning: odd\n"


def test_a_terminal_gets_colour_and_literal_names(terminal):
    """A terminal gets styles and a rule, and what looks like rich's markup stays as it is."""
    out, _ = terminal()
    output.table(["name", "faces"], [(("[red]Ada[/red]", "bold"), ":tada:")])
    shown = out.getvalue()
    assert "\x1b[1m" in shown
    assert "─────" in shown
    assert "[red]Ada[/red]" in shown
    assert ":tada:" in shown


def test_no_color_is_honoured(terminal, monkeypatch):
    """NO_COLOR takes the colours away."""
    monkeypatch.setenv("NO_COLOR", "1")
    out, _ = terminal()
    output.say(("unknown", "red"))
    assert out.getvalue() == "  unknown\n"


def test_a_dumb_terminal_is_like_a_pipe(terminal, monkeypatch):
    """TERM=dumb means no escapes at all."""
    monkeypatch.setenv("TERM", "dumb")
    out, _ = terminal()
    output.say(("unknown", "red"))
    assert out.getvalue() == "  unknown\n"


def test_a_long_line_is_left_to_the_terminal(terminal):
    """Long paths are not broken, so that they can be copied."""
    out, _ = terminal()
    output.say(("x" * 300, "red"))
    assert "x" * 300 in out.getvalue()


def test_errors_come_after_the_results_before_them(monkeypatch):
    """Results are written out before a message about them is, for files that take both."""
    flushed = []

    class Stdout:
        def flush(self):
            flushed.append(True)

    monkeypatch.setattr(sys, "stdout", Stdout())
    output.complain("error: x")
    assert flushed


def test_the_bar_shows_itself_on_terminals_only(monkeypatch, capsys):
    """Without a terminal there is no bar."""
    with bar() as shown:
        shown(0, 2, "")
        shown(1, 2, "a")
    assert not shown.shown
    assert capsys.readouterr().err == ""


def test_the_bar_counts(terminal):
    """On a terminal the bar says how many photos, how fast and how long; a run with nothing to do shows none."""
    _, err = terminal()
    with bar() as shown:
        shown(0, 0, "")
        assert not shown.shown
        shown(0, 1204, "")
        shown(602, 1204, "a")
        shown(1204, 1204, "[bold]b")
    assert "1,204 photos" in err.getvalue()
    assert "100 %" in err.getvalue()
    assert "photos/s" in err.getvalue()


def test_paths_are_short_where_that_is_clear(tmp_path, monkeypatch):
    """Paths below the folder asked for, or the working directory, are relative; others stay whole."""
    monkeypatch.chdir(tmp_path)
    assert short(tmp_path / "a" / "b.jpg", [tmp_path / "a"]) == "b.jpg"
    assert short(tmp_path / "a" / "b.jpg") == "a/b.jpg"
    assert short("/elsewhere/b.jpg") == "/elsewhere/b.jpg"
    assert short("(the file is gone)") == "(the file is gone)"


@pytest.mark.parametrize(
    ("far", "words"),
    [
        (5.1e-5, "about 1 in 20,000"),
        (1e-3, "about 1 in 1,000"),
        (0.3, "about 1 in 3"),
        (0.9, "most"),
        (1e-5, "fewer than 1 in 100,000"),
        (1e-9, "fewer than 1 in 100,000"),
    ],
)
def test_a_rate_in_words(far, words):
    """A rate is said as one in so many, to one digit; below what can be told, as fewer than that."""
    assert one_in(max(far, 1e-5), 1e-5) == words
