"""The front end of a gallery: vectors of two recipes never meet, so the gallery's own recipe decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesearch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from facesearch.pipeline import FrontEnd
    from facesearch.store.store import Store
    from facesearch.types import Recipe


def take_recipe(store: Store, recipe: Recipe, *, instead_of: str | None = None) -> None:
    """Make sure, in a transaction, that vectors of a recipe belong into the gallery; a new gallery takes it as its own.

    Args:
        store: in ``writing``.
        recipe: whose vectors are to be written.
        instead_of: the recipe that this one may take the place of.

    Raises:
        ConfigError: another process moved the gallery to another recipe meanwhile.
    """
    active = store.state().recipe
    if active not in (None, recipe.key, instead_of):
        raise ConfigError(
            "the gallery was moved to other models or settings meanwhile; what was done before is kept",
            hint="run the same command again to go on",
        )
    if active != recipe.key:
        store.use_recipe(recipe)


class FrontEnds:
    """Makes a gallery's front end on first use, and anew where another process moved the gallery to another recipe.

    Args:
        store: knows the recipe.
        make: today's front end.
        rebuild: the front end of an earlier recipe; None where there is no choice but today's.
    """

    def __init__(
        self, store: Store, make: Callable[[], FrontEnd], rebuild: Callable[[Recipe], FrontEnd] | None = None
    ) -> None:
        self._store = store
        self._make = make
        self._rebuild = rebuild
        self._wanted: FrontEnd | None = None
        self._current: FrontEnd | None = None

    def use(self, front_end: FrontEnd) -> None:
        """Take this one, whatever the gallery's recipe."""
        self._wanted = self._current = front_end
        self._rebuild = None

    def wanted(self) -> FrontEnd:
        """The front end that was asked for, by which a new gallery is made and an old one is embedded anew."""
        if self._wanted is None:
            self._wanted = self._make()
        return self._wanted

    def current(self) -> FrontEnd:
        """The front end of the gallery's recipe where it can be made, else the one that was asked for."""
        active = self._store.state().recipe
        if self._current is None or active not in (None, self._current.recipe.key):
            self._current = self.wanted()
            if self._rebuild is not None and active not in (None, self._current.recipe.key):
                self._current = self._rebuild(next(one for one in self._store.recipes() if one.key == active))
        return self._current

    def of(self, recipe: Recipe) -> FrontEnd:
        """The front end of any recipe that the gallery knows.

        Raises:
            ConfigError: it cannot be made here.
            ModelError: its models cannot be had.
        """
        if self._rebuild is None:
            raise ConfigError(f"vectors of the recipe {recipe.key} cannot be made here")
        return self._rebuild(recipe)

    def checked(self) -> FrontEnd:
        """The front end of the gallery's recipe.

        Raises:
            ConfigError: it cannot be made here.
        """
        current = self.current()
        active = self._store.state().recipe
        if active not in (None, current.recipe.key):
            raise ConfigError(
                f"this gallery was made with other models or settings (recipe {active})",
                hint="use the same --engine as for indexing, or embed its faces anew: facesearch reindex",
            )
        return current
