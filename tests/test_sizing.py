"""The sizing table of the README: it is what ``benchmarks/sizing.py`` makes of the kept measurements."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
BEGIN, END = "<!-- python benchmarks/sizing.py -->\n\n", "\n<!-- end -->\n"


@pytest.fixture
def laws(monkeypatch):
    """The module of laws, as the script sees it."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "laws", raising=False)
    yield importlib.import_module("laws")
    sys.modules.pop("laws", None)


@pytest.fixture
def measured(laws):
    """The kept measurements."""
    return laws.Measured(BENCHMARKS / "measured.json")


def printed(*options: str) -> str:
    """What the script prints."""
    command = [sys.executable, str(BENCHMARKS / "sizing.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def cells(text: str) -> list[list[str]]:
    """The rows of the first table in a text, without its head."""
    lines = text.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_readme_holds_the_very_tables_that_the_script_prints():
    """No figure of the section was typed by hand."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    held = readme[readme.index(BEGIN) + len(BEGIN) : readme.index(END)]
    assert held == printed()


def test_writing_replaces_the_tables_and_nothing_else(tmp_path):
    """``--write`` puts the tables between the marks; what stands around them stays."""
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n\n{BEGIN}old\n{END}\nbelow\n", encoding="utf-8")
    assert printed("--write", str(readme)) == ""
    assert readme.read_text(encoding="utf-8") == f"above\n\n{BEGIN}{printed()}{END}\nbelow\n"


@pytest.mark.parametrize("kind", ["flat", "compressed", "inverted"])
def test_more_faces_never_cost_less(laws, measured, kind):
    """Bytes and times of each kind grow with the faces, from few to a billion, and are never negative."""
    costs = measured.kind(kind)
    for law in (costs.memory, costs.file, costs.build, costs.ask, costs.batch):
        said = [law(10**power) for power in range(3, 10)]
        assert said[0] >= 0
        assert said == sorted(said)
        assert said[-1] > said[0]


@pytest.mark.parametrize("kind", ["flat", "compressed", "inverted"])
def test_laws_give_back_what_they_were_made_from(laws, measured, kind):
    """At a million faces a law says what was measured there."""
    figures = measured.figures(f"{'compressed' if kind == 'flat' else kind}-1m", kind)
    costs = measured.kind(kind)
    for what, value in figures.items():
        assert getattr(costs, what)(laws.LARGE) == pytest.approx(value, rel=1e-9)


def test_a_law_finds_the_growth_that_points_were_made_with(laws):
    """A fixed part, one that grows with n and one with n·√n come out as they went in."""
    grown = laws.line({n: 7 + 3 * n for n in (laws.SMALL, laws.LARGE)})
    assert (grown.fixed, grown.each) == (pytest.approx(7), pytest.approx(3))
    filed = laws.lists({n: 3 * n + 0.01 * n * n**0.5 for n in (laws.SMALL, laws.LARGE)})
    assert (filed.each, filed.root) == (pytest.approx(3), pytest.approx(0.01))


def test_points_that_noise_turned_round_still_make_a_law_that_grows(laws):
    """Where the smaller measurement cost more than it should, nothing shrinks with the faces."""
    points = {laws.SMALL: 5e6, laws.LARGE: 4e6}
    for fit in (laws.line, laws.lists, laws.proportional):
        law = fit(points)
        assert 0 <= law(1000) < law(10**9)


def test_larger_machines_are_fewer_and_a_price_makes_money():
    """A billion faces need several small machines or one large one; money is hours times price."""
    small, large = cells(printed("--memory", "32", "--disk", "1")), cells(printed("--memory", "4096", "--disk", "100"))
    assert int(small[-1][5]) > 1
    assert int(large[-1][5]) == 1
    priced = cells(printed("--price", "2"))
    assert all(float(row[-1]) == 2 * int(row[5]) for row in priced)


def test_what_was_not_measured_is_marked():
    """Every size beyond the largest measurement carries a mark; a million is measured."""
    marked = [row[0] for row in cells(printed()) if "*" in row[0]]
    assert marked == [f"{n:,} \\*" for n in (10_000_000, 100_000_000, 1_000_000_000)]
