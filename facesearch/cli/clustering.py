"""``cluster`` and ``name``: faces that nobody has named, in groups, and a name for a group."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facesearch.cli.documents import clusters_document
from facesearch.cli.options import EngineOption, GalleryOption, JsonOption, WeightsOption
from facesearch.cli.output import columns, emit, plural, say, tell
from facesearch.cli.people import NAME_HELP, show_enrolment
from facesearch.cli.session import open_gallery
from facesearch.cli.suggesting import AutoFarOption, AutoOption, check_auto, offer

if TYPE_CHECKING:
    from facesearch.cli.output import Cell
    from facesearch.types import Cluster, Clustering


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
            help="The mean distance, 0 to 4, from which on groups stay apart, else 0.8; less makes more, surer groups.",
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="DIR", show_default=False, help="Write a picture of each group's faces there."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many groups are listed.")] = 20,
    gallery: GalleryOption = None,
    engine: EngineOption = "onnx",
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Group the faces that nobody has named, largest group first.

    Faces of one photo are never put together. The groups stay until the next time, so that they can be named; the
    number of a group may be another one then. --limit counts for the list, not for --draw and --json.

    Examples:
      facesearch cluster --draw groups/
      facesearch name 1 "Ada Lovelace"
    """
    with open_gallery(gallery, weights=weights, engine=engine) as opened:
        found = opened.cluster(threshold=threshold)
        drawn = opened.draw_clusters(found, draw) if draw is not None else []
    if as_json:
        emit({**clusters_document(found), "pictures": [str(path) for path in drawn]})
        return
    _show(found, limit, gallery)
    if draw is not None and drawn:
        tell(f"{plural(len(drawn), 'picture')} in {draw}")


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


def _show(found: "Clustering", limit: int, gallery: Path | None) -> None:
    grouped = sum(len(group.matches) for group in found.clusters)
    total = grouped + found.unclustered
    alone = "stays" if found.unclustered == 1 else "stay"
    say(
        (f"{plural(len(found.clusters), 'group')} from {plural(total, 'unnamed face')}", "bold"),
        f" ({found.unclustered:,} {alone} alone)",
    )
    where = "" if gallery is None else f" --gallery {shlex.quote(str(gallery))}"
    columns(
        [_row(group, where if place == 0 else None) for place, group in enumerate(found.clusters[:limit])],
        right={0, 1, 2},
    )
    if len(found.clusters) > limit:
        say(f"and {len(found.clusters) - limit:,} more; --limit shows more of them")


def _row(group: "Cluster", where: str | None) -> "tuple[Cell, ...]":
    """One group; ``where`` is not None for the one that shows how a group is named."""
    photos = len({match.face.photo_id for match in group.matches})
    near = group.nearest
    return (
        (group.id, "bold"),
        plural(len(group.matches), "face"),
        plural(photos, "photo"),
        "" if near is None else f"nearest person: {near.person} {near.distance:.2f}",
        "" if where is None else (f'facesearch name {group.id} "…"{where}', "cyan"),
    )
