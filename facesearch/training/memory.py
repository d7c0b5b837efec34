"""How large a mini-batch this machine holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from facesearch.training.embedder import FACENET
from facesearch.training.networks import network_info
from facesearch.training.sampler import FACES_A_PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.training.embedder import Plan

USUAL = 360
"""Faces of a mini-batch where there is room: nine people with all 40 faces, or 180 with two."""

PEOPLE = USUAL // FACES_A_PERSON
"""People of a mini-batch, at least, where they have photos enough."""

LEAST = 24
"""Below, a mini-batch has hardly a semi-hard negative for anybody."""

STANDING = 1_500_000_000
"""Bytes that TensorFlow, the weights and the optimizer take, whatever the mini-batch (1.1 to 1.4 GB measured)."""

FACENET_FACE, LAST_BLOCKS_FACE = 40_000_000, 2_000_000
"""Bytes a face of a mini-batch takes in a step: measured as the growth of the process from 8 to 24 faces (64 to 512 for
the last blocks), 36 and 1.7 million, rounded up; likewise ``NetworkInfo.face_bytes``."""

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def faces_at_once(
    plan: Plan, wanted: int | None, *, chunk: int = 0, tell: Callable[[str], None] = lambda _: None
) -> int:
    """Faces of a mini-batch: as many as are wanted, else ``USUAL`` or what half of this machine's memory holds.

    Args:
        plan: what learns.
        wanted: None for nothing said.
        chunk: faces that go through the network at once; 0 for all of them.
        tell: takes a warning where more are wanted than the memory holds, and what was chosen where it is less.
    """
    memory = _memory()
    if memory is None:
        return wanted or USUAL
    if wanted is None:
        fit = max(LEAST, (memory // 2 - STANDING) // face_bytes(plan))
        faces = USUAL if chunk else min(USUAL, fit)
        if faces < USUAL:
            tell(f"mini-batches of {faces} faces: half of the memory holds no more (--faces takes another number)")
        return faces
    needed = STANDING + (chunk or wanted) * face_bytes(plan)
    if needed > memory:
        held = f"{needed / 1e9:.1f} GB, and there are {memory / 1e9:.1f}"
        tell(f"warning: {chunk or wanted} faces at once take about {held}")
    return wanted


def faces_a_person_of(faces: int) -> int:
    """Faces of one person in a mini-batch of ``faces`` if nobody says how many: the paper's, or fewer in a small one.

    A mini-batch of two people with many faces has hardly a semi-hard negative.
    """
    return max(2, min(FACES_A_PERSON, faces // PEOPLE))


def face_bytes(plan: Plan) -> int:
    """What a face of a mini-batch takes in a step, forward and back."""
    if plan.network == FACENET:
        return FACENET_FACE if plan.blocks is None else LAST_BLOCKS_FACE
    return network_info(plan.network).face_bytes


def _memory() -> int | None:
    """Bytes of memory that this process may take: the machine's, or a container's limit. None where nobody says."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    try:
        limit = int(_CGROUP.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return whole
    return min(whole, limit)
