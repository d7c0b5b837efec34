"""``calibrate`` and ``mark``: what distances mean in this album, and photos in which two faces may be one person."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.options import GalleryOption, JsonOption, MegapixelsOption
from facesearch.cli.output import columns, emit, one_in, plural, say, table, tell, warn
from facesearch.cli.session import open_gallery
from facesearch.types import Mark

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.gallery.calibrating import AlbumCalibration, OnePerson

FARS = (1e-2, 1e-3, 1e-4)


def calibrate(
    *,
    reset: Annotated[
        bool, typer.Option("--reset", help="Go back to the calibration that comes with the model.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="PICTURE", show_default=False, help="Write both curves there, as PNG."),
    ] = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what distances mean in your own album; who, search and verify --gallery go by it from then on.

    No names are needed: two faces in one photo are almost always two people. How far apart they are is compared with
    the people that the model was calibrated on, and the thresholds are moved by the difference. Every couple of people
    counts once. Mirrors, posters and photos of photos show one person twice; what is too near for two people is left
    out, and collages are if you mark them. Relatives look alike: an album of one family makes thresholds stricter.

    Examples:
      facesearch calibrate --output curves.png
      facesearch mark collage.jpg collage
      facesearch calibrate --reset
    """
    if reset and output is not None:
        raise typer.BadParameter("--reset measures nothing, so there is no picture")
    with open_gallery(gallery) as opened:
        if reset:
            was = opened.reset_calibration()
            if as_json:
                emit({"reset": was})
            else:
                say("back to the built-in calibration" if was else "the built-in calibration is in use already")
            return
        found = opened.calibrate()
        if output is not None:
            opened.draw_calibration(found, output)
    if as_json:
        emit({**_document(found), "picture": None if output is None else str(output)})
        return
    _show(found)
    if output is not None:
        tell(f"picture in {output}")


def mark(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", show_default=False, help="A photo that was indexed.")],
    what: Annotated[
        Mark | None,
        typer.Argument(metavar="collage", show_default=False, help="collage: it shows people several times."),
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take the mark away.")] = False,
    max_megapixels: MegapixelsOption = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a photo shows people several times: a collage, a mirror, a wall of pictures.

    Two faces of a photo are otherwise taken for two people: who never gives them one name, cluster never puts them
    together, and calibrate measures strangers by them. The mark belongs to the picture, wherever its file goes.

    Examples:
      facesearch mark holidays.jpg collage
      facesearch mark holidays.jpg --remove
    """
    if (what is None) != remove:
        raise typer.BadParameter("say either what the photo is, `collage`, or --remove")
    limit = {} if max_megapixels is None else {"max_megapixels": max_megapixels}
    with open_gallery(gallery) as opened:
        changed = opened.mark(photo, what, **limit)
    if as_json:
        emit({"path": str(photo), "mark": what, "changed": changed})
        return
    state = "no mark" if what is None else what
    say((str(photo), "bold"), f"  {state}" if changed else f"  {state} already")


def _show(found: "AlbumCalibration") -> None:
    fit = found.fit
    say(
        (f"{plural(fit.couples, 'couple')} of {fit.people:,} people", "bold"),
        f" who share photos ({plural(fit.pairs, 'pair')} of faces in {plural(fit.photos, 'photo')})",
    )
    columns([(label if place == 0 else "", text) for place, (label, text) in enumerate(_left_out(found))])
    if f"{abs(fit.shift):.2f}" == "0.00":
        difference = ("as far apart as", "bold")
    else:
        difference = (f"{abs(fit.shift):.2f} {'nearer' if fit.shift < 0 else 'farther'} than", "bold")
    say("strangers are ", difference, f" in the built-in calibration ({fit.low:+.2f} to {fit.high:+.2f})")
    rows: list[tuple[Cell, ...]] = [
        (
            f"{far:g}",
            f"{found.built_in.threshold(far):.2f}",
            (f"{found.calibration.threshold(far):.2f}", "bold"),
            " to ".join(f"{found.built_in.shifted(end).threshold(far):.2f}" for end in (fit.low, fit.high)),
        )
        for far in FARS
    ]
    say()
    table(("FAR", "built in", "this album", "95 % interval"), rows)
    before = found.built_in.threshold()
    best, low, high = (one_in(far, found.built_in.least_far) for far in found.far(before))
    ends = f"{low} to {high}".replace("about ", "")
    say()
    say(f"by the built-in threshold, {before:.2f}, {best} pairs of strangers would pass for one person ({ends})")
    _show_one_person(found.enrolled, "enrolled faces")
    _show_one_person(found.bursts, "bursts")
    say(("relatives in the photos look alike, and make strangers seem nearer than they are", "dim"))
    if found.other_recipe:
        warn("a calibration made before `reindex` is kept, but not used")
    say("in use from now on; `facesearch calibrate --reset` takes it back")


def _left_out(found: "AlbumCalibration") -> list[tuple["Cell", str]]:
    fit = found.fit
    near = f"{plural(fit.near, 'pair')} nearer than {fit.cut:.2f}: mirrors, posters, photos of photos, or look-alikes"
    facts = [
        (fit.near, near),
        (fit.near_photos, f"{plural(fit.near_photos, 'photo')} with several of those"),
        (found.same_person, f"{plural(found.same_person, 'pair')} known to be of one person"),
        (found.poor, f"{plural(found.poor, 'face')} too small or too blurred"),
        (found.marked, f"{plural(found.marked, 'photo')} marked as collage"),
    ]
    return [(("left out", "bold"), text) for count, text in facts if count]


def _show_one_person(found: "OnePerson", where: str) -> None:
    if found.within is None:
        return
    people = "" if found.people is None else f" of {plural(found.people, 'person', 'people')}"
    say(f"one person  {found.within:.1%} of {plural(found.pairs, 'pair')}{people} ({where}) are within the threshold")


def _document(found: "AlbumCalibration") -> dict[str, object]:
    fit = found.fit
    before = found.built_in.threshold()
    return {
        "shift": fit.shift,
        "interval": [fit.low, fit.high],
        "couples": fit.couples,
        "people": fit.people,
        "pairs": fit.pairs,
        "photos": fit.photos,
        "left_out": {
            "near_pairs": fit.near,
            "nearer_than": fit.cut,
            "near_photos": fit.near_photos,
            "same_person_pairs": found.same_person,
            "poor_faces": found.poor,
            "marked_photos": found.marked,
        },
        "thresholds": {f"{far:g}": found.calibration.threshold(far) for far in FARS},
        "built_in": {
            "thresholds": {f"{far:g}": found.built_in.threshold(far) for far in FARS},
            "far_here": dict(zip(("best", "low", "high"), found.far(before), strict=True)),
        },
        "one_person": {
            where: {"pairs": one.pairs, "people": one.people, "within": one.within}
            for where, one in (("enrolled", found.enrolled), ("bursts", found.bursts))
        },
        "other_recipe": found.other_recipe,
    }
