"""Clusters: average linkage that never joins two faces of one photo."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facesearch import cluster as module
from facesearch.cluster import ALONE, cluster
from facesearch.testing import random_units

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


def people(count, faces, seed=0, spread=0.6, dim=16):
    """Unit rows: ``faces`` of each of ``count`` people, and who they are."""
    who = np.repeat(np.arange(count), faces)
    rows = random_units(count, dim, seed=seed + 1)[who] + spread * random_units(len(who), dim, seed=seed)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), who


def partition(labels):
    """The clusters as a set of sets of rows; a face that is alone is a set of one."""
    groups = {}
    for row, label in enumerate(labels.tolist()):
        groups.setdefault(label if label != ALONE else ("alone", row), set()).add(row)
    return {frozenset(group) for group in groups.values()}


def strict(vectors, photos, threshold):
    """Constrained average linkage by its definition: join the nearest two that may be joined, again and again."""
    apart = ((vectors[:, None].astype(float) - vectors) ** 2).sum(axis=2)
    groups = [[row] for row in range(len(vectors))]
    while True:
        best = (threshold, None)
        for i, one in enumerate(groups):
            for j in range(i):
                mean = apart[np.ix_(one, groups[j])].mean()
                if mean < best[0] and not {photos[a] for a in one} & {photos[b] for b in groups[j]}:
                    best = (mean, (i, j))
        if best[1] is None:
            return {frozenset(group) for group in groups}
        i, j = best[1]
        groups[j] += groups.pop(i)


def test_people_are_found():
    """Faces of one person end in one cluster, the largest first, and a stranger stays alone."""
    rows = np.concatenate([people(3, 4, spread=0.4)[0][:11], random_units(1, 16, seed=99)])
    labels = cluster(rows, np.arange(12), threshold=0.8)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 3 + [ALONE]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_group(count):
    """Nothing gives nothing, and one face is alone."""
    assert cluster(random_units(count, 8), np.arange(count), threshold=0.8).tolist() == [ALONE] * count


def test_twins_in_one_photo():
    """Even equal faces stay apart where they are of one photo; one of another photo joins one of them."""
    rows = np.repeat(random_units(1, 8), 3, axis=0)
    assert cluster(rows[:2], np.array([5, 5]), threshold=0.8).tolist() == [ALONE, ALONE]
    labels = cluster(rows, np.array([5, 5, 6]), threshold=0.8)
    assert labels[2] == 0
    assert sorted(labels[:2].tolist()) == [ALONE, 0]


def test_cannot_pairs():
    """Pairs that must not share a cluster do not, and a row that is not there is refused."""
    rows = np.repeat(random_units(1, 8), 4, axis=0)
    labels = cluster(rows, np.arange(4), threshold=0.8, cannot=[(0, 1), (2, 1)])
    assert labels[0] != labels[1] != labels[2]
    with pytest.raises(ValueError, match="beyond 4"):
        cluster(rows, np.arange(4), threshold=0.8, cannot=[(0, 4)])


def test_shapes_must_match():
    """Each face needs its photo."""
    with pytest.raises(ValueError, match="do not fit"):
        cluster(random_units(3, 8), np.arange(2), threshold=0.8)


@pytest.mark.parametrize("same", [2, 300, 700])
def test_equal_faces(same):
    """Any number of copies of one face, from as many photos, are one cluster."""
    rows = np.repeat(random_units(1, 32), same, axis=0)
    assert set(cluster(rows, np.arange(same), threshold=0.5).tolist()) == {0}


def test_crowd_of_equal_faces():
    """Neighbour lists that are full of faces of the same photo do not hide those of another."""
    rows = np.repeat(random_units(1, 8), 600, axis=0)
    photos = np.repeat([0, 1], 300)
    labels = cluster(rows, photos, threshold=0.5)
    assert sorted(np.bincount(labels, minlength=300).tolist()) == [2] * 300


@pytest.mark.parametrize("threshold", [0.4, 0.8, 1.2])
def test_agrees_with_scipy(threshold):
    """Without constraints the result is SciPy's average linkage, cut at the threshold."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    rows, _ = people(60, 6, spread=0.9)
    tree = linkage(pdist(rows.astype(float), "sqeuclidean"), "average")
    expected = partition(fcluster(tree, threshold, "distance"))
    assert partition(cluster(rows, np.arange(len(rows)), threshold=threshold)) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 26), st.integers(1, 30), st.sampled_from([0.3, 0.8, 1.4, 4.0]))
def test_agrees_with_the_definition(seed, count, photo_count, threshold):
    """The chain of nearest neighbours gives what joining the nearest allowed pair, again and again, gives."""
    rows = people(6, 5, seed, spread=0.8, dim=5)[0][:count]
    photos = np.random.default_rng(seed).integers(0, photo_count, size=len(rows))
    labels = cluster(rows, photos, threshold=threshold)
    assert partition(labels) == strict(rows, photos, threshold)
    for group in partition(labels):
        assert len({photos[row] for row in group}) == len(group)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 8))
@example(30103, 32, 3)  # a chain came back to a cluster that it had left, because a list was cut
def test_cut_lists_keep_the_law(seed, photo_count, limit):
    """With very short neighbour lists too, no photo is twice in a cluster and no two clusters could still be joined."""
    rows, _ = people(5, 12, seed, spread=0.7, dim=6)
    photos = np.random.default_rng(seed).integers(0, photo_count, size=len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NEIGHBOURS", limit)
        groups = [sorted(group) for group in partition(cluster(rows, photos, threshold=0.8))]
    means = np.array([rows[group].astype(float).mean(axis=0) for group in groups])
    apart = 2 - 2 * means @ means.T
    for i, one in enumerate(groups):
        assert len({photos[row] for row in one}) == len(one)
        for j in range(i):
            shared = {photos[row] for row in one} & {photos[row] for row in groups[j]}
            assert shared or apart[i, j] > 0.8 - 1e-6


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_order_of_faces_does_not_matter(seed):
    """Permuting the faces permutes the clusters and changes nothing else."""
    rows, _ = people(8, 6, seed, spread=0.8)
    random = np.random.default_rng(seed)
    photos, order = random.integers(0, 30, size=len(rows)), random.permutation(len(rows))
    plain = partition(cluster(rows, photos, threshold=0.8))
    permuted = partition(cluster(rows[order], photos[order], threshold=0.8))
    assert {frozenset(int(order[row]) for row in group) for group in permuted} == plain


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_labels_are_ordered(seed):
    """Labels count from 0 without gaps, sizes fall, and equal sizes come in order of their first face."""
    rows, _ = people(10, 4, seed, spread=0.9)
    labels = cluster(rows, np.arange(len(rows)), threshold=0.8)
    keys = [(-int((labels == label).sum()), int((labels == label).argmax())) for label in range(labels.max() + 1)]
    assert keys == sorted(keys)
    assert all(size <= -2 for size, _ in keys)


@pytest.mark.slow
def test_thousands_of_faces_of_one_person():
    """The worst case, one component of 6,000 faces, is one cluster in well under a minute."""
    rows = random_units(1, 128, seed=1) + 0.65 * random_units(6_000, 128)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    assert set(cluster(rows, np.arange(6_000), threshold=0.8).tolist()) == {0}


def mixed(seed):
    """Faces of few people in few photos, as many as 40, some of them weak; and the photos."""
    random = np.random.default_rng(seed)
    rows = people(5, 8, seed, spread=0.8, dim=6)[0][: random.integers(0, 41)]
    return rows, random.integers(0, 12, size=len(rows)), random.random(len(rows)) < 0.4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.4, 0.8, 1.4, 4.0]))
def test_weak_faces_change_nothing_for_the_others(seed, threshold):
    """Taking the weak faces away leaves the same others together: weak ones neither begin a cluster nor bridge two."""
    rows, photos, weak = mixed(seed)
    labels = cluster(rows, photos, threshold=threshold, weak=weak)
    without = cluster(rows[~weak], photos[~weak], threshold=threshold)
    assert partition(labels[~weak]) == partition(without)
    assert all((labels[~weak] == label).sum() >= 2 for label in set(labels[weak].tolist()) - {ALONE})


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.4, 0.8, 1.4, 4.0]))
def test_weak_faces_go_to_the_nearest_cluster_that_takes_them(seed, threshold):
    """A weak face is within the threshold of its cluster, on average over the good faces; nearer ones hold its photo.

    Whoever holds its photo there is a good face or a weak one that is nearer, and the same holds for one left alone.
    """
    rows, photos, weak = mixed(seed)
    labels = cluster(rows, photos, threshold=threshold, weak=weak)
    apart = ((rows[:, None].astype(float) - rows) ** 2).sum(axis=2)
    good = [np.flatnonzero((labels == label) & ~weak) for label in range(labels.max(initial=-1) + 1)]
    for face in np.flatnonzero(weak).tolist():
        far = [float(apart[face, group].mean()) for group in good]
        own = far[labels[face]] if labels[face] != ALONE else threshold
        assert own <= threshold + 1e-6
        for label in (label for label, distance in enumerate(far) if distance < own - 1e-6):
            held = np.flatnonzero((labels == label) & (photos == photos[face]))
            assert any(not weak[other] or apart[other, good[label]].mean() < far[label] + 1e-6 for other in held)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_weak_faces_keep_the_law(seed):
    """With weak faces too no photo is twice in a cluster, and no pair of ``cannot`` is together."""
    rows, photos, weak = mixed(seed)
    cannot = np.random.default_rng(seed).integers(0, max(len(rows), 1), size=(10 * (len(rows) > 0), 2))
    cannot = [(int(one), int(other)) for one, other in cannot if one != other]
    labels = cluster(rows, photos, threshold=1.4, cannot=cannot, weak=weak)
    for group in partition(labels):
        assert len({photos[row] for row in group}) == len(group)
    assert all(labels[one] != labels[other] or labels[one] == ALONE for one, other in cannot)


def test_weak_faces_alone():
    """However alike, faces that are all weak stay alone, and so do a weak and a good one."""
    rows = np.repeat(random_units(1, 8), 4, axis=0)
    assert cluster(rows, np.arange(4), threshold=0.8, weak=np.ones(4, bool)).tolist() == [ALONE] * 4
    assert cluster(rows, np.arange(4), threshold=0.8, weak=np.arange(4) > 0).tolist() == [ALONE] * 4
    assert cluster(rows, np.arange(4), threshold=0.8, weak=np.arange(4) > 1).tolist() == [0] * 4


def test_a_bridge_of_a_weak_face():
    """A face between two people that joins them as a good one does not as a weak one, and goes to the nearer."""
    turns = np.array([0.0, 0.1, 0.5, 0.9, 0.8])
    rows = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    far = cluster(rows, np.arange(5), threshold=0.5)
    assert set(far.tolist()) == {0}
    labels = cluster(rows, np.arange(5), threshold=0.2, weak=np.arange(5) == 2)
    assert labels[0] == labels[1] != labels[3] == labels[4] == labels[2]


def test_weak_must_fit():
    """Each face is weak or not."""
    with pytest.raises(ValueError, match="not fit weak"):
        cluster(random_units(3, 8), np.arange(3), threshold=0.8, weak=np.zeros(2, bool))


@pytest.mark.slow
def test_ten_thousand_weak_faces():
    """Half of 10,000 faces of 2,500 people being weak takes seconds, and nearly each finds its person."""
    rows, _ = people(2500, 4, spread=0.6, dim=128)
    weak = np.arange(10_000) % 4 > 1
    begun = time.process_time()
    labels = cluster(rows, np.arange(10_000), threshold=0.8, weak=weak)
    assert time.process_time() - begun < 60
    groups = labels.reshape(2500, 4)
    assert ((groups == groups[:, :1]).all(axis=1) & (groups[:, 0] >= 0)).mean() > 0.99


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.4, 0.8, 1.4, 4.0]))
def test_clusters_that_stand_grow_and_stay_apart(seed, threshold):
    """Faces that were together stay together, no two such clusters are joined, and no photo is twice in one."""
    rows, photos, weak = mixed(seed)
    first = cluster(
        rows[: len(rows) // 2], photos[: len(rows) // 2], threshold=threshold / 2, weak=weak[: len(rows) // 2]
    )
    held = np.concatenate([first, np.full(len(rows) - len(first), ALONE)])
    labels = cluster(rows, photos, threshold=threshold, weak=weak, held=held)
    grown = [set(labels[held == label].tolist()) for label in range(first.max(initial=-1) + 1)]
    assert all(len(found) == 1 and ALONE not in found for found in grown)
    assert len(set().union(*grown)) == len(grown)
    for group in partition(labels):
        assert len({photos[row] for row in group}) == len(group)


def test_a_new_face_goes_to_the_cluster_that_stands():
    """Copies of a face join the one cluster that may take them, and a cluster of others is new."""
    rows = np.repeat(random_units(2, 8), [4, 2], axis=0)
    held = np.array([7, 7, ALONE, ALONE, ALONE, ALONE])
    labels = cluster(rows, np.arange(6), threshold=0.5, held=held)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1]
    with pytest.raises(ValueError, match="held"):
        cluster(rows, np.arange(6), threshold=0.5, held=held[:3])
