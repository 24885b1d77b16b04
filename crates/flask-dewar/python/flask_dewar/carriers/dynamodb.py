"""DynamoDB over a boto3 resource."""

from __future__ import annotations

import math
import threading
from decimal import Decimal
from enum import Enum
from typing import Any

from .base import Clock, Listing, Outcome, Replaced, as_bytes, operation, system_clock

LIVE = "expiration > :now AND attribute_exists(val)"


class Tables(Enum):
    """What to do about a table that is not there."""

    CREATE = "create"
    EXPECT = "expect"


class DynamoDBCarrier:
    """Items `{id, val, expiration}`, compared by their `val` in the condition of the write.

    It uses the resource's client: that is safe in threads, the resource is not.
    """

    name = "dynamodb"

    def __init__(
        self,
        resource: Any,
        table: str = "Sessions",
        tables: Tables = Tables.CREATE,
        clock: Clock = system_clock,
    ) -> None:
        self.client = resource.meta.client
        self.table = table
        self.tables = tables
        self.clock = clock
        self.ready = tables is Tables.EXPECT
        self.preparing = threading.Lock()

    @operation("making the table")
    def prepare(self) -> None:
        """Makes the table if it is not there, and has the server remove what expires."""
        with self.preparing:
            if self.ready:
                return
            try:
                self.client.describe_table(TableName=self.table)
            except self.client.exceptions.ResourceNotFoundException:
                self._make()
            self.ready = True

    def _make(self) -> None:
        try:
            self.client.create_table(
                TableName=self.table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        except self.client.exceptions.ResourceInUseException:
            # Another process was faster, and sees to the rest.
            self.client.get_waiter("table_exists").wait(TableName=self.table)
            return
        self.client.get_waiter("table_exists").wait(TableName=self.table)
        self.client.update_time_to_live(
            TableName=self.table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiration"},
        )

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        self._prepared()
        data = self._live(key)
        return None if data is None else (data, data)

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        free = "attribute_not_exists(id) OR attribute_not_exists(val) OR NOT expiration > :now"
        return self._write(key, free, data, expires)

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        if self._write(key, f"{LIVE} AND val = :seen", data, expires, as_bytes(token)):
            return "done", data
        return self._refused(key), None

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        self._prepared()
        return self._conditional(
            self.client.update_item,
            Key={"id": key},
            UpdateExpression="SET expiration = :expires",
            ConditionExpression=LIVE,
            ExpressionAttributeValues={":now": self._now(), ":expires": seconds(expires)},
        )

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        self._prepared()
        self.client.delete_item(TableName=self.table, Key={"id": key})

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        self._prepared()
        done = self._conditional(
            self.client.delete_item,
            Key={"id": key},
            ConditionExpression=f"{LIVE} AND val = :seen",
            ExpressionAttributeValues={":now": self._now(), ":seen": as_bytes(token)},
        )
        return "done" if done else self._refused(key)

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        return 0, False

    @operation("listing sessions")
    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        self._prepared()
        condition = LIVE
        values: dict[str, Any] = {":now": self._now()}
        if prefix:
            condition += " AND begins_with(id, :prefix)"
            values[":prefix"] = prefix
        options: dict[str, Any] = {"ExclusiveStartKey": {"id": cursor}} if cursor else {}
        page = self.client.scan(
            TableName=self.table,
            FilterExpression=condition,
            ExpressionAttributeValues=values,
            Limit=limit,
            **options,
        )
        entries: list[tuple[str, int, float | None]] = [
            (item["id"], len(bytes_of(item["val"])), float(item["expiration"]))
            for item in page["Items"]
        ]
        following = page.get("LastEvaluatedKey")
        return entries, (following["id"] if following else None)

    def _prepared(self) -> None:
        if not self.ready:
            self.prepare()

    def _now(self) -> Decimal:
        return Decimal(repr(self.clock()))

    def _live(self, key: str) -> bytes | None:
        answer = self.client.get_item(TableName=self.table, Key={"id": key}, ConsistentRead=True)
        item = answer.get("Item")
        # The server removes what has expired within days.
        if not item or "val" not in item or not item.get("expiration", 0) > self._now():
            return None
        return bytes_of(item["val"])

    def _refused(self, key: str) -> Outcome:
        return "gone" if self._live(key) is None else "conflict"

    def _write(
        self, key: str, condition: str, data: bytes, expires: float, seen: bytes | None = None
    ) -> bool:
        self._prepared()
        values: dict[str, Any] = {":now": self._now(), ":data": data, ":expires": seconds(expires)}
        if seen is not None:
            values[":seen"] = seen
        return self._conditional(
            self.client.update_item,
            Key={"id": key},
            UpdateExpression="SET val = :data, expiration = :expires",
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )

    def _conditional(self, call: Any, **arguments: Any) -> bool:
        try:
            call(TableName=self.table, **arguments)
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def seconds(expires: float) -> int:
    """A time as DynamoDB's own expiry takes it: whole seconds, rounded up."""
    return math.ceil(expires)


def bytes_of(value: Any) -> bytes:
    """What boto3 wraps as `Binary`."""
    return as_bytes(getattr(value, "value", value))
