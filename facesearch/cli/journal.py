"""``log``, ``undo``, ``redo`` and ``journal``: what was decided, taken back, and carried elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import entry_document, unplaced_document
from facesearch.cli.guard import Commands
from facesearch.cli.options import GalleryOption, JsonOption
from facesearch.cli.output import columns, emit, hint, plural, say, tell, warn
from facesearch.cli.session import open_gallery
from facesearch.cli.teaching import lesson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.gallery.journal import Entry
    from facesearch.store.values import Unplaced

LONGEST_COUNT = 4
"""Digits of the longest number that says how many; longer ones are taken for the id of an action."""

WhichArgument = Annotated[
    str, typer.Argument(metavar="[N|ID]", help="How many actions, or the id of one that `log` shows.")
]

journal_app = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def journal() -> None:
    """Carry names elsewhere, or make them anew: the journal has every decision since the gallery was made.

    A decision names its face by the photo's pixels and the place in it, so it finds the face again on another machine,
    after the files were moved, and with another detector or model.

    Example:
      facesearch journal export names.jsonl
    """


def log(
    *,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many are listed.")] = 20,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was decided, the latest first.

    Example:
      facesearch log
      facesearch undo 3f9ac2d1               take one of them back
    """
    with open_gallery(gallery) as opened:
        entries = opened.log()
    if as_json:
        emit({"actions": [entry_document(entry) for entry in entries]})
        return
    if not entries:
        say("nothing was decided yet")
        return
    _list(entries[:limit])
    if len(entries) > limit:
        say(f"and {len(entries) - limit:,} before; --limit shows more of them")


def undo(which: WhichArgument = "1", *, gallery: GalleryOption = None, as_json: JsonOption = False) -> None:
    """Take back the last decision, the last few, or an older one that nothing was built on.

    What `forget` erased cannot come back, nor can anything that was decided before it.

    Examples:
      facesearch undo
      facesearch undo 3
      facesearch undo 3f9ac2d1
    """
    with open_gallery(gallery) as opened:
        turned = opened.undo(_which(which))
        final = not turned and any(entry.final for entry in opened.log())
    nothing = "nothing to take back" + (" since something was forgotten: what came before is final" if final else "")
    _show(turned, "took back", nothing, as_json=as_json)


def redo(which: WhichArgument = "1", *, gallery: GalleryOption = None, as_json: JsonOption = False) -> None:
    """Repeat what was taken back.

    Examples:
      facesearch redo
      facesearch redo 3f9ac2d1
    """
    with open_gallery(gallery) as opened:
        turned = opened.redo(_which(which))
    _show(turned, "repeated", "nothing to repeat", as_json=as_json)


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="A new file.")],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the journal into a file, one decision a line (JSON Lines). It holds names: keep it safe.

    Example:
      facesearch journal export names.jsonl
    """
    with open_gallery(gallery) as opened:
        count = opened.export_journal(target)
    if as_json:
        emit({"path": str(target), "events": count})
    else:
        say(f"{plural(count, 'decision')} in {target}")


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="What `export` wrote.")],
    *,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in the journal of another gallery. Names wait for photos that are not indexed here yet.

    Where both decided about one face, the later decision counts. Importing the same file again does nothing.

    Example:
      facesearch journal import names.jsonl
      facesearch index ~/Pictures
    """
    with open_gallery(gallery, create=True) as opened:
        done = opened.import_journal(source)
        people = opened.people()
    if as_json:
        waiting = [unplaced_document(one) for one in done.waiting]
        emit({"new": done.new, "known": done.known, "people": len(people), "waiting": waiting})
        return
    say(f"{plural(done.new, 'new decision')}, {done.known:,} known; {plural(len(people), 'person', 'people')} now")
    _waiting(done.waiting)
    twice = sorted({one.name for one in people if sum(one.name == other.name for other in people) > 1})
    if twice:
        warn(f"several people are called {', '.join(twice[:3])}; if they are one: facesearch merge ID ID")


def replay(*, gallery: GalleryOption = None, as_json: JsonOption = False) -> None:
    """Find out who is who from the journal alone, whatever the tables say. Harmless; nothing new is recorded.

    Example:
      facesearch journal replay
    """
    with open_gallery(gallery) as opened:
        waiting = opened.replay()
        people = opened.people()
    if as_json:
        emit({"people": len(people), "waiting": [unplaced_document(one) for one in waiting]})
        return
    say(f"{plural(len(people), 'person', 'people')}, {plural(sum(one.faces for one in people), 'named face')}")
    _waiting(waiting)


journal_app.callback(help=lesson(journal))(journal)
for _name, _command in (("export", export), ("import", import_), ("replay", replay)):
    journal_app.command(_name, help=lesson(_command))(_command)


def _which(said: str) -> int | str:
    return int(said) if said.isdecimal() and said.isascii() and len(said) <= LONGEST_COUNT else said


def _list(entries: "Sequence[Entry]") -> None:
    from datetime import datetime

    rows = []
    for entry in entries:
        when = datetime.fromisoformat(entry.at).astimezone().strftime("%Y-%m-%d %H:%M")
        rows.append(((entry.id, "cyan"), when, f"(taken back) {entry.what}" if entry.undone else entry.what))
    columns(rows)


def _show(turned: "Sequence[Entry]", done: str, nothing: str, *, as_json: bool) -> None:
    if as_json:
        emit({"actions": [entry_document(entry) for entry in turned]})
    elif turned:
        for entry in turned:
            say(f"{done}: ", entry.what)
    if not turned:
        if not as_json:
            say(nothing)
        raise typer.Exit(1)


def _waiting(waiting: "Sequence[Unplaced]") -> None:
    if not waiting:
        return
    wait = "waits" if len(waiting) == 1 else "wait"
    tell(f"{plural(len(waiting), 'decision')} {wait} for faces that are not in the gallery:")
    counts: dict[str, int] = {}
    for one in waiting:
        who = one.person or "not named"
        counts[who] = counts.get(who, 0) + 1
    for who, count in sorted(counts.items(), key=lambda pair: -pair[1])[:10]:
        tell(f"  {who}: {count:,}")
    hint("facesearch index PHOTOS; they find their faces by the photos' pixels")
