"""``cluster`` and ``name``: faces that nobody has named, in groups, and a name for a group."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import clusters_document
from facesearch.cli.options import EngineOption, GalleryOption, JsonOption, ModelOption, WeightsOption
from facesearch.cli.output import columns, emit, plural, say, tell, warn
from facesearch.cli.people import NAME_HELP, show_enrolment
from facesearch.cli.session import open_gallery
from facesearch.cli.suggesting import AutoFarOption, AutoOption, check_auto, offer
from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.gallery.grouped import Cluster, Clustering
    from facesearch.gallery.layout import Layout

ALIKE = 5
"""Pairs of groups that are told of."""


def cluster(
    *,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="X",
            min=0,
            max=4,
            show_default=False,
            help="Mean distance, 0 to 4, from which on groups stay apart; less makes more, surer groups. Else 0.75, or "
            "with another model than FaceNet what is as rare among strangers.",
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="DIR", show_default=False, help="Write a picture of each group's faces there."),
    ] = None,
    link: Annotated[
        Path | None,
        typer.Option(
            "--link", metavar="DIR", show_default=False, help="Put links to the photos there, a folder a group."
        ),
    ] = None,
    copy: Annotated[
        Path | None,
        typer.Option("--copy", metavar="DIR", show_default=False, help="Put copies of the photos there, likewise."),
    ] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Group everything anew; groups that change get new numbers.")
    ] = False,
    ignored: Annotated[bool, typer.Option("--ignored", help="Show the groups of ignored faces instead.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many groups are listed.")] = 20,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    model: ModelOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Group the faces that nobody has named, largest group first.

    Faces of one photo are never put together, nor are faces that `split` took apart. Groups keep their numbers: new
    photos make them grow, or make new ones. Two groups that were shown are never joined; where they seem to be one
    person this is said. Groups that are mostly of ignored faces are left out.

    --link and --copy never overwrite or delete anything. --limit counts for the list, not for --draw, --link, --copy
    and --json.

    Examples:
      facesearch cluster --draw groups/
      facesearch name 1 "Ada Lovelace"
      facesearch cluster --link by-person/
    """
    if link is not None and copy is not None:
        raise ConfigError("--link and --copy exclude each other", hint="give one of them")
    with open_gallery(gallery, weights=weights, engine=engine, model=model) as opened:
        found = opened.cluster(threshold=threshold, afresh=afresh, ignored=ignored)
        drawn = opened.draw_clusters(found, draw) if draw is not None else []
    laid = _lay_out(found, link, copy)
    if as_json:
        files = [] if laid is None else [str(path) for path in laid.files]
        emit({**clusters_document(found), "pictures": [str(path) for path in drawn], "files": files})
        return
    _show(found, limit, gallery, ignored=ignored)
    if draw is not None and drawn:
        tell(f"{plural(len(drawn), 'picture')} in {draw}")
    if laid is not None:
        many = plural(len(laid.files), "link") if copy is None else plural(len(laid.files), "copy", "copies")
        tell(f"{many} in {laid.folder}")
        for photo in laid.skipped:
            warn(f"{photo} cannot be read")


def name(
    cluster_id: Annotated[
        str, typer.Argument(metavar="CLUSTER", show_default=False, help="The number of a group from `cluster`.")
    ],
    person: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help=NAME_HELP)],
    *,
    auto: AutoOption = False,
    far: AutoFarOption = None,
    gallery: GalleryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give all faces of a group to a person.

    Example:
      facesearch cluster
      facesearch name 1 "Ada Lovelace"
    """
    check_auto(auto=auto, far=far)
    with open_gallery(gallery) as opened:
        done = opened.name(cluster_id, person)
        alike = offer(opened, done, auto=auto, far=far)
    show_enrolment(done, alike, gallery, as_json=as_json)


def _lay_out(found: "Clustering", link: Path | None, copy: Path | None) -> "Layout | None":
    target = copy if link is None else link
    if target is None:
        return None
    from facesearch.gallery.clusters import lay_out

    return lay_out(found, target.expanduser(), "copy" if link is None else "link")


def _show(found: "Clustering", limit: int, gallery: str | None, *, ignored: bool) -> None:
    grouped = sum(len(group.matches) for group in found.clusters)
    alone = "stays" if found.unclustered == 1 else "stay"
    if ignored:
        say((f"{plural(len(found.clusters), 'group')} of {plural(grouped, 'face')} that are mostly ignored", "bold"))
    else:
        total = grouped + found.unclustered
        say(
            (f"{plural(len(found.clusters), 'group')} from {plural(total, 'unnamed face')}", "bold"),
            f" ({found.unclustered:,} {alone} alone)",
        )
    where = "" if gallery is None else f" --gallery {shlex.quote(gallery)}"
    columns(
        [_row(group, where if place == 0 else None) for place, group in enumerate(found.clusters[:limit])],
        right={0, 1, 2},
    )
    if len(found.clusters) > limit:
        say(f"and {len(found.clusters) - limit:,} more; --limit shows more of them")
    for pair in found.alike[:ALIKE]:
        say(f"groups {pair.one} and {pair.other} may be one person  {pair.distance:.2f}")
    if len(found.alike) > ALIKE:
        say(f"and {len(found.alike) - ALIKE:,} more such pairs; --afresh joins what belongs together")
    if found.ignored and not ignored:
        say(f"{plural(found.ignored, 'face')} of strangers you ignored, or who look like them; --ignored shows groups")


def _row(group: "Cluster", where: str | None) -> "tuple[Cell, ...]":
    """One group; ``where`` is not None for the one that shows how a group is named."""
    photos = len({match.face.photo_id for match in group.matches})
    near = group.nearest
    years = [] if group.since is None or group.until is None else sorted({group.since[:4], group.until[:4]})
    return (
        (group.id, "bold"),
        plural(len(group.matches), "face"),
        plural(photos, "photo"),
        "-".join(years),
        "" if near is None else f"nearest person: {near.person} {near.distance:.2f}",
        "" if where is None else (f'facesearch name {group.id} "…"{where}', "cyan"),
    )
