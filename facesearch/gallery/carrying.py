"""The journal as a file: names that go to a new machine, or come from another one."""

from __future__ import annotations

import json
import math
import os
import uuid
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from facesearch.errors import ConfigError, FacesearchError
from facesearch.store.journal import ABOUT_PEOPLE, OPERATIONS, check_payload
from facesearch.store.people import clean_name
from facesearch.store.values import Event, Region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facesearch.store.store import Store
    from facesearch.store.values import Unplaced

FORMAT = "facesearch journal"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: decisions that were new, those that were known already, and those whose photo or face is not
    in the gallery: they wait until it is indexed.
    """  # noqa: D205

    new: int
    known: int
    waiting: tuple[Unplaced, ...]


def lines(store: Store) -> Iterator[str]:
    """The journal as JSON Lines: one that says what it is, then one a decision, oldest first."""
    with store.reading():
        head = {"format": FORMAT, "version": VERSION, "gallery": store.state().gallery}
        events = store.events()
    yield json.dumps(head)
    for event in events:
        yield json.dumps(
            {
                "id": event.id,
                "action": event.action,
                "at": event.at,
                "op": event.op,
                "photo": event.pixel_hash,
                "region": None if event.region is None else astuple(event.region),
                "person": event.person_id,
                "payload": event.payload,
            },
            sort_keys=True,
        )


def export(store: Store, target: Path) -> int:
    """Write the journal into a file that only its owner can read; it must not exist. Returns how many decisions.

    Raises:
        FacesearchError: the file is there already, or cannot be written.
    """
    count = -1
    try:
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
            for line in lines(store):
                file.write(line + "\n")
                count += 1
    except FileExistsError as exc:
        raise FacesearchError(f"{target} is there already", hint="give another name") from exc
    except OSError as exc:
        raise FacesearchError(f"{target} cannot be written: {exc.strerror or exc}") from exc
    return count


def carry_in(store: Store, source: Path) -> Imported:
    """Take in a journal that ``export`` wrote: all of it, or nothing.

    What both galleries decided about one face, the later decision wins.

    Raises:
        FacesearchError: the file cannot be read.
        ConfigError: it is not such a journal; the message says in which line.
    """
    events = _read(source)
    with store.writing():
        new = store.import_events(events)
        waiting = store.replay()
    return Imported(new, len(events) - new, tuple(waiting))


def _read(source: Path) -> list[Event]:
    events: list[Event] = []
    try:
        with source.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    said = json.loads(line)
                    if number == 1:
                        _check_head(said)
                    elif said["op"] not in ("forget", "erased"):
                        # What was erased elsewhere says nothing here.
                        events.append(_event(said))
                except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as exc:
                    reason = f"{exc.args[0]} is missing" if isinstance(exc, KeyError) else str(exc)
                    raise ConfigError(f"{source}, line {number}: not a decision of a journal ({reason})") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{source} is not a journal: it is not text") from exc
    except OSError as exc:
        raise FacesearchError(f"{source} cannot be read: {exc.strerror or exc}") from exc
    return events


def _check_head(said: Any) -> None:  # noqa: ANN401
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ValueError(f"the first line does not say {FORMAT!r}")
    if said.get("version") != VERSION:
        raise ValueError(f"version {said.get('version')!r}, this program knows {VERSION}: update facesearch")


def _event(said: dict[str, Any]) -> Event:
    region = None
    if said["region"] is not None:
        sides = [float(side) for side in said["region"]]
        if len(sides) != 4 or not all(math.isfinite(side) for side in sides):
            raise ValueError("a region is four numbers")
        region = Region(*sides)
    op, payload, person = said["op"], said["payload"], said["person"]
    if op not in OPERATIONS:
        raise ValueError(f"{op!r} is unknown, perhaps of a newer facesearch")
    check_payload(op, payload)
    for name in (payload.get("name"), payload.get("previous")) if op in ABOUT_PEOPLE else ():
        if name is not None and clean_name(name) != name:
            raise ValueError(f"{name!r} is not a name as this program writes it")
    if (region is not None) and not isinstance(said["photo"], str):
        raise ValueError("a face without a photo")
    return Event(
        seq=0,
        id=str(uuid.UUID(said["id"])),
        action=str(uuid.UUID(said["action"])),
        at=datetime.fromisoformat(said["at"]).astimezone(UTC).isoformat(timespec="milliseconds"),
        op=op,
        pixel_hash=None if said["photo"] is None else str(said["photo"])[:64],
        region=region,
        person_id=None if person is None else str(uuid.UUID(person)),
        payload=payload,
    )
