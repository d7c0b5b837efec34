"""Alembic's entry point. The program hands its own connection over. A developer names an up-to-date gallery:

    alembic -x gallery=…/gallery.sqlite revision --autogenerate --rev-id 0002 -m "what it does"

The program has begun the transaction, switched foreign keys off, and checks and commits at the end
(``facesearch/store/migrate.py``): SQLite's DDL is transactional when the driver is kept from committing before it.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from facesearch.store.schema import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
        transaction_per_migration=False,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    path = context.get_x_argument(as_dictionary=True).get("gallery", "")
    with create_engine(f"sqlite:///{path}").connect() as opened:
        run(opened)
