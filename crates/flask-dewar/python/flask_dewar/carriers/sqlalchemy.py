"""SQL databases over a Flask-SQLAlchemy instance, or an engine of SQLAlchemy."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from .base import Clock, Listing, Outcome, Replaced, as_bytes, operation, system_clock

T = TypeVar("T")

#: The column has no time zone, and is UTC.
EPOCH = datetime(1970, 1, 1)

#: How often a transaction is tried that the database gave up for another.
TRIES = 10

#: Deadlocks and lock timeouts of MySQL, deadlocks and serialization failures by SQLSTATE.
GIVEN_UP = {1205, 1213, "40001", "40P01"}

#: SQLite's code for a file that another transaction writes to; in the lowest byte of its longer ones.
SQLITE_BUSY = 5


class SQLAlchemyCarrier:
    """Rows of Flask-Session's table, compared by their `data` in the statement.

    Its transactions are its own: the application's `db.session` is neither committed nor rolled back. The table is not
    in the application's metadata, so that a model of the same table does no harm.
    """

    name = "sqlalchemy"

    def __init__(
        self,
        engine: Callable[[], sa.Engine],
        table: str = "sessions",
        schema: str | None = None,
        sequence: str | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.engine = engine
        self.table = session_table(table, schema, sequence)
        self.clock = clock
        self.ready = False
        self.preparing = threading.Lock()
        self.turn = threading.RLock()

    @operation("making the table")
    def prepare(self) -> None:
        """Makes the table if it is not there."""
        with self.preparing:
            if self.ready:
                return
            engine = self.engine()
            with self._turn(engine):
                try:
                    self.table.create(engine, checkfirst=True)
                except sa.exc.DBAPIError as error:
                    refuse_locked(error)
                    # Another process was faster.
                    if not sa.inspect(engine).has_table(self.table.name, self.table.schema):
                        raise
            self.ready = True

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        found = self._run(lambda connection: self._data(connection, key))
        return None if found is None else (found, found)

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        row = {"data": data, "expiry": as_date(expires)}
        anew = self.table.update().where(self._key(key), sa.not_(self._lives())).values(row)
        insert = self.table.insert().values(session_id=key, **row)
        for _ in range(TRIES):
            try:
                self._run(lambda connection: connection.execute(insert))
                return True
            except sa.exc.IntegrityError:
                pass
            if self._changed(anew):
                return True
            if self._run(lambda connection: self._data(connection, key)) is not None:
                return False
        raise TimeoutError("others write to this session all the time")

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        values = {"data": data, "expiry": as_date(expires)}
        outcome = self._compared(self.table.update().values(values), key, as_bytes(token))
        return outcome, (data if outcome == "done" else None)

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        moved = self.table.update().where(self._key(key), self._lives())
        moved = moved.values(expiry=as_date(expires))
        return bool(self._changed(moved))

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        self._run(lambda connection: connection.execute(self.table.delete().where(self._key(key))))

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        return self._compared(self.table.delete(), key, as_bytes(token))

    @operation("removing expired sessions")
    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        columns = self.table.c
        # Old versions of Flask-Session left rows without an expiry, and take them for expired.
        past = sa.or_(columns.expiry.is_(None), columns.expiry <= moment(now))
        some = sa.select(columns.id).where(past).limit(limit)

        def remove(connection: sa.Connection) -> tuple[int, bool]:
            ids = [row.id for row in connection.execute(some)]
            if not ids:
                return 0, False
            removed = connection.execute(self.table.delete().where(columns.id.in_(ids), past))
            return removed.rowcount, len(ids) == limit

        return self._run(remove)

    @operation("listing sessions")
    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        columns = self.table.c
        page = (
            sa.select(columns.session_id, sa.func.length(columns.data), columns.expiry)
            .where(columns.session_id > (cursor or ""), self._lives())
            .order_by(columns.session_id)
            .limit(limit)
        )
        if prefix:
            page = page.where(columns.session_id.startswith(prefix, autoescape=True))
        rows = self._run(lambda connection: connection.execute(page).all())
        entries: list[tuple[str, int, float | None]] = [
            (key, int(size), (expiry.replace(tzinfo=None) - EPOCH).total_seconds())
            for key, size, expiry in rows
            # Some databases compare text without its case.
            if key.startswith(prefix)
        ]
        return entries, (rows[-1][0] if len(rows) == limit else None)

    def _key(self, key: str) -> sa.ColumnElement[bool]:
        return self.table.c.session_id == key

    def _lives(self) -> sa.ColumnElement[bool]:
        columns = self.table.c
        return sa.and_(
            columns.expiry.is_not(None),
            columns.expiry > moment(self.clock()),
            columns.data.is_not(None),
        )

    def _data(self, connection: sa.Connection, key: str) -> bytes | None:
        query = sa.select(self.table.c.data).where(self._key(key), self._lives())
        data = connection.execute(query).scalar()
        return None if data is None else as_bytes(data)

    def _compared(self, write: sa.Update | sa.Delete, key: str, seen: bytes) -> Outcome:
        for _ in range(TRIES):
            condition = sa.and_(self._key(key), self._lives(), self.table.c.data == seen)
            statement = write.where(condition)
            if self._changed(statement):
                return "done"
            found = self._run(lambda connection: self._data(connection, key))
            if found != seen:
                return "gone" if found is None else "conflict"
            # A row that was being written is overlooked by some databases at some isolation levels.
        raise TimeoutError("others write to this session all the time")

    def _changed(self, write: sa.Update | sa.Delete) -> int:
        return self._run(lambda connection: connection.execute(write).rowcount)

    def _run(self, work: Callable[[sa.Connection], T]) -> T:
        if not self.ready:
            self.prepare()
        engine = self.engine()
        for attempt in range(TRIES):
            try:
                with self._turn(engine), engine.begin() as connection:
                    return work(connection)
            except sa.exc.DBAPIError as error:
                refuse_locked(error)
                # Nothing of it was kept, or, if a connection was lost, what was kept is noticed.
                if attempt + 1 == TRIES or not may_repeat(error, attempt):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _turn(self, engine: sa.Engine) -> AbstractContextManager[Any]:
        # All threads have one connection, as with SQLite in memory.
        return self.turn if isinstance(engine.pool, StaticPool) else nullcontext()


def session_table(name: str, schema: str | None, sequence: str | None) -> sa.Table:
    """The table as Flask-Session makes it. An index on `expiry` is nothing that its model knows, and the application's
    migrations would drop it."""
    number = (sa.Sequence(sequence),) if sequence else ()
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.Integer, *number, primary_key=True),
        sa.Column("session_id", sa.String(255), unique=True),
        sa.Column("data", sa.LargeBinary),
        sa.Column("expiry", sa.DateTime),
        schema=schema,
    )


def refuse_locked(error: sa.exc.DBAPIError) -> None:
    """Raises what is known of an SQLite file that stayed locked for as long as its driver waits.

    SQLite has one writer at a time. The session is written by a connection of its own when the response is made: a
    transaction that the request itself has open by then never gives way.
    """
    if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == SQLITE_BUSY:
        raise TimeoutError(
            "database is locked: some transaction wrote to this SQLite file and is still open. If it is the request's "
            "own db.session, commit it before the response is returned, not in teardown_request; "
            "the session is saved before that"
        ) from None


def may_repeat(error: sa.exc.DBAPIError, attempt: int) -> bool:
    """Whether the database gave this transaction up for another, or its connection was a stale one."""
    original = error.orig
    arguments = getattr(original, "args", ())
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    given_up = state in GIVEN_UP or bool(arguments and arguments[0] in GIVEN_UP)
    return given_up or (error.connection_invalidated and attempt == 0)


def as_date(expires: float) -> datetime:
    """An expiry as the column keeps it: naive, UTC, whole seconds rounded up, as MySQL's have no more."""
    return EPOCH + timedelta(seconds=math.ceil(expires))


def moment(now: float) -> datetime:
    """A time to compare the column with."""
    return EPOCH + timedelta(seconds=now)


def engine_of(client: Any, bind_key: str | None, config: Any) -> Callable[[], sa.Engine]:
    """How to find the engine of a Flask-SQLAlchemy instance, within a request or without."""
    if isinstance(client, sa.Engine):
        return lambda: client

    found: list[sa.Engine] = []

    def find() -> sa.Engine:
        if not found:
            found.append(_engines(client, config)[bind_key])
        return found[0]

    return find


def _engines(client: Any, config: Any) -> Any:
    app = app_of(client, config)
    if app is None:
        return client.engines
    with app.app_context():
        return client.engines


def app_of(client: Any, config: Any) -> Any:
    """The application that a Flask-SQLAlchemy instance was given and that has this configuration, or a copy of it."""
    apps = list(getattr(client, "_app_engines", {}))
    same = [app for app in apps if app.config is config]
    keys = ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS")
    same = same or [
        app for app in apps if all(app.config.get(key) == config.get(key) for key in keys)
    ]
    return same[0] if len(same) == 1 else None
