"""Whose a photo is: of machines that index the same ones, each leaves alone what the gallery or another one has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from facesearch.images.load import LoadedPhoto
    from facesearch.store.claims import Claims
    from facesearch.store.store import Store


@dataclass(slots=True)
class Shared:
    """What one run leaves alone, and what it has claimed.

    Attributes:
        recipe: the key of the recipe that photos are analysed by.
        everything: analyse what the gallery holds too.
        elsewhere: pixel hashes of photos that somebody else was working on, until ``came`` hears of them.
        claimed: pixel hashes of photos that are claimed and under way here, by path.
    """

    store: Store
    claims: Claims
    recipe: str
    everything: bool
    elsewhere: set[str] = field(default_factory=set)
    claimed: dict[Path, str] = field(default_factory=dict)

    def is_known(self, photo: LoadedPhoto) -> bool:
        """Whether to leave a photo alone: the gallery holds it, or somebody else is working on it. Else claims it."""
        if self.everything:
            # Everybody who asked for that gets it: what the gallery holds does not say when it was done.
            return False
        if self.holds([photo]):
            return True
        if not self.claims.take(photo.pixel_hash):
            self.elsewhere.add(photo.pixel_hash)
            return True
        if not self.claims.shared:
            return False
        if self.holds([photo]):
            # Somebody wrote it, and gave the claim back, between the two questions.
            self.claims.drop(photo.pixel_hash)
            return True
        self.claimed[photo.path] = photo.pixel_hash
        return False

    def holds(self, photos: list[LoadedPhoto]) -> set[str]:
        """The pixel hashes of those photos in which there is nothing to find any more."""
        held = self.store.held([photo.pixel_hash for photo in photos])
        return {
            photo.pixel_hash
            for photo in photos
            if photo.pixel_hash in held and held[photo.pixel_hash].is_current(self.recipe, photo.orientation)
        }

    def came(self, photo: LoadedPhoto) -> bool:
        """Note that the result of a photo is there. Returns whether it was left to somebody else."""
        self.claimed.pop(photo.path, None)
        left = photo.pixel_hash in self.elsewhere
        self.elsewhere.discard(photo.pixel_hash)
        return left

    def failed(self, path: Path) -> None:
        """Give the claim of a photo back that cannot be used here: others need not wait for the end of this run."""
        pixel_hash = self.claimed.pop(path, None)
        # A copy of the photo may be under way still.
        if pixel_hash is not None and pixel_hash not in self.claimed.values():
            self.claims.drop(pixel_hash)
