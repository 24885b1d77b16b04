"""Redis and Valkey over redis-py: a single server, Sentinel or Cluster."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

from .base import (
    Clock,
    Listing,
    Outcome,
    Replaced,
    as_bytes,
    milliseconds,
    operation,
    system_clock,
)

Many: TypeAlias = "list[Any]"
Texts: TypeAlias = "list[str]"

GONE, DONE, CHANGED = 0, 1, 2
OUTCOMES: dict[int, Outcome] = {GONE: "gone", DONE: "done", CHANGED: "conflict"}

# The time to live is in milliseconds; 0 of them is no time that SET takes.
REPLACE = """\
local now = redis.call('GET', KEYS[1])
if not now then return 0 end
if now ~= ARGV[1] then return 2 end
if ARGV[3] == '0' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1"""

DELETE_UNCHANGED = """\
local now = redis.call('GET', KEYS[1])
if not now then return 0 end
if now ~= ARGV[1] then return 2 end
redis.call('DEL', KEYS[1])
return 1"""

DIGESTS = {
    script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (REPLACE, DELETE_UNCHANGED)
}


class RedisCarrier:
    """Records as `SET key bytes EX seconds`, compared by a script on the server.

    A server without scripts, such as a fake without Lua, is asked with WATCH instead.
    """

    name = "redis"

    def __init__(self, client: Any, clock: Clock = system_clock) -> None:
        self.client = client
        self.clock = clock
        self.scripts = True

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        value = self._get(self.client, key)
        return None if value is None else (value, value)

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        left = milliseconds(expires, self.clock)
        if not left:
            return not self._command("EXISTS", key)
        return self._command("SET", key, data, "NX", "PX", left) is not None

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        left = milliseconds(expires, self.clock)
        outcome = self._compared(REPLACE, key, as_bytes(token), data, left)
        return outcome, (data if outcome == "done" else None)

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        return bool(self._command("PEXPIRE", key, milliseconds(expires, self.clock)))

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        self._command("DEL", key)

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        return self._compared(DELETE_UNCHANGED, key, as_bytes(token))

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        return 0, False

    @operation("listing sessions")
    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        place, scan = (cursor or "0:0").split(":", 1)
        nodes = self._nodes()
        if not (place.isascii() and place.isdecimal() and int(place) < len(nodes)):
            return [], None
        target = nodes[int(place)]
        options = {} if target is None else {"target_nodes": target}
        answer = self.client.execute_command(
            "SCAN", int(scan), "MATCH", literal(prefix), "COUNT", limit, **options
        )
        following, keys = self._scanned(answer)
        entries: list[tuple[str, int, float | None]] = []
        for key in dict.fromkeys(keys):
            left = int(self._command("PTTL", key))
            size = int(self._command("STRLEN", key))
            if left == -2:
                continue
            expires = self.clock() + left / 1000 if left >= 0 else None
            entries.append((key, size, expires))
        if following:
            return entries, f"{place}:{following}"
        if int(place) + 1 < len(nodes):
            return entries, f"{int(place) + 1}:0"
        return entries, None

    def _command(self, *parts: Any) -> Any:
        return self.client.execute_command(*parts)

    def _get(self, client: Any, key: str) -> bytes | None:
        # A client with decode_responses would take the record for text.
        value = client.execute_command("GET", key, NEVER_DECODE=True)
        return None if value is None else as_bytes(value)

    def _compared(self, script: str, key: str, seen: bytes, *more: Any) -> Outcome:
        if self.scripts:
            try:
                return OUTCOMES[int(self._evaluate(script, key, seen, *more))]
            except Exception as error:
                if "unknown command" not in str(error).lower():
                    raise
                self.scripts = False
        return self._watched(script, key, seen, *more)

    def _evaluate(self, script: str, key: str, *arguments: Any) -> Any:
        try:
            return self._command("EVALSHA", DIGESTS[script], 1, key, *arguments)
        except Exception as error:
            # The server has forgotten it, after a restart or a failover.
            if type(error).__name__ != "NoScriptError" and "NOSCRIPT" not in str(error):
                raise
            return self._command("EVAL", script, 1, key, *arguments)

    def _watched(
        self, script: str, key: str, seen: bytes, data: bytes = b"", left: int = 0
    ) -> Outcome:
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.watch(key)
            value = self._get(pipeline, key)
            if value is None:
                return "gone"
            if value != seen:
                return "conflict"
            pipeline.multi()
            if script is REPLACE and left:
                pipeline.set(key, data, px=left)
            else:
                pipeline.delete(key)
            try:
                pipeline.execute()
            except Exception as error:
                if type(error).__name__ != "WatchError":
                    raise
            else:
                return "done"
        # Written, touched, deleted or expired meanwhile: look which.
        value = self._get(self.client, key)
        if value is None:
            return "gone"
        return self._watched(script, key, seen, data, left) if value == seen else "conflict"

    def _nodes(self) -> Many:
        primaries = getattr(self.client, "get_primaries", None)
        if primaries is None:
            return [None]
        return sorted(primaries(), key=lambda node: str(node.name))

    def _scanned(self, answer: Any) -> tuple[int, Texts]:
        if isinstance(answer, dict):
            (answer,) = answer.values()
        following, keys = answer
        if isinstance(following, dict):
            (following,) = following.values()
        return int(following), [
            key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key) for key in keys
        ]


def literal(prefix: str) -> str:
    """A pattern for the keys that start with `prefix`, whatever stands in it."""
    return "".join(f"\\{letter}" if letter in "*?[]\\^" else letter for letter in prefix) + "*"
