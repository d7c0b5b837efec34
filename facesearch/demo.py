"""The main job on real photos: the 5 Celebrity Faces dataset, indexed, named, asked and grouped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.gallery.gallery import Gallery
from facesearch.identify.crossval import METHODS
from facesearch.models import export

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.gallery.grouped import Clustering
    from facesearch.gallery.indexing import Progress
    from facesearch.types import Answer, IndexReport, ProbePhoto, Verdict

    Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Score:
    """How the held-out photos of one person were answered by one method.

    ``right``: the person was named and nobody else was. ``wrong``: somebody else was named. ``unknown``: nobody was.
    ``left_out`` counts, of the same photos, those in which nobody was named while the person was not enrolled.
    """

    person: str
    method: str
    photos: int
    right: int
    wrong: int
    unknown: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One verification of the demo: what was compared, and whether it should be the same person."""

    a: str
    b: str
    expected: bool
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Everything that the demo did, and the folder in which its pictures are."""

    train: IndexReport
    val: IndexReport
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]
    clusters: Clustering
    purity: tuple[tuple[str, int, str], ...]
    output: Path
    pictures: tuple[Path, ...]

    @property
    def passed(self) -> bool:
        """Whether every held-out photo was answered right by both methods."""
        return all(score.right == score.photos for score in self.scores)


def run_demo(output: Path, *, tell: Tell = lambda _: None, progress: Progress = lambda *_: None) -> DemoReport:
    """Run the demo; what an earlier run fetched and indexed is used again.

    Args:
        output: where galleries and pictures go.
        tell: takes a line at a time about what is being done.
        progress: called while photos are indexed.

    Raises:
        ModelError: the weights or the sample photos cannot be had.
    """
    export.pull(tell)
    samples = export.pull_samples(tell)
    output.mkdir(parents=True, exist_ok=True)
    pictures: list[Path] = []
    with Gallery.open(output / "named.gallery", tell=tell) as gallery:
        tell("indexing train/, people from its folders")
        train = gallery.index(samples / "train", people_from_folders=True, progress=progress)
        tell("answering every photo of val/ with both methods, then again with its person left out")
        scores, probes = _ask(gallery, samples / "val")
        tell("verifying pairs")
        comparisons = _compare(gallery, samples / "val")
        tell("drawing")
        pictures += gallery.draw_people(output / "people")
        pictures += _draw_probes(gallery, probes, output / "probes")
    with Gallery.open(output / "unnamed.gallery", tell=tell) as gallery:
        tell("indexing val/ into a second gallery, without names, and grouping it")
        val = gallery.index(samples / "val", progress=progress)
        clusters = gallery.cluster()
        pictures += gallery.draw_clusters(clusters, output / "clusters")
    return DemoReport(
        train, val, tuple(scores), tuple(comparisons), clusters, _purity(clusters), output, tuple(pictures)
    )


def _photos(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def _people(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _ask(gallery: Gallery, val: Path) -> tuple[list[Score], list[ProbePhoto]]:
    """Score every person by every method; also the answers by the first method, for the pictures."""
    from facesearch.types import ProbePhoto

    scores, probes = [], []
    ids = {person.name: person.id for person in gallery.people()}
    for folder in _people(val):
        for method in METHODS:
            named = [gallery.who(photo, method=method) for photo in _photos(folder)]
            without = [gallery.who(photo, method=method, without=[ids[folder.name]]) for photo in _photos(folder)]
            outcomes = [_outcome(answers, folder.name) for answers in named]
            scores.append(
                Score(
                    person=folder.name,
                    method=method,
                    photos=len(outcomes),
                    right=outcomes.count("right"),
                    wrong=outcomes.count("wrong"),
                    unknown=outcomes.count("unknown"),
                    left_out=sum(_outcome(answers, folder.name) == "unknown" for answers in without),
                )
            )
            if method == METHODS[0]:
                probes += [
                    ProbePhoto(str(photo), answers) for photo, answers in zip(_photos(folder), named, strict=True)
                ]
    return scores, probes


def _outcome(answers: tuple[Answer, ...], person: str) -> str:
    names = {answer.person for answer in answers} - {None}
    if not names:
        return "unknown"
    return "right" if names == {person} else "wrong"


def _compare(gallery: Gallery, val: Path) -> list[Comparison]:
    """For each person two photos of theirs, and one of theirs with one of the next person's."""
    folders = _people(val)
    pairs = []
    for place, folder in enumerate(folders):
        own, other = _photos(folder), _photos(folders[(place + 1) % len(folders)])
        pairs += [(own[0], own[1], True), (own[0], other[0], False)]
    return [Comparison(str(a), str(b), same, gallery.verify(a, b)) for a, b, same in pairs]


def _draw_probes(gallery: Gallery, probes: list[ProbePhoto], folder: Path) -> list[Path]:
    written = []
    counts: dict[str, int] = {}
    for probe in probes:
        person = Path(probe.path).parent.name
        counts[person] = counts.get(person, 0) + 1
        target = folder / f"{person}-{counts[person]}.png"
        gallery.draw(probe, target)
        written.append(target)
    return written


def _purity(clusters: Clustering) -> tuple[tuple[str, int, str], ...]:
    """For each cluster: its id, its size, and the folders that its faces come from."""
    return tuple(
        (group.id, len(group.matches), ", ".join(sorted({Path(match.path).parent.name for match in group.matches})))
        for group in clusters.clusters
    )
