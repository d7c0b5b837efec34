"""Bring a database to this program's schema: make it, leave it, migrate it after a backup, or refuse it."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from facesearch.errors import SchemaTooNewError, StoreError
from facesearch.store.connection import new_token
from facesearch.store.schema import Base, CommitRow, MetaRow

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from facesearch.store.database import Database

# As Alembic makes it: the fast check and a new database must do without Alembic, whose import costs 0.1 s and more.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def migrations_folder() -> Path:
    """Where the migrations are: inside an installed package, else in the checkout.

    An editable install leaves a *copy* of them in site-packages that goes stale. It is not beside this module, which
    lies in the checkout then, so it is never used.

    Raises:
        StoreError: they are in neither place; the installation is broken.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file() and (folder / "versions").is_dir():
            return folder
    raise StoreError("the database migrations are missing from this installation", hint="install facesearch again")


def known_revisions(migrations: Path) -> list[str]:
    """The revisions that ``migrations`` holds, oldest first. Files are called ``NNNN_what_it_does.py``."""
    names = (re.fullmatch(r"(\d{4})_\w+\.py", file.name) for file in (migrations / "versions").iterdir())
    return sorted(name[1] for name in names if name)


def read_revision(engine: Engine) -> str | None:
    """The revision of the database; None for one that is empty.

    Raises:
        StoreError: the database is somebody else's.
    """
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            return None
        revision = None
        if _VERSION.name in tables and MetaRow.__tablename__ in tables:
            revision = connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()
    if revision is None:
        raise StoreError("this database is not a facesearch gallery", hint="choose another folder, or database")
    return str(revision)


def ensure_schema(database: Database) -> None:
    """Make or migrate the database where that is needed. A crash leaves the old state or the new one.

    Raises:
        SchemaTooNewError: the database was written by a newer facesearch.
        GalleryBusyError: somebody is writing while it must be changed.
        StoreError: it is not a gallery, or the migration failed; then nothing is changed.
    """
    migrations = migrations_folder()
    known = known_revisions(migrations)
    if read_revision(database.engine) == known[-1]:
        return
    with database.lock.hold():
        # Another process may have done it while this one waited.
        found = read_revision(database.engine)
        if found is None:
            database.prepare()
            with database.transaction() as connection:
                _create(connection, known[-1])
        elif found not in known:
            raise SchemaTooNewError(
                f"{database.name}: written by a newer facesearch (schema {found}, this one knows {known[-1]})",
                hint="update facesearch",
            )
        elif found != known[-1]:
            database.migrate(lambda connection: _run_alembic(connection, migrations))


def _create(connection: Connection, revision: str) -> None:
    Base.metadata.create_all(connection)
    _VERSION.create(connection)
    connection.execute(insert(_VERSION).values(version_num=revision))
    token = new_token()
    connection.execute(
        insert(MetaRow).values(id=1, gallery=str(uuid.uuid4()), token=token, enrolments=new_token(), recipe=None)
    )
    connection.execute(insert(CommitRow).values(token=token, seq=0))


def _run_alembic(connection: Connection, migrations: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # Alembic's settings are interpolated, so a percent sign in a folder's name must be doubled.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise StoreError(f"the database migration failed: {exc}") from exc
