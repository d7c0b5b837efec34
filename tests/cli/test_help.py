"""Help: every command teaches."""

from __future__ import annotations

import pytest
import typer.main

from facesearch.cli.app import app

GROUP = typer.main.get_command(app)
GROUPS = {name: command.commands for name, command in GROUP.commands.items() if hasattr(command, "commands")}
COMMANDS = [(name,) for name in GROUP.commands] + [(group, name) for group in GROUPS for name in GROUPS[group]]
ONLY_GROUPS = [("bench",), ("evaluate",), ("export",), ("train",), ("journal",)]
"""Commands that do nothing of their own."""


def options(*path: str) -> set[str]:
    """The long options of a command."""
    command = GROUP
    for name in path:
        command = command.commands[name]
    return {option for param in command.params for option in param.opts}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(run, path):
    """``--help`` of a command says what it does and shows it being used, line by line."""
    shown = run(*path, "--help")
    assert shown.code == 0
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert any(line.startswith(f"    facesearch {' '.join(path)}") for line in lines)
    assert "Example" in shown.out
    assert "\b" not in shown.out
    assert "\x1b" not in shown.out


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained(path):
    """Each option and argument of a command has a help text."""
    command = GROUP
    for name in path:
        command = command.commands[name]
    assert [param.name for param in command.params if not getattr(param, "help", "")] == []


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in ONLY_GROUPS], ids=" ".join)
def test_every_command_speaks_json(path):
    """``--json`` is an option of every command."""
    assert "--json" in options(*path)


def test_options_are_where_they_make_sense():
    """Galleries, weights and engines can be chosen wherever they are used."""
    of_galleries = {
        "verify",
        "index",
        "enrol",
        "who",
        "why",
        "search",
        "find",
        "cluster",
        "name",
        "people",
        "person",
        "stats",
        "reindex",
        "mark",
        "calibrate",
        "report",
        "review",
        "import",
        *("rename", "merge", "split", "reject", "not-a-face", "ignore", "log", "undo", "redo", "forget"),
    }
    assert {name for (name, *rest) in COMMANDS if not rest and "--gallery" in options(name)} == of_galleries
    analysing = {"index", "enrol", "who", "verify", "why", "search", "cluster", "people", "reindex", "review"}
    assert {name for (name, *rest) in COMMANDS if not rest and "--engine" in options(name)} == analysing
    assert {name for (name, *rest) in COMMANDS if not rest and "--weights" in options(name)} == {*analysing, "demo"}
    assert "--weights" in options("models", "pull")


def test_alone_it_shows_its_help(run):
    """``facesearch`` alone shows what there is, and that is no error."""
    shown = run()
    assert (shown.code, shown.out) == (0, run("--help").out)
    assert all(f"  {name} " in shown.out for (name, *rest) in COMMANDS if not rest)


def test_a_group_alone_shows_its_help(run):
    """A group that does nothing of its own shows what there is in it."""
    shown = run("bench")
    assert (shown.code, shown.out, shown.err) == (0, run("bench", "--help").out, "")


def test_short_help(run):
    """``-h`` is ``--help``."""
    assert run("who", "-h") == run("who", "--help")
