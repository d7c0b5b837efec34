"""Work in processes of their own: it goes out in chunks and comes back in order; a process that dies costs nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from facesearch.pipeline.process import NoRoomError, NotSendableError, Processes, no_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from facesearch.pipeline.process import Ask, Task

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 16
"""Items a worker is given at once, at most; fewer near the end, so that all workers finish together."""

CHUNKS_AHEAD = 4
"""Full chunks a worker that may be under way or waiting for an earlier result: what bounds memory."""

HOPELESS = 8
"""So many deaths before the first result are the fault of this machine, not of an item."""


@dataclass(slots=True, eq=False)
class _Slot(Generic[Item, Result]):
    """An item and, once it is ``done``, its result. A ``suspect`` was being worked on when a worker died."""

    item: Item
    result: Result | None = None
    done: bool = False
    suspect: bool = False

    def settle(self, result: Result) -> None:
        self.result = result
        self.done = True


class Worker(Protocol):
    """Somebody who does the task elsewhere, see ``process.Worker``; must be hashable."""

    def await_ready(self) -> None:
        """Wait until it has the task."""

    def send(self, message: object) -> bool:
        """Send a message; false where nobody is there to take it."""

    def receive(self) -> tuple[str, Any]:
        """The next message; EOFError or OSError where it died."""

    def kill(self) -> None:
        """End it, if it has not ended."""

    def ended(self) -> str:
        """How it ended."""


class Crew(Protocol):
    """Where workers come from."""

    def pack(self, task: Task) -> bytes:
        """Pickle the task for them; any error means that it cannot be."""

    def start(self, task: bytes) -> Any:  # noqa: ANN401 - a Worker of its own kind, which ``wait`` gets back
        """Start a worker."""

    def wait(self, workers: Collection[Any], timeout: float | None) -> list[Any]:
        """Those that have said something, once there is one; none after ``timeout`` seconds."""


class Workers(Generic[Item, Result]):
    """Worker processes that share one task; a context manager, which ends them at once.

    Workers ignore Ctrl-C, which is for the parent to handle, and end when the parent does, however it ends.

    Args:
        task: takes a chunk of items and a function that asks the parent a question, and gives a result for each item,
            in their order, as soon as it has it. It is pickled once, so it must be importable in another process.
        count: how many processes.
        answer: answers the questions, in this process.
        lost: the result of an item that killed the worker that had nothing else to do; takes the item and how the
            worker ended.
        crew: where they come from; processes on this machine by default.

    Raises:
        NotSendableError: the task cannot be pickled here, or not unpickled there.
        ConfigError: processes cannot be started.
    """

    def __init__(
        self,
        task: Task,
        count: int,
        *,
        answer: Ask,
        lost: Callable[[Item, str], Result],
        crew: Crew | None = None,
    ) -> None:
        self._crew: Crew = crew or Processes()
        try:
            self._task = self._crew.pack(task)
        except Exception as exc:
            raise NotSendableError(f"cannot be pickled: {exc}") from exc
        self._count = count
        self._answer = answer
        self._lost = lost
        # What was handed out and has not been yielded, in order; and what of it must be handed out again.
        self._order: deque[_Slot[Item, Result]] = deque()
        self._again: deque[_Slot[Item, Result]] = deque()
        self._deaths = 0
        self._proven = False
        self._workers: dict[Worker, deque[_Slot[Item, Result]]] = {}
        try:
            self._start(count)
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def run(self, items: Iterable[Item]) -> Generator[tuple[Item, Result]]:
        """Each item and its result, in the order of ``items``, which is read a bounded number ahead.

        Raises:
            FacesearchError: the task raised it.
            RuntimeError: the task raised anything else; its traceback is attached as a note.
            ConfigError: processes can no longer be started, or all of them die before the first result.
        """
        source = iter(items)
        ahead: deque[Item] = deque()
        while True:
            self._hand_out(ahead, source)
            if not self._order:
                return
            # With a result at hand, only look whether a worker needs something.
            self._listen(timeout=0 if self._order[0].done else None)
            if self._order[0].done:
                slot = self._order.popleft()
                yield slot.item, slot.result  # type: ignore[misc]

    def _start(self, count: int) -> None:
        """Start workers side by side, and wait until all are ready; make do with fewer where there is no room."""
        for _ in range(count):
            self._workers[self._crew.start(self._task)] = deque()
        for worker in [*self._workers][-count:]:
            try:
                worker.await_ready()
            except NoRoomError:
                del self._workers[worker]
                self._count -= 1
                if not self._workers:
                    raise

    def _stop(self) -> None:
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _hand_out(self, ahead: deque[Item], source: Iterator[Item]) -> None:
        """Give every worker that has nothing to do a chunk, as far as there is one; replace those that died."""
        while True:
            idle = next((worker for worker, slots in self._workers.items() if not slots), None)
            if idle is None and len(self._workers) == self._count:
                return
            slots = self._next_chunk(ahead, source)
            if not slots:
                return
            if idle is None:
                self._start(1)
                idle = [*self._workers][-1]
            if self._workers[idle]:
                # Nobody could be started: for the next one who has nothing to do.
                self._again.extendleft(reversed(slots))
                return
            self._workers[idle].extend(slots)
            if not idle.send([slot.item for slot in slots]):
                self._bury(idle)

    def _next_chunk(self, ahead: deque[Item], source: Iterator[Item]) -> list[_Slot[Item, Result]]:
        """What to do next, a suspect alone; empty where there is nothing, or too much is under way already."""
        if self._again:
            return [self._again.popleft()]
        room = self._count * CHUNK * CHUNKS_AHEAD - len(self._order)
        # Looking two full chunks a worker ahead tells when the end is near.
        ahead.extend(islice(source, 2 * self._count * CHUNK - len(ahead)))
        size = min(max(1, len(ahead) // (2 * self._count)), len(ahead), room)
        slots = [_Slot[Item, Result](ahead.popleft()) for _ in range(size)]
        self._order.extend(slots)
        return slots

    def _listen(self, timeout: float | None) -> None:
        """Take one message of every worker that has one."""
        for worker in self._crew.wait([*self._workers], timeout):
            try:
                kind, value = worker.receive()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            if kind == "error":
                raise value
            if kind == "result":
                self._workers[worker].popleft().settle(value)
                self._proven = True
            elif not worker.send(self._answer(value)):
                self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        """A worker died: its items are tried again one by one, and one that was tried like that is given up."""
        slots = self._workers.pop(worker)
        cause = worker.ended()
        self._deaths += 1
        if not self._proven and self._deaths >= HOPELESS:
            raise no_workers(f"they die before they give a result ({cause})")
        for slot in slots:
            if slot.suspect:
                slot.settle(self._lost(slot.item, cause))
            else:
                slot.suspect = True
                self._again.append(slot)
