"""Calibrations of the album itself, and marks on photos."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calibration",
        sa.Column("recipe", sa.String(length=16), nullable=False),
        sa.Column("json", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.key"], name=op.f("fk_calibration_recipe_recipe")),
        sa.PrimaryKeyConstraint("recipe", name=op.f("pk_calibration")),
    )
    # A nullable column without a constraint needs no new table, so nothing refers to a table that is gone.
    op.add_column("photo", sa.Column("mark", sa.String(length=16), nullable=True))
