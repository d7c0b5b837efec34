"""${message}.

Revision ${up_revision}, after ${down_revision | comma,n}, ${create_date}.

A batch operation on photo, face, event or change needs ``table_kwargs={"sqlite_autoincrement": True}``: the
program refuses a migration that loses it.
"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
