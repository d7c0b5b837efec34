"""Actions of the journal in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.identify.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facesearch.store.values import Action, Deed


MANY = 2
"""More deeds of one kind are summed up."""


def names_in(actions: Sequence[Action]) -> dict[str, str]:
    """The last name that the journal knows of everybody who ever was there, by id."""
    return {
        deed.person_id: str(deed.payload["name"])
        for action in actions
        for deed in action.deeds
        if deed.op in ("create_person", "rename", "delete_person") and deed.person_id and "name" in deed.payload
    }


def wording(action: Action, names: Mapping[str, str], others: Mapping[str, Action]) -> str:
    """What an action did, in a few words.

    Args:
        action: of the journal.
        names: of people, by id.
        others: all actions by id, as some are about another one.
    """
    heads = [deed for deed in action.deeds if deed.op in ("merge", "split", "undo", "redo", "forget")]
    if heads:
        return "; ".join(_head(deed, action, names, others) for deed in heads)
    parts: list[str] = []
    for op in dict.fromkeys(deed.op for deed in action.deeds):
        deeds = [deed for deed in action.deeds if deed.op == op]
        said = [_deed(deed, names) for deed in deeds]
        parts += said if len(said) <= MANY else [_many(op, deeds)]
    return "; ".join(part for part in parts if part) or "nothing"


def _head(head: Deed, action: Action, names: Mapping[str, str], others: Mapping[str, Action]) -> str:
    moved = sum(deed.count for deed in action.deeds if deed.op == "enrol")
    who = _name(head.person_id, names)
    if head.op == "merge":
        return f"{', '.join(head.payload.get('names', ['somebody']))} became part of {who} ({plural(moved, 'face')})"
    if head.op == "split":
        return f"{who} was split off {head.payload.get('name', 'somebody')} ({plural(moved, 'face')})"
    if head.op == "forget":
        return "something was forgotten for good"
    of = others.get(str(head.payload.get("of")))
    what = "an action" if of is None else f"{of.id[:8]} ({wording(of, names, others)})"
    return f"{'took back' if head.op == 'undo' else 'repeated'} {what}"


def _many(op: str, deeds: Sequence[Deed]) -> str:
    """Deeds of one kind about many people, summed up."""
    some, people = plural(sum(deed.count for deed in deeds), "face"), f"{len(deeds):,} people"
    said = {
        "create_person": f"{people} are new",
        "delete_person": f"{people} are gone",
        "rename": f"{people} are called otherwise",
        "enrol": f"{some} given to {people}",
        "unenrol": f"{some} taken from {people}",
        "reject": f"{some} not who they were taken for",
        "restore": f"{some} as they were",
    }
    return said.get(op, "")


def _deed(deed: Deed, names: Mapping[str, str]) -> str:
    who, some = _name(deed.person_id, names), plural(deed.count, "face")
    if deed.op == "create_person":
        return f"{deed.payload.get('name', 'somebody')} is new"
    if deed.op == "rename":
        return f"{deed.payload.get('previous')} is called {deed.payload.get('name')}"
    if deed.op == "reject" and deed.person_id is None:
        return f"{deed.count:,} not a face"
    said = {
        "enrol": f"{some} given to {who}",
        "unenrol": f"{some} taken from {who}",
        "reject": f"{some} not {who}",
        "ignore": f"{some} ignored",
        "unignore": f"{some} not ignored any more",
        "apart": f"{some} kept out of a group",
        "mark": f"{deed.count:,} photo marked as {deed.payload.get('mark', 'special')}",
        "unmark": f"{deed.count:,} photo not marked any more",
        "delete_person": f"{who} is gone",
        "erased": "forgotten",
    }
    return said.get(deed.op, "")


def _name(person_id: str | None, names: Mapping[str, str]) -> str:
    return names.get(person_id or "", "somebody")
