"""Results as JSON documents (design.md, section 8): fields may be added, never renamed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facesearch.gallery.curating import Change
    from facesearch.gallery.grouped import Clustering
    from facesearch.gallery.journal import Entry
    from facesearch.gallery.people import Enrolment
    from facesearch.identify.calibration import Calibration
    from facesearch.models.local import LocalModel
    from facesearch.models.registry import ModelInfo
    from facesearch.store.values import Unplaced
    from facesearch.types import (
        Answer,
        Candidate,
        Face,
        Failure,
        IndexReport,
        Match,
        Person,
        Probe,
        ProbePhoto,
        ReindexReport,
        Verdict,
    )

Document = dict[str, Any]


def face_document(face: Face) -> Document:
    """FACE of design.md: ``id`` is None for a face that is not in the gallery."""
    return {
        "id": None if face.id is None else str(face.id),
        "box": face.box.as_list(),
        "confidence": face.confidence,
        "quality": face.quality,
    }


def index_document(report: IndexReport, missing: Sequence[str] = ()) -> Document:
    """What ``index`` did; ``missing`` are the files that ``--prune`` found gone."""
    return {
        "added": report.added,
        "skipped": report.skipped,
        "no_face": report.no_face,
        "faces": report.faces,
        "failed": failures(report.failed),
        "warnings": [{"path": remark.path, "warning": remark.warning} for remark in report.warnings],
        "seconds": report.seconds,
        "photos_per_second": report.photos_per_second,
        "people": report.people,
        "kept_out": report.kept_out,
        "missing": list(missing),
        "pruned": report.pruned,
        "named": report.named,
        "unplaced": [{"path": remark.path, "region": remark.warning} for remark in report.unplaced],
        "conflicts": [{"path": remark.path, "region": remark.warning} for remark in report.conflicts],
        "interrupted": report.interrupted,
    }


def reindex_document(report: ReindexReport) -> Document:
    """What ``reindex`` did."""
    return {
        "recipe": report.recipe,
        "switched": report.switched,
        "faces": report.faces,
        "dropped": report.dropped,
        "failed": failures(report.failed),
        "seconds": report.seconds,
        "interrupted": report.interrupted,
        "boxes_by": report.boxes_by,
    }


def failures(failed: Sequence[Failure]) -> list[Document]:
    """Photos that could not be used, and why."""
    return [{"path": failure.path, "error": failure.error} for failure in failed]


def verdict_document(verdict: Verdict) -> Document:
    """The answer of ``verify``."""
    return {
        "same": verdict.same,
        "distance": verdict.distance,
        "threshold": verdict.threshold,
        "far": verdict.far,
        "tar": verdict.tar,
        "a": face_document(verdict.a),
        "b": face_document(verdict.b),
        "warnings": list(verdict.warnings),
    }


def who_document(photos: Sequence[ProbePhoto], *, fpir: float | None, threshold: float | None) -> Document:
    """The answers of ``who``; of ``fpir`` and ``threshold``, the one that was asked for."""
    return {
        "fpir": fpir,
        "threshold": threshold,
        "photos": [
            {
                "path": photo.path,
                "error": photo.error,
                "faces": [_answer(answer) for answer in photo.answers],
                "warnings": list(photo.warnings),
            }
            for photo in photos
        ],
    }


def _answer(answer: Answer) -> Document:
    return {
        **face_document(answer.face),
        "person": answer.person,
        "person_id": answer.person_id,
        "distance": answer.distance,
        "method": answer.method,
        "score": answer.score,
        "fpir": answer.fpir,
        "doubt": answer.doubt,
        "runner_up": _candidate(answer.runner_up),
        "nearest": _candidate(answer.nearest),
    }


def _candidate(candidate: Candidate | None) -> Document | None:
    if candidate is None:
        return None
    return {"person": candidate.person, "person_id": candidate.person_id, "distance": candidate.distance}


def search_document(probes: Sequence[Probe]) -> Document:
    """The answers of ``search``."""
    return {
        "probes": [
            {"face": face_document(probe.face), "hits": [_hit(match) for match in probe.matches]} for probe in probes
        ]
    }


def _hit(match: Match) -> Document:
    return {
        "path": match.path,
        "face": face_document(match.face),
        "distance": match.distance,
        "person": match.face.person,
    }


def clusters_document(clustering: Clustering) -> Document:
    """All clusters; a face's ``distance`` is to the most central face of its cluster, which comes first."""
    return {
        "clusters": [
            {
                "id": group.id,
                "faces": [
                    {"path": match.path, "face": face_document(match.face), "distance": match.distance}
                    for match in group.matches
                ],
                "nearest": _candidate(group.nearest),
                "since": group.since,
                "until": group.until,
            }
            for group in clustering.clusters
        ],
        "unclustered": clustering.unclustered,
        "ignored": clustering.ignored,
        "alike": [asdict(pair) for pair in clustering.alike],
    }


def person_document(person: Person) -> Document:
    """One person."""
    return {"id": person.id, "name": person.name, "faces": person.faces, "photos": person.photos}


def enrolment_document(enrolment: Enrolment) -> Document:
    """What ``enrol`` and ``name`` did: the person as it is now, and the faces that were given to it."""
    return {
        "person": person_document(enrolment.person),
        "faces": [str(face_id) for face_id in enrolment.face_ids],
        "warnings": list(enrolment.warnings),
    }


def change_document(change: Change) -> Document:
    """What a decision did: the person it is about, and for how many faces it is new."""
    return {
        "person": None if change.person is None else person_document(change.person),
        "faces": change.faces,
        "warnings": list(change.warnings),
    }


def entry_document(entry: Entry) -> Document:
    """One action of the journal."""
    return asdict(entry)


def unplaced_document(one: Unplaced) -> Document:
    """A decision about a face that is not in the gallery; the region is in fractions of the stored picture."""
    region = one.place.region
    return {
        "photo": one.place.pixel_hash,
        "region": [region.left, region.top, region.right, region.bottom],
        "person": one.person,
        "person_id": one.person_id,
    }


def model_document(model: ModelInfo, paths: Sequence[str], calibration: Calibration | None) -> Document:
    """One model; ``path`` is the first of its files, None where it is not on this machine yet."""
    return {
        "name": model.name,
        "kind": model.kind,
        "title": model.title,
        "dim": model.dim,
        "licence": model.licence,
        "path": paths[0] if paths else None,
        "paths": list(paths),
        "source": model.source,
        "training_data": model.training_data,
        "limits": model.limits,
        "threshold": calibration.threshold() if calibration else None,
        "calibration": asdict(calibration.provenance) if calibration else None,
        "sha256": {asset.name: asset.sha256 for asset in model.assets},
    }


def own_model_document(model: LocalModel, calibration: Calibration | None) -> Document:
    """One network of the user's; ``threshold`` and ``calibration`` are None where it was not measured."""
    return {
        "name": model.name,
        "kind": "embedder",
        "title": model.title,
        "dim": model.dim,
        "licence": model.licence,
        "path": str(model.path),
        "paths": [str(model.path)],
        "source": model.source,
        "training_data": None,
        "limits": None,
        "threshold": calibration.threshold() if calibration else None,
        "calibration": asdict(calibration.provenance) if calibration else None,
        "sha256": {model.path.name: model.sha256},
        "added": model.added,
        "size": model.size,
        "align": model.align,
        "standardize": model.standardize,
        "color": model.color,
        "input": model.input,
        "output": model.output,
        "layout": model.layout,
        "training": model.training,
    }
