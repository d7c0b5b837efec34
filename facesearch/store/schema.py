"""The gallery's tables, as SQLAlchemy 2 typed models; ``migrations/`` builds the same ones step by step.

Ids that leave the database (``face``, ``photo``, ``event`` and the change log's ``seq``) are AUTOINCREMENT: SQLite
would otherwise give the id of a deleted face to the next one, and an index file that has not caught up yet would
answer with the wrong person. People leave by UUID.

Nothing here is particular to SQLite, except where an argument is named so: the same models make a PostgreSQL schema.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotation

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from facesearch.store.columns import Doubles, Embedding, FileName, RowId, ordered_string, ordered_text


class Base(DeclarativeBase):
    """Every constraint has a name, because a batch migration can only drop what it can name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class MetaRow(Base):
    """One row: which gallery this is and which state it is in; ``clusters`` is the highest number that one ever had."""

    __tablename__ = "meta"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    gallery: Mapped[str] = mapped_column(String(36))
    token: Mapped[str] = mapped_column(String(32))
    enrolments: Mapped[str] = mapped_column(String(32))
    recipe: Mapped[str | None] = mapped_column(String(16), ForeignKey("recipe.key"))
    clusters: Mapped[int | None] = mapped_column(Integer)


class CommitRow(Base):
    """Every state that the gallery has been in: the token of a commit and how far the change log reached then."""

    __tablename__ = "commit_log"

    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)


class RecipeRow(Base):
    """What made an embedding."""

    __tablename__ = "recipe"

    key: Mapped[str] = mapped_column(String(16), primary_key=True)
    json: Mapped[str] = mapped_column(Text)
    dim: Mapped[int] = mapped_column(Integer)


class CalibrationRow(Base):
    """What distances by a recipe mean in this very album, as JSON."""

    __tablename__ = "calibration"

    recipe: Mapped[str] = mapped_column(String(16), ForeignKey("recipe.key"), primary_key=True)
    json: Mapped[str] = mapped_column(Text)
    at: Mapped[str] = mapped_column(String(40))


class PhotoRow(Base):
    """One picture that was decoded and analysed. A file that could not be is a ``path`` with an ``error``.

    ``mark`` is what somebody said about it: "collage".
    """

    __tablename__ = "photo"
    __table_args__ = (
        CheckConstraint("status IN ('done', 'no_face')", name="status"),
        CheckConstraint("orientation BETWEEN 1 AND 8", name="orientation"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    byte_hash: Mapped[str] = mapped_column(String(64), index=True)
    pixel_hash: Mapped[str] = mapped_column(String(64), unique=True)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    orientation: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[str | None] = mapped_column(ordered_string(40))
    status: Mapped[str] = mapped_column(String(8))
    recipe: Mapped[str] = mapped_column(String(16), ForeignKey("recipe.key"))
    mark: Mapped[str | None] = mapped_column(String(16))


class RootRow(Base):
    """A folder that was indexed; a library that moved is one update here.

    ``host`` names the machine that it is on, where the gallery is on a server; it is empty in a gallery of one machine.
    """

    __tablename__ = "root"
    __table_args__ = (UniqueConstraint("host", "folder"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    host: Mapped[str] = mapped_column(String(255), server_default="")
    folder: Mapped[str] = mapped_column(FileName)


class PathRow(Base):
    """One file. ``error`` says why it could not be used, ``decoder`` by which decoders."""

    __tablename__ = "path"
    __table_args__ = (UniqueConstraint("root_id", "relative"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    root_id: Mapped[int] = mapped_column(RowId, ForeignKey("root.id", ondelete="CASCADE"))
    relative: Mapped[str] = mapped_column(FileName)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    byte_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    photo_id: Mapped[int | None] = mapped_column(RowId, ForeignKey("photo.id", ondelete="SET NULL"), index=True)
    last_seen: Mapped[str] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    decoder: Mapped[str | None] = mapped_column(Text)


class FaceRow(Base):
    """One detection in one photo, in pixels of the upright photo. ``landmarks`` are five x, y pairs."""

    __tablename__ = "face"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    photo_id: Mapped[int] = mapped_column(RowId, ForeignKey("photo.id", ondelete="CASCADE"), index=True)
    left: Mapped[float] = mapped_column(Double)
    top: Mapped[float] = mapped_column(Double)
    right: Mapped[float] = mapped_column(Double)
    bottom: Mapped[float] = mapped_column(Double)
    landmarks: Mapped[tuple[float, ...]] = mapped_column(Doubles)
    confidence: Mapped[float] = mapped_column(Double)
    quality: Mapped[float | None] = mapped_column(Double)


class EmbeddingRow(Base):
    """One unit vector. The key's order lets one recipe be streamed by face id."""

    __tablename__ = "embedding"

    face_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    recipe: Mapped[str] = mapped_column(String(16), ForeignKey("recipe.key"), primary_key=True)
    embedding: Mapped[bytes] = mapped_column(Embedding)


class PersonRow(Base):
    """Somebody with a name. ``folded`` is the name as it is looked up."""

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(ordered_text(), index=True)


class EnrolmentRow(Base):
    """A face that was given to a person: one at most, hence the key."""

    __tablename__ = "enrolment"
    __table_args__ = (CheckConstraint("source IN ('user', 'folder', 'region', 'auto')", name="source"),)

    face_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    person_id: Mapped[str] = mapped_column(String(36), ForeignKey("person.id", ondelete="CASCADE"), index=True)
    source: Mapped[str] = mapped_column(String(8))
    confirmed: Mapped[bool]


class RejectionRow(Base):
    """A face that is not this person, or, where ``person_id`` is null, not a face."""

    __tablename__ = "rejection"
    __table_args__ = (
        UniqueConstraint("face_id", "person_id"),
        # Nulls are distinct in a unique constraint, so "not a face" needs one of its own.
        Index(
            "ix_rejection_not_a_face",
            "face_id",
            unique=True,
            sqlite_where=text("person_id IS NULL"),
            postgresql_where=text("person_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    face_id: Mapped[int] = mapped_column(RowId, ForeignKey("face.id", ondelete="CASCADE"))
    person_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("person.id", ondelete="CASCADE"))


class IgnoredRow(Base):
    """A face of somebody whom nobody wants to name: a stranger."""

    __tablename__ = "ignored"

    face_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class ApartRow(Base):
    """Two unnamed faces that are two people; the other one as the journal speaks of it (``values.Place``)."""

    __tablename__ = "apart"

    face_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    other: Mapped[str] = mapped_column(String(160), primary_key=True)


class ClusterRow(Base):
    """A face in a group; ``position`` 0 is the most central one.

    Its row stays when it is named, so that taking the name back brings it back into its group.
    """

    __tablename__ = "cluster_member"
    __table_args__ = (Index(None, "cluster", "recipe"),)

    face_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("face.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    recipe: Mapped[str] = mapped_column(String(16), ForeignKey("recipe.key"), primary_key=True)
    cluster: Mapped[str] = mapped_column(ordered_string(40))
    position: Mapped[int] = mapped_column(Integer)


class EventRow(Base):
    """One decision. No foreign keys: the journal outlives the photos and people that it speaks of.

    ``action`` is shared by the events of one transaction. The box is in fractions of the stored, unrotated picture.
    """

    __tablename__ = "event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: Mapped[int] = mapped_column(RowId, primary_key=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    action: Mapped[str] = mapped_column(String(36), index=True)
    at: Mapped[str] = mapped_column(ordered_string(40), index=True)
    op: Mapped[str] = mapped_column(String(20))
    pixel_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    region: Mapped[tuple[float, ...] | None] = mapped_column(Doubles)
    person_id: Mapped[str | None] = mapped_column(String(36), index=True)
    payload: Mapped[str] = mapped_column(Text)


class TombstoneRow(Base):
    """A photo that was forgotten and must stay so: SHA-256 of the salt and the hash of its pixels, and the salt.

    All rows of a gallery share one salt. Whoever has the photo and the gallery can tell that the photo was forgotten.
    """

    __tablename__ = "tombstone"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))


class ErasureRow(Base):
    """What is being forgotten, as ids and hashes; there are rows only from the deletion until nothing is left of it."""

    __tablename__ = "erasure"

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(64), primary_key=True)


class ClaimRow(Base):
    """A picture that somebody is working on, in a gallery on a server; of no use beyond the run (``claims``)."""

    __tablename__ = "claim"

    pixel_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class ChangeRow(Base):
    """One embedding that came or went; what an index file catches up from. No foreign key: faces go, this stays."""

    __tablename__ = "change"
    __table_args__ = (CheckConstraint("op IN ('add', 'remove')", name="op"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(RowId, primary_key=True)
    face_id: Mapped[int] = mapped_column(RowId)
    op: Mapped[str] = mapped_column(String(6))
    recipe: Mapped[str] = mapped_column(String(16))
