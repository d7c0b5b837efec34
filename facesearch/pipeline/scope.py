"""Which faces are looked for, and what does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from facesearch.detection.plugged import BUILT_IN, AbsentDetector, PluggedDetector
from facesearch.errors import ConfigError
from facesearch.images.load import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.detection.base import Detector
    from facesearch.detection.mtcnn import MtcnnSettings
    from facesearch.types import Recipe

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
        detector: one of the user's own, which looks for whatever it looks for, instead of the built-in one; it is in
            the recipe of a gallery.

    Raises:
        ConfigError: the smallest face was said beside a detector of the user's own, which has its own settings.
    """

    min_face: float | None = None
    thorough: bool = False
    device: str = "auto"
    threads: int | None = None
    max_megapixels: float = MAX_MEGAPIXELS
    detector: PluggedDetector | None = None

    def __post_init__(self) -> None:
        if self.detector is not None and self.min_face is not None:
            raise ConfigError(
                f"the smallest face is a setting of the built-in detector, not of {self.detector.name}",
                hint="set it where that detector is made",
            )


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


def detector_for(scope: Scope, *, threads: int, device: str, tell: Callable[[str], None]) -> Detector:
    """The detector of the user's own, else the built-in one.

    Args:
        scope: which faces are looked for.
        threads: threads inside one call of the built-in one.
        device: what runs the built-in one, as ``resolve_device`` gives it.
        tell: takes a line of progress while its models are fetched.

    Raises:
        ConfigError: the smallest face is none.
        ModelError: the models cannot be had.
    """
    if scope.detector is not None:
        return scope.detector
    from facesearch.detection.mtcnn import MtcnnDetector
    from facesearch.models import export

    return MtcnnDetector(export.mtcnn_networks(threads=threads, tell=tell, device=device), looked_for(scope))


def with_detector_of(recipe: Recipe, scope: Scope) -> Scope:
    """The scope with the detector that found a gallery's faces; where it was not given, with one that refuses to look.

    Raises:
        ConfigError: it is another one, or has other settings.
    """
    said = {name: value for name, value in recipe.settings if name.startswith("detector")}
    made_by, own = said.pop("detector", None), scope.detector
    if own is None:
        if made_by in BUILT_IN:
            return scope
        settings = {name.removeprefix("detector_"): value for name, value in said.items()}
        return replace(scope, detector=PluggedDetector(AbsentDetector(str(made_by), settings)))
    other = {f"detector_{name}": value for name, value in own.settings.items()} != said
    if made_by != own.name or other:
        how = f"by {made_by}, not by {own.name}" if made_by != own.name else f"by {made_by} with other settings"
        raise ConfigError(
            f"the faces of this gallery were found {how}",
            hint="open it with that one, or move it: Gallery.reindex, then Gallery.index(…, reprocess=True)",
        )
    return scope
