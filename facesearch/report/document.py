"""The report card as a JSON document: fields may be added, never renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facesearch.report.rates import false_rate, miss_rate

if TYPE_CHECKING:
    from facesearch.gallery.look_alikes import LookAlikes
    from facesearch.gallery.people_summary import Odd, PersonSummary
    from facesearch.report.album import AlbumReport
    from facesearch.report.rates import Estimate

Document = dict[str, Any]


def album_document(report: AlbumReport) -> Document:
    """All numbers of the report card; a rate is None where there is too little to say one."""
    album = report.album
    return {
        "page": None if report.page is None else str(report.page),
        "bytes": report.size,
        "photos": album.stats.photos,
        "no_face": album.stats.no_face,
        "failed": album.stats.failed,
        "faces": album.stats.faces,
        "enrolled": album.stats.enrolled,
        "unnamed": album.unnamed,
        "unclustered": album.alone,
        "clusters": [{"id": key, "faces": size} for key, size in album.clusters],
        "first": album.first,
        "last": album.last,
        "dated": album.dated,
        "shared_photos": album.shared,
        "recipe": album.recipe.key,
        "calibration": {
            "own": album.calibrated is not None,
            "at": album.calibrated,
            "shift": album.calibration.shift,
            "threshold": album.calibration.threshold(),
        },
        "fpir": album.fpir,
        "asked": album.asked,
        "resembling": album.resembling,
        "people": [_person(one) for one in album.people],
        "pairs_within_threshold": album.within,
        "pairs": [_pair(pair) for pair in album.pairs],
        "next": [{"command": step.command, "why": step.why, "faces": step.faces} for step in report.steps],
    }


def _person(one: PersonSummary) -> Document:
    false = one.false
    return {
        "id": one.person.id,
        "name": one.person.name,
        "faces": one.person.faces,
        "photos": one.person.photos,
        "shots": one.shots,
        "first": one.first,
        "last": one.last,
        "quality": one.quality,
        "missed": {**_estimate(miss_rate(one)), "asked": one.asked, "missed": one.asked - one.found},
        "mistaken": [{"person": name, "shots": count} for name, count in one.mistaken],
        "false": {
            **_estimate(false_rate(one)),
            "asked": false.asked,
            "named": false.named,
            "of_people": false.others,
            "people": false.people,
        },
        "resembling": one.resembling,
        "thin": one.thin,
        "odd_faces": one.odd_faces,
        "odd": [_odd(odd) for odd in one.odd],
    }


def _estimate(rate: Estimate) -> Document:
    return {"rate": rate.share, "interval": None if rate.share is None else [rate.low, rate.high]}


def _odd(odd: Odd) -> Document:
    return {
        "id": str(odd.match.face.id),
        "path": odd.match.path,
        "distance": odd.match.distance,
        "rival": None if odd.rival is None else {"person": odd.rival.person, "distance": odd.rival.distance},
    }


def _pair(pair: LookAlikes) -> Document:
    return {
        "a": {"id": pair.a.id, "name": pair.a.name, "face": str(pair.face_a.face.id), "taken_for_b": pair.a_for_b},
        "b": {"id": pair.b.id, "name": pair.b.name, "face": str(pair.face_b.face.id), "taken_for_a": pair.b_for_a},
        "distance": pair.distance,
        "far": pair.far,
        "compared": pair.compared,
    }
