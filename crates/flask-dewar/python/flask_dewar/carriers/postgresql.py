"""PostgreSQL over psycopg or psycopg2: a pool, or one connection that threads take in turns."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from .base import Clock, Listing, Outcome, Replaced, as_bytes, operation, system_clock

Rows: TypeAlias = "list[Any]"

#: The column has no time zone, and is UTC.
EPOCH = datetime(1970, 1, 1)

OUTCOMES: dict[int, Outcome] = {0: "gone", 1: "conflict", 2: "done"}


class PostgreSQLCarrier:
    """Rows of the table that Flask-Session's development branch makes, compared by their `data` in the statement."""

    name = "postgresql"

    def __init__(
        self,
        client: Any,
        table: str = "flask_sessions",
        schema: str = "public",
        clock: Clock = system_clock,
    ) -> None:
        self.client = client
        self.schema = schema
        self.table = table
        self.place = f"{quoted(schema)}.{quoted(table)}"
        self.clock = clock
        self.ready = False
        self.preparing = threading.Lock()
        self.turn = threading.Lock()

    @operation("making the table")
    def prepare(self) -> None:
        """Makes the schema and the table if they are not there."""
        with self.preparing:
            if not self.ready:
                if not self._rows("SELECT to_regclass(%s)", self.place.replace("%%", "%"))[0][0]:
                    self._make()
                self.ready = True

    def _make(self) -> None:
        index = quoted(f"ix_{self.table[:53]}_expiry")
        # Of several processes one makes it, and the others find it made.
        statements = (
            f"SELECT pg_advisory_xact_lock({LOCK})",
            f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema)}",
            f"CREATE TABLE IF NOT EXISTS {self.place} ({COLUMNS})",
            f"CREATE INDEX IF NOT EXISTS {index} ON {self.place} (expiry)",
        )
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.replace("%%", "%"))

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        rows = self._select(f"SELECT data FROM {self.place} WHERE session_id = %s AND {LIVES}", key)
        if not rows:
            return None
        data = as_bytes(rows[0][0])
        return data, data

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        now = self._now()
        return bool(
            self._count(
                f"INSERT INTO {self.place} AS old (session_id, data, expiry, created) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (session_id) DO UPDATE "
                "SET data = excluded.data, expiry = excluded.expiry, created = excluded.created "
                "WHERE old.expiry IS NULL OR old.expiry <= %s OR old.data IS NULL",
                key, data, as_date(expires), now, now,
            )
        )  # fmt: skip

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        write = f"UPDATE {self.place} SET data = %s, expiry = %s WHERE session_id = %s AND {LIVES} AND data = %s"
        outcome = self._compared(
            write, key, data, as_date(expires), key, self._now(), as_bytes(token)
        )
        return outcome, (data if outcome == "done" else None)

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        write = f"UPDATE {self.place} SET expiry = %s WHERE session_id = %s AND {LIVES}"
        return bool(self._count(write, as_date(expires), key, self._now()))

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        self._count(f"DELETE FROM {self.place} WHERE session_id = %s", key)

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        write = f"DELETE FROM {self.place} WHERE session_id = %s AND {LIVES} AND data = %s"
        return self._compared(write, key, key, self._now(), as_bytes(token))

    @operation("removing expired sessions")
    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        past = "(expiry <= %s OR expiry IS NULL)"
        at = EPOCH + timedelta(seconds=now)
        # The array is made once, so the limit holds; rows that others lock are theirs to remove.
        removed = self._count(
            f"DELETE FROM {self.place} WHERE session_id = ANY (ARRAY(SELECT session_id FROM {self.place} "
            f"WHERE {past} LIMIT %s FOR UPDATE SKIP LOCKED)) AND {past}",
            at, limit, at,
        )  # fmt: skip
        return removed, removed == limit

    @operation("listing sessions")
    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        rows = self._select(
            f"SELECT session_id, octet_length(data), expiry FROM {self.place} "
            f"WHERE session_id > %s AND starts_with(session_id, %s) AND {LIVES} ORDER BY session_id LIMIT %s",
            cursor or "", prefix, now_last=limit,
        )  # fmt: skip
        entries: list[tuple[str, int, float | None]] = [
            (key, size, (expiry.replace(tzinfo=None) - EPOCH).total_seconds())
            for key, size, expiry in rows
        ]
        return entries, (entries[-1][0] if len(entries) == limit else None)

    def _now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.clock())

    def _prepared(self) -> None:
        if not self.ready:
            self.prepare()

    def _select(self, query: str, *parameters: Any, now_last: int | None = None) -> Rows:
        self._prepared()
        more = () if now_last is None else (now_last,)
        return self._rows(query, *parameters, self._now(), *more)

    def _rows(self, query: str, *parameters: Any) -> Rows:
        with self._cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def _count(self, statement: str, *parameters: Any) -> int:
        self._prepared()
        with self._cursor() as cursor:
            cursor.execute(statement, parameters)
            return int(cursor.rowcount)

    def _compared(self, write: str, key: str, *parameters: Any) -> Outcome:
        self._prepared()
        # Both parts see the table as it was when the statement began.
        rows = self._rows(
            f"WITH done AS ({write} RETURNING 1) SELECT CASE WHEN EXISTS (SELECT FROM done) THEN 2 "
            f"WHEN EXISTS (SELECT FROM {self.place} WHERE session_id = %s AND {LIVES}) THEN 1 ELSE 0 END",
            *parameters, key, self._now(),
        )  # fmt: skip
        return OUTCOMES[rows[0][0]]

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """A cursor in a transaction of its own, with plain rows, whatever the application likes."""
        client = self.client
        if hasattr(client, "getconn") and not hasattr(client, "connection"):
            # A pool of psycopg2.
            import psycopg2.extensions

            connection = client.getconn()
            try:
                with (
                    connection,
                    connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor,
                ):
                    yield cursor
            finally:
                client.putconn(connection)
        elif type(client).__module__.startswith("psycopg2"):
            import psycopg2.extensions

            with (
                self.turn,
                client,
                client.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor,
            ):
                yield cursor
        else:
            from psycopg.rows import tuple_row

            if hasattr(client, "getconn"):
                with (
                    client.connection() as connection,
                    connection.transaction(),
                    connection.cursor(row_factory=tuple_row) as cursor,
                ):
                    yield cursor
            else:
                with (
                    self.turn,
                    client.transaction(),
                    client.cursor(row_factory=tuple_row) as cursor,
                ):
                    yield cursor


COLUMNS = (
    "session_id VARCHAR(255) NOT NULL PRIMARY KEY, "
    "created TIMESTAMP WITHOUT TIME ZONE DEFAULT (NOW() AT TIME ZONE 'utc'), "
    "data BYTEA, expiry TIMESTAMP WITHOUT TIME ZONE"
)

LIVES = "expiry > %s AND data IS NOT NULL"

#: The advisory lock of those who make tables, the same as the native store's; the bytes of `dewar`.
LOCK = 0x64_6577_6172


def quoted(name: str) -> str:
    """A name in a statement that has parameters."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def as_date(expires: float) -> datetime:
    """An expiry as the column keeps it: naive, UTC, whole milliseconds rounded up."""
    return EPOCH + timedelta(milliseconds=math.ceil(expires * 1000))
