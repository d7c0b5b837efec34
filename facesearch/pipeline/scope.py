"""Which faces are looked for, and what does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from facesearch.errors import ConfigError
from facesearch.images.load import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from facesearch.detection.mtcnn import MtcnnSettings

Engine = Literal["onnx", "reference"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which faces are looked for, and by what.

    The vectors of a gallery do not depend on it, only the recipe of a new one does: ``thorough`` embeds each face from
    more crops, and a processor may do so in 8 bits.

    Attributes:
        min_face: the smallest face: below 1 a share of the photo's longer side, from 1 on pixels of the full photo;
            None for the default, 1/25.
        thorough: look for crowds: smaller faces, in more detail, for several times the time.
        device: what runs the networks, a name of ``models.device``.
        threads: threads inside one network call; None for one a core.
        max_megapixels: larger photos are refused.
    """

    min_face: float | None = None
    thorough: bool = False
    device: str = "auto"
    threads: int | None = None
    max_megapixels: float = MAX_MEGAPIXELS


USUAL = Scope()


def looked_for(scope: Scope) -> MtcnnSettings:
    """What the detector is told.

    Raises:
        ConfigError: the smallest face is none.
    """
    from facesearch.detection.mtcnn import MtcnnSettings

    if scope.min_face is not None and scope.min_face <= 0:
        raise ConfigError(f"the smallest face must be larger than nothing, not {scope.min_face:g}")
    settings = MtcnnSettings.thorough() if scope.thorough else MtcnnSettings()
    return settings if scope.min_face is None else replace(settings, min_face=scope.min_face)
