"""What to do next with an album, in order of worth: by how many faces a step settles."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facesearch.identify.album import LEAST_COUPLES
from facesearch.identify.words import plural

if TYPE_CHECKING:
    from facesearch.gallery.people_summary import PersonSummary
    from facesearch.gallery.summary import AlbumSummary

MOST_GROUPS = 3
MOST_PEOPLE = 3


@dataclass(frozen=True, slots=True)
class Step:
    """A command, why it is worth while, and how many faces it is about."""

    command: str
    why: str
    faces: int


def next_steps(album: AlbumSummary, where: str = "") -> tuple[Step, ...]:
    """Commands that help the album most.

    Args:
        album: as ``Gallery.summary`` says.
        where: put after each command, as " --gallery DIR" is; or nothing.
    """
    naming = [*_groups(album, where), *_known(album, where), *_wrong(album, where)]
    naming.sort(key=lambda step: -step.faces)
    return (*naming, *_thin(album, where), *_upkeep(album, where))


def _groups(album: AlbumSummary, where: str) -> list[Step]:
    steps = [
        Step(f'facesearch name {key} "…"{where}', f"a group of {plural(size, 'face')} that nobody has named", size)
        for key, size in album.clusters[:MOST_GROUPS]
    ]
    if not album.clusters and album.unnamed > 1:
        why = f"{plural(album.unnamed, 'face')} without a name, and not grouped yet"
        steps.append(Step(f"facesearch cluster{where}", why, album.unnamed))
    return steps


def _known(album: AlbumSummary, where: str) -> list[Step]:
    if not album.resembling:
        return []
    why = f"{plural(album.resembling, 'unnamed face')} would get the name of somebody you know: say yes or no"
    return [Step(f"facesearch review{where}", why, album.resembling)]


def _wrong(album: AlbumSummary, where: str) -> list[Step]:
    worst = sorted((one for one in album.people if one.odd_faces), key=lambda one: (-one.odd_faces, one.person.name))
    return [
        Step(
            f"facesearch person {_name(one, album)}{where}",
            f"{plural(one.odd_faces, 'face')} of {one.person.name} {'fits' if one.odd_faces == 1 else 'fit'} badly: "
            "a wrong name, or a poor photo",
            one.odd_faces,
        )
        for one in worst[:MOST_PEOPLE]
    ]


def _thin(album: AlbumSummary, where: str) -> list[Step]:
    thin = sorted((one for one in album.people if one.thin), key=lambda one: (one.shots, one.person.name))
    return [
        Step(f"facesearch enrol {_name(one, album)} PHOTO{where}", f"{one.person.name}: {one.thin}", 0)
        for one in thin[:MOST_PEOPLE]
    ]


def _upkeep(album: AlbumSummary, where: str) -> list[Step]:
    steps = []
    if album.calibrated is None and album.shared >= LEAST_COUPLES:
        why = (
            f"measure how far apart strangers are in this album, from {plural(album.shared, 'photo')} of several people"
        )
        steps.append(Step(f"facesearch calibrate{where}", why, 0))
    if album.stats.failed:
        why = f"{plural(album.stats.failed, 'file')} could not be used; this says why, and tries again"
        steps.append(Step(f"facesearch index PHOTOS --retry{where}", why, 0))
    return steps


def _name(one: PersonSummary, album: AlbumSummary) -> str:
    """A person as a shell takes it: by id where several have the name."""
    namesakes = sum(other.person.name == one.person.name for other in album.people)
    return shlex.quote(one.person.name if namesakes == 1 else one.person.id)
