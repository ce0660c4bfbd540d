"""The tables of a database, brought to what this version of Primer knows (alembic).

A change of `primer/serve/tables.py` comes with a new file in `versions/`, whose `down_revision` names the one before.
"""

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from primer.core.errors import UserError


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of this version. Raises UserError if they are of a newer one."""
    script = ScriptDirectory(str(Path(__file__).parent))
    found = set(MigrationContext.configure(connection).get_current_heads())
    known = {revision.revision for revision in script.walk_revisions()}
    if newer := found - known:
        raise UserError(
            f"{connection.engine.url!r} was written by a newer version of Primer (its tables are of version "
            f"{', '.join(newer)}, this one knows {', '.join(sorted(known))}). Update Primer, or give another database."
        )
    return found == set(script.get_heads())


def migrate(connection: Connection) -> None:
    """Run the versions that the database has not seen, in the connection's transaction."""
    script = ScriptDirectory(str(Path(__file__).parent))

    def steps(at: tuple[str, ...], _: MigrationContext) -> list[MigrationStep]:
        newest_first = script.iterate_revisions("heads", at or "base")
        return [MigrationStep.upgrade_from_script(script.revision_map, each) for each in reversed([*newest_first])]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    with Operations.context(context):
        context.run_migrations()
