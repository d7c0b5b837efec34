"""Calibrations of the album itself: a document for each recipe, which the gallery makes and reads."""

from __future__ import annotations

from sqlalchemy import delete, select

from facesearch.store.files import now
from facesearch.store.recipes import RecipeStore
from facesearch.store.schema import CalibrationRow


class CalibrationStore(RecipeStore):
    """The part of the store that keeps calibrations."""

    def save_calibration(self, recipe_key: str, document: str) -> None:
        """Keep a JSON document as the calibration of a recipe, instead of the one before.

        Raises:
            StoreError: the gallery has never seen the recipe.
        """
        with self.writing():
            row = {"recipe": recipe_key, "json": document, "at": now()}
            self._upsert(CalibrationRow, ("recipe",), [row])

    def calibration(self, recipe_key: str | None) -> str | None:
        """The JSON document of a recipe's calibration, or None."""
        query = select(CalibrationRow.json).where(CalibrationRow.recipe == recipe_key)
        with self._reader() as connection:
            return connection.execute(query).scalar_one_or_none()

    def calibrated(self) -> dict[str, str]:
        """When each recipe was calibrated, ISO 8601 by recipe key; those that are not active are among them."""
        with self._reader() as connection:
            return dict(connection.execute(select(CalibrationRow.recipe, CalibrationRow.at)).all())

    def drop_calibration(self, recipe_key: str | None) -> bool:
        """Forget a recipe's calibration. Returns whether there was one."""
        with self.writing():
            return self._write(delete(CalibrationRow).where(CalibrationRow.recipe == recipe_key)) > 0
