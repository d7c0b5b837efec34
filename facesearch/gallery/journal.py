"""What was decided, in words; taking it back; and carrying it to another gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.errors import ConfigError, NotFoundError
from facesearch.gallery.wording import names_in, wording

if TYPE_CHECKING:
    from facesearch.store.store import Store
    from facesearch.store.values import Action

SHORT = 8
"""Digits of an action's id that are shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One action of the journal: its id, when it was (ISO 8601, UTC), in words, and how many events it has.

    ``undone`` says that it was taken back, ``final`` that it cannot be, as something was forgotten since.
    """

    id: str
    at: str
    what: str
    events: int
    undone: bool
    final: bool


def log(store: Store) -> list[Entry]:
    """Everything that was decided, the latest first."""
    return list(_told(store).values())


def undo(store: Store, which: int | str = 1) -> list[Entry]:
    """Take back the last actions, or one; each is recorded, nothing is rewritten.

    Args:
        store: of the gallery.
        which: how many, or the beginning of the id of one action.

    Returns:
        The actions that were taken back, in that order; fewer where there are no more.

    Raises:
        NotFoundError: there is no such action.
        ConfigError: something was decided since that builds on it, or forgotten.
    """
    with store.writing():
        actions = store.actions()
        if isinstance(which, str):
            chosen = [_find(actions, which)]
        else:
            undone, barrier = set(_undone(actions)), _barrier(actions)
            open_ones = [one for one in actions if one.id not in undone and one.seq > barrier and not _turns(one)]
            chosen = open_ones[::-1][:which]
        for action in chosen:
            store.undo(action.id)
    return _entries(store, chosen)


def redo(store: Store, which: int | str = 1) -> list[Entry]:
    """Repeat actions that were taken back: the last ones since anything else was decided, or one; see ``undo``.

    Raises:
        NotFoundError: there is no such action.
        ConfigError: something was decided since that is in its way, or forgotten.
    """
    with store.writing():
        actions = store.actions()
        if isinstance(which, str):
            chosen = [_find(actions, which)]
        else:
            last = max((one.seq for one in actions if not _turns(one)), default=0)
            known = {action.id: action for action in actions}
            turned = [one for one in _undone([one for one in actions if one.seq > last]) if one in known]
            chosen = [known[one] for one in turned[::-1][:which]]
        for action in chosen:
            store.redo(action.id)
    return _entries(store, chosen)


def _entries(store: Store, chosen: list[Action]) -> list[Entry]:
    told = _told(store)
    return [told[action.id] for action in chosen]


def _told(store: Store) -> dict[str, Entry]:
    """What was decided by the whole id of each action, which alone is sure to be its own; the latest first."""
    with store.reading():
        actions, people = store.actions(), store.names()
    undone = set(_undone(actions))
    barrier = _barrier(actions)
    names = names_in(actions) | people
    known = {action.id: action for action in actions}
    return {
        action.id: Entry(
            action.id[:SHORT],
            action.at,
            wording(action, names, known),
            sum(deed.count for deed in action.deeds),
            action.id in undone,
            action.seq <= barrier,
        )
        for action in reversed(actions)
    }


def _undone(actions: list[Action]) -> list[str]:
    """The ids of actions that are taken back, in the order in which they were."""
    found: dict[str, None] = {}
    for action in actions:
        for deed in action.deeds:
            of = str(deed.payload.get("of"))
            if deed.op == "undo":
                found[of] = None
            elif deed.op == "redo":
                found.pop(of, None)
    return list(found)


def _turns(action: Action) -> bool:
    """Whether an action only takes others back or repeats them."""
    return any(deed.op in ("undo", "redo") for deed in action.deeds)


def _barrier(actions: list[Action]) -> int:
    """The place in the journal of the last thing that was forgotten; 0 for none."""
    return max((one.seq for one in actions if any(deed.op == "forget" for deed in one.deeds)), default=0)


def _find(actions: list[Action], prefix: str) -> Action:
    found = [action for action in actions if action.id.startswith(prefix.lower())] if len(prefix) >= 4 else []
    if len(found) > 1:
        raise ConfigError(f"{len(found)} actions begin with {prefix}", hint="give more of the id")
    if not found:
        raise NotFoundError("action", prefix, hint="facesearch log lists them")
    return found[0]
