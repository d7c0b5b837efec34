"""Ignored faces, faces kept apart, a journal read by action and time, forgotten photos, and roots of many machines."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FACE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ignored",
        sa.Column("face_id", _FACE, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_ignored_face_id_face"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id", name=op.f("pk_ignored")),
    )
    op.create_table(
        "apart",
        sa.Column("face_id", _FACE, autoincrement=False, nullable=False),
        sa.Column("other", sa.String(length=160), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_apart_face_id_face"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("face_id", "other", name=op.f("pk_apart")),
    )
    op.create_table(
        "tombstone",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "erasure",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_event_action"), "event", ["action"])
    op.create_index(op.f("ix_event_at"), "event", ["at"])
    op.add_column("meta", sa.Column("clusters", sa.Integer(), nullable=True))
    with op.batch_alter_table("root") as batch:
        batch.add_column(sa.Column("host", sa.String(length=255), server_default="", nullable=False))
        batch.drop_constraint("uq_root_folder", type_="unique")
        batch.create_unique_constraint(op.f("uq_root_host_folder"), ["host", "folder"])
