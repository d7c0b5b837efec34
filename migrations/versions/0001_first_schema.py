"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Vector(sa.types.UserDefinedType):
    """pgvector's."""

    cache_ok = True

    def get_col_spec(self, **_):
        return "VECTOR"


# By code point, as SQLite orders it, whatever the language of a PostgreSQL database.
AT = sa.String(40).with_variant(sa.String(40, collation="C"), "postgresql")
FOLDED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "change",
        sa.Column("seq", ROW_ID, nullable=False),
        sa.Column("face_id", ROW_ID, nullable=False),
        sa.Column("op", sa.String(length=6), nullable=False),
        sa.Column("recipe", sa.String(length=16), nullable=False),
        sa.CheckConstraint("op IN ('add', 'remove')", name=op.f("ck_change_op")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "commit_log",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_commit_log")),
    )
    op.create_table(
        "event",
        sa.Column("seq", ROW_ID, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=36), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("op", sa.String(length=20), nullable=False),
        sa.Column("pixel_hash", sa.String(length=64), nullable=True),
        sa.Column("region", sa.LargeBinary(), nullable=True),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
        sa.UniqueConstraint("id", name=op.f("uq_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_person_id"), "event", ["person_id"], unique=False)
    op.create_index(op.f("ix_event_pixel_hash"), "event", ["pixel_hash"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", FOLDED, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_index(op.f("ix_person_folded"), "person", ["folded"], unique=False)
    op.create_table(
        "recipe",
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("json", sa.Text(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_recipe")),
    )
    op.create_table(
        "root",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("folder", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_root")),
        sa.UniqueConstraint("folder", name=op.f("uq_root_folder")),
    )
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("gallery", sa.String(length=36), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("enrolments", sa.String(length=32), nullable=False),
        sa.Column("recipe", sa.String(length=16), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_meta_single")),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.key"], name=op.f("fk_meta_recipe_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meta")),
    )
    op.create_table(
        "photo",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("byte_hash", sa.String(length=64), nullable=False),
        sa.Column("pixel_hash", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("orientation", sa.Integer(), nullable=False),
        sa.Column("taken_at", AT, nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("recipe", sa.String(length=16), nullable=False),
        sa.CheckConstraint("status IN ('done', 'no_face')", name=op.f("ck_photo_status")),
        sa.CheckConstraint("orientation BETWEEN 1 AND 8", name=op.f("ck_photo_orientation")),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.key"], name=op.f("fk_photo_recipe_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("pixel_hash", name=op.f("uq_photo_pixel_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_photo_byte_hash"), "photo", ["byte_hash"], unique=False)
    op.create_table(
        "face",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("photo_id", ROW_ID, nullable=False),
        sa.Column("left", sa.Double(), nullable=False),
        sa.Column("top", sa.Double(), nullable=False),
        sa.Column("right", sa.Double(), nullable=False),
        sa.Column("bottom", sa.Double(), nullable=False),
        sa.Column("landmarks", sa.LargeBinary(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_face_photo_id_photo"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_face_photo_id"), "face", ["photo_id"], unique=False)
    op.create_table(
        "path",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("root_id", ROW_ID, nullable=False),
        sa.Column("relative", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("byte_hash", sa.String(length=64), nullable=True),
        sa.Column("photo_id", ROW_ID, nullable=True),
        sa.Column("last_seen", sa.String(length=40), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("decoder", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_path_photo_id_photo"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["root_id"], ["root.id"], name=op.f("fk_path_root_id_root"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_path")),
        sa.UniqueConstraint("root_id", "relative", name=op.f("uq_path_root_id_relative")),
    )
    op.create_index(op.f("ix_path_byte_hash"), "path", ["byte_hash"], unique=False)
    op.create_index(op.f("ix_path_photo_id"), "path", ["photo_id"], unique=False)
    op.create_table(
        "cluster_member",
        sa.Column("face_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("recipe", sa.String(length=16), nullable=False),
        sa.Column("cluster", AT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["face_id"], ["face.id"], name=op.f("fk_cluster_member_face_id_face"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.key"], name=op.f("fk_cluster_member_recipe_recipe")),
        sa.PrimaryKeyConstraint("face_id", "recipe", name=op.f("pk_cluster_member")),
    )
    op.create_index(op.f("ix_cluster_member_cluster_recipe"), "cluster_member", ["cluster", "recipe"], unique=False)
    op.create_table(
        "embedding",
        sa.Column("face_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("recipe", sa.String(length=16), nullable=False),
        sa.Column("embedding", sa.LargeBinary().with_variant(Vector(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_embedding_face_id_face"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["recipe"], ["recipe.key"], name=op.f("fk_embedding_recipe_recipe")),
        sa.PrimaryKeyConstraint("face_id", "recipe", name=op.f("pk_embedding")),
    )
    op.create_table(
        "enrolment",
        sa.Column("face_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("source IN ('user', 'folder', 'region', 'auto')", name=op.f("ck_enrolment_source")),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_enrolment_face_id_face"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_enrolment_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("face_id", name=op.f("pk_enrolment")),
    )
    op.create_index(op.f("ix_enrolment_person_id"), "enrolment", ["person_id"], unique=False)
    op.create_table(
        "rejection",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("face_id", ROW_ID, nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_rejection_face_id_face"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_rejection_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejection")),
        sa.UniqueConstraint("face_id", "person_id", name=op.f("uq_rejection_face_id_person_id")),
    )
    op.create_index(
        "ix_rejection_not_a_face",
        "rejection",
        ["face_id"],
        unique=True,
        sqlite_where=sa.text("person_id IS NULL"),
        postgresql_where=sa.text("person_id IS NULL"),
    )
