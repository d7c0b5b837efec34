"""A progress bar on stderr while photos are indexed or parts of a face hidden, where somebody looks at it."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facesearch.cli.output import console, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress


class Bar:
    """Takes photos done, photos to do and a path; the bar appears with the first call that has something to do.

    ``unit`` is what is counted, where it is not photos. A bar that does not ``stay`` is gone when it is full.
    """

    def __init__(self, unit: str = "photos", *, stay: bool = True) -> None:
        self._unit = unit
        self._stay = stay
        self._bar: Progress | None = None
        self._started = 0.0

    @property
    def shown(self) -> bool:
        """Whether there was a bar to see."""
        return self._bar is not None

    def __call__(self, done: int, total: int, path: str) -> None:
        """Move the bar."""
        del path
        if self._bar is None or done == 0:
            self.close()
            self._bar = self._begin(total)
        if self._bar is not None:
            spent = time.monotonic() - self._started
            rate = f"{done / spent:.1f} {self._unit}/s" if done and spent > 0 else ""
            self._bar.update(self._bar.task_ids[0], completed=done, rate=rate)
            if done == total:
                # What is told next goes below it.
                self.close()

    def close(self) -> None:
        """Leave the bar as it is and give the terminal back."""
        if self._bar is not None:
            self._bar.stop()

    def _begin(self, total: int) -> Progress | None:
        if not total or not on_terminal(sys.stderr):
            return None
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn(f"  {{task.total:,.0f}} {self._unit}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=False, elapsed_when_finished=True),
            console=console(sys.stderr),
            transient=not self._stay,
        )
        bar.add_task("", total=total, rate="")
        bar.start()
        self._started = time.monotonic()
        return bar


@contextmanager
def bar(unit: str = "photos", *, stay: bool = True) -> Iterator[Bar]:
    """A bar for one run; for several runs in turn, one bar each."""
    shown = Bar(unit, stay=stay)
    try:
        yield shown
    finally:
        shown.close()
