"""MongoDB over pymongo."""

from __future__ import annotations

import logging
import math
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from .base import Clock, Listing, Outcome, Replaced, as_bytes, describe, operation, system_clock

logger = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: How often a write is tried that others undo at the same time.
TRIES = 10


class MongoDBCarrier:
    """Documents `{id, val, expiration}`, compared by their `val` in the filter of the write."""

    name = "mongodb"

    def __init__(
        self,
        client: Any,
        database: str = "flask_session",
        collection: str = "sessions",
        clock: Clock = system_clock,
    ) -> None:
        self.records = client[database][collection]
        self.clock = clock
        self.ready = False
        self.preparing = threading.Lock()

    @operation("making the indexes")
    def prepare(self) -> None:
        """Makes the index by which the server removes what has expired, and the one by which records are found."""
        with self.preparing:
            if self.ready:
                return
            self.records.create_index("expiration", expireAfterSeconds=0)
            try:
                self.records.create_index("id", unique=True)
            except Exception as error:
                if not is_refusal(error):
                    raise
                # An older, plain index, or records that share an id: finding them comes first.
                logger.warning("mongodb: ids have no unique index: %s", describe(error))
            self.ready = True

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        self._prepared()
        document = self.records.find_one(self._live(key), {"val": 1})
        if document is None:
            return None
        data = as_bytes(document["val"])
        return data, data

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        self._prepared()
        for _ in range(TRIES):
            if self.records.find_one(self._live(key), {"_id": 1}) is not None:
                return False
            # One that has expired is overwritten; else the index on `id` lets one insert through.
            expired = {"id": key, "expiration": {"$not": {"$gt": self._now()}}}
            try:
                done = self.records.update_one(expired, self._written(data, expires), upsert=True)
            except Exception as error:
                if type(error).__name__ != "DuplicateKeyError":
                    raise
                continue
            return bool(done.matched_count or done.upserted_id is not None)
        raise TimeoutError("others write to this session all the time")

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        self._prepared()
        seen = self._live(key, as_bytes(token))
        done = self.records.update_one(seen, self._written(data, expires))
        if done.matched_count:
            return "done", data
        return self._refused(key), None

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        self._prepared()
        moved = {"$set": {"expiration": as_date(expires)}}
        return bool(self.records.update_one(self._live(key), moved).matched_count)

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        self._prepared()
        self.records.delete_many({"id": key})

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        self._prepared()
        if self.records.delete_one(self._live(key, as_bytes(token))).deleted_count:
            return "done"
        return self._refused(key)

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        return 0, False

    @operation("listing sessions")
    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        self._prepared()
        condition: dict[str, Any] = {
            "id": {"$regex": f"^{re.escape(prefix)}", "$gt": cursor or ""},
            "expiration": {"$gt": self._now()},
        }
        found = list(self.records.find(condition).sort("id", 1).limit(limit))
        entries: list[tuple[str, int, float | None]] = []
        for document in found:
            expires = (as_aware(document["expiration"]) - EPOCH).total_seconds()
            entries.append((document["id"], len(as_bytes(document["val"])), expires))
        return entries, (entries[-1][0] if len(found) == limit else None)

    def _prepared(self) -> None:
        if not self.ready:
            self.prepare()

    def _now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.clock())

    def _live(self, key: str, data: bytes | None = None) -> dict[str, Any]:
        live: dict[str, Any] = {"id": key, "expiration": {"$gt": self._now()}}
        if data is not None:
            live["val"] = data
        return live

    def _written(self, data: bytes, expires: float) -> dict[str, Any]:
        return {"$set": {"val": data, "expiration": as_date(expires)}}

    def _refused(self, key: str) -> Outcome:
        live = self.records.find_one(self._live(key), {"_id": 1})
        return "gone" if live is None else "conflict"


def as_date(expires: float) -> datetime:
    """A time as MongoDB keeps it, to the millisecond, rounded up."""
    return EPOCH + timedelta(milliseconds=math.ceil(expires * 1000))


def as_aware(date: datetime) -> datetime:
    """A date of a client with or without `tz_aware`."""
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def is_refusal(error: Exception) -> bool:
    """Whether the server was there and did not want it."""
    return any(kind.__name__ == "OperationFailure" for kind in type(error).__mro__)
