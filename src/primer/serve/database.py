"""SQLite as it is, or PostgreSQL by URL: transactions, and a person's words for what goes wrong."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from primer.core.errors import UserError
from primer.core.files import explain_os_error
from primer.serve.migrations import is_current, migrate

MIGRATION_LOCK = 7_076_737  # any number: who brings PostgreSQL's tables up to date holds the lock of this name

ADVICE = {  # by what SQLite says
    "locked": "Another program is writing to it and does not come to an end: close that one, or try again.",
    "readonly": "Make the file and its folder writable, or give another database.",
    "unable to open": "Make its folder readable and writable, or give another database.",
    "full": "Make room on the disk, and try again.",
    "not a database": "Give the file of another database, or one that does not exist yet.",
    "malformed": "The file is damaged: restore it, or give another database.",
}


class StoreError(UserError):
    """A database that cannot be opened, read or written."""


class Database:
    """Transactions on the tables of this version of Primer."""

    def __init__(self, address: str, busy_seconds: float, must_exist: bool) -> None:
        """`busy_seconds`: how long to wait for other programs that write to a SQLite file.

        Raises StoreError for a URL of another kind, or a database that cannot be opened; UserError for one that was
        written by a newer version of Primer.
        """
        self.url = parse(address)
        if self.url.get_backend_name() == "sqlite":
            if self.url.database and "uri" not in self.url.query:
                check_file(Path(self.url.database), must_exist)
            self.engine = sqlite_engine(self.url, busy_seconds)
        else:
            self.engine = postgresql_engine(self.url)
        self._writer = self.engine.execution_options(writes=True)
        self._bring_up_to_date()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads. Raises StoreError if the database does not answer."""
        with self._explained(), Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is kept whole at the end of the block, or not at all if anything is raised in it.

        Raises StoreError for a database that is locked, read-only or away.
        """
        with self._explained(), Session(self._writer) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _bring_up_to_date(self) -> None:
        with self.reading() as session:
            if is_current(session.connection()):  # then a read-only database can be read
                return
        with self.writing() as session:
            if self.url.get_backend_name() == "postgresql":
                session.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            migrate(session.connection())

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            said = " ".join(str(error.orig).split()).rstrip(".?")
            advice = next((text for part, text in ADVICE.items() if part in said), "Check the URL and the server.")
            raise StoreError(
                f"the database {self.url!r} cannot be used: {said}. {advice} What it had kept before is not lost."
            ) from error


def parse(address: str) -> URL:
    """The URL, with the driver that Primer uses. Raises StoreError for one of another kind."""
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise StoreError(
            f"{address!r} is no URL of a database. Give one such as sqlite:///runs/primer.db or "
            "postgresql://user:password@host/name."
        ) from error
    if url.get_backend_name() not in ("sqlite", "postgresql", "postgres"):
        raise StoreError(f"{url!r} is of a kind that is not supported. Give one of sqlite:///… or postgresql://….")
    return url if url.get_backend_name() == "sqlite" else url.set(drivername="postgresql+psycopg")


def check_file(file: Path, must_exist: bool) -> None:
    """Make the folder of a SQLite file. Raises StoreError if the file must be there and is not."""
    if must_exist and not file.exists():
        raise StoreError(f"there is no database {file}. Talk to a model on the page first, or give another --database.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, file.parent) from error


def sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    """SQLite, for many threads and several processes at once.

    With a write-ahead log (WAL) readers and the one writer do not wait for each other. A transaction that writes says
    so at once: one that had read before would fail, without waiting, where another has written since
    (SQLITE_BUSY_SNAPSHOT, https://www.sqlite.org/isolation.html).
    """
    engine = create_engine(url, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        connection.create_function("lower", 1, str.lower, deterministic=True)  # SQLite's own knows A to Z alone
        connection.execute("PRAGMA foreign_keys = ON")
        with suppress(sqlite3.OperationalError):  # a read-only file stays as it is
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_writer = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


def postgresql_engine(url: URL) -> Engine:
    """PostgreSQL. Raises StoreError without its driver."""
    try:
        return create_engine(url, pool_pre_ping=True)  # a connection may have died while the page was idle
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError("PostgreSQL needs a driver: pip install 'primer-lm[postgres]'.") from error
