"""Memcached over pymemcache, pylibmc or python-memcached."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from .base import Clock, Listing, Outcome, Replaced, as_bytes, operation, system_clock

#: From here on memcached takes a number of seconds for a Unix time.
THIRTY_DAYS = 30 * 24 * 60 * 60

#: A moment that has passed: the first Unix time that is not taken for a number of seconds.
PASSED = THIRTY_DAYS + 1

#: Above, memcached takes a time for one before 1970.
LATEST = 2**31 - 1

#: The most bytes of a key.
LONGEST = 250

#: How often a record is looked at again that others write at the same time.
TRIES = 100


class Client(Protocol):
    """What the three client libraries have in common, once their differences are out of the way."""

    def gets(self, key: str) -> tuple[bytes, Any] | None: ...

    def add(self, key: str, data: bytes, expiry: int) -> bool: ...

    def cas(self, key: str, data: bytes, expiry: int, unique: Any) -> Outcome: ...

    def touch(self, key: str, expiry: int) -> bool | None:
        """None if the client or its server cannot."""

    def delete(self, key: str) -> None: ...


class Seen:
    """A record as it was seen: the server's number for it, and its bytes."""

    __slots__ = ("data", "unique")

    def __init__(self, data: bytes, unique: Any) -> None:
        self.data = data
        self.unique = unique

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and self.unique == other.unique

    def __hash__(self) -> int:
        return hash(self.unique)


class MemcachedCarrier:
    """Records as bytes with flags 0, compared by the server's CAS number."""

    name = "memcached"

    def __init__(self, client: Any, clock: Clock = system_clock) -> None:
        self.client = adapted(client)
        self.clock = clock

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        # A cookie can hold a longer id than was ever made; clients refuse to ask for it.
        if len(key.encode()) > LONGEST:
            return None
        found = self.client.gets(key)
        return None if found is None else (found[0], Seen(*found))

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        return self.client.add(key, data, self._expiry(expires))

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        unique, outcome = self._unique(key, token)
        if outcome is not None:
            return outcome, None
        outcome = self.client.cas(key, data, self._expiry(expires), unique)
        # The number that the server gave it is not told; the bytes are a token as well.
        return outcome, (data if outcome == "done" else None)

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        touched = self.client.touch(key, self._expiry(expires))
        if touched is not None:
            return touched
        for _ in range(TRIES):
            found = self.client.gets(key)
            if found is None:
                return False
            outcome = self.client.cas(key, found[0], self._expiry(expires), found[1])
            if outcome != "conflict":
                return outcome == "done"
        raise TimeoutError("others write to this session all the time")

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        self.client.delete(key)

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        unique, outcome = self._unique(key, token)
        if outcome is not None:
            return outcome
        # There is no delete that compares, but what has expired is gone.
        return self.client.cas(key, b"", PASSED, unique)

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        return 0, False

    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        return None

    def _unique(self, key: str, token: object) -> tuple[Any, Outcome | None]:
        if isinstance(token, Seen):
            return token.unique, None
        found = self.client.gets(key)
        if found is None:
            return None, "gone"
        return found[1], None if found[0] == as_bytes(token) else "conflict"

    def _expiry(self, expires: float) -> int:
        now = self.clock()
        if expires <= now:
            return PASSED
        # Its clock ticks once in a second: of the seconds that it is told, the first may be over at once.
        seconds = math.ceil(expires - now) + 1
        return seconds if seconds <= THIRTY_DAYS else min(int(now) + seconds, LATEST)


def adapted(client: Any) -> Client:
    """The client behind one interface; raises `TypeError` for a library that is not known."""
    library = type(client).__module__.partition(".")[0]
    for base in type(client).__mro__:
        library = base.__module__.partition(".")[0]
        if library in ADAPTERS:
            return ADAPTERS[library](client)
    raise TypeError(
        f"a memcached client of type {type(client).__module__}.{type(client).__qualname__} is not known: "
        "give one of pymemcache, pylibmc or python-memcached, or a URL such as memcached://host:11211"
    )


class Pymemcache:
    """pymemcache's `Client`, `PooledClient`, `HashClient` and what wraps them."""

    def __init__(self, client: Any) -> None:
        self.client = client
        inner = getattr(client, "_client", client)
        pooled = type(inner).__name__ == "PooledClient" or getattr(inner, "use_pooling", False)
        # A client that is no pool has one socket, which threads must not share.
        self.turn: contextlib.AbstractContextManager[Any] = (
            contextlib.nullcontext() if pooled else threading.Lock()
        )

    def gets(self, key: str) -> tuple[bytes, Any] | None:
        with self.turn:
            found = self.client.gets(key)
        if not found or found[0] is None:
            return None
        return as_bytes(found[0]), found[1]

    def add(self, key: str, data: bytes, expiry: int) -> bool:
        with self.turn:
            return bool(self.client.add(key, data, expire=expiry, noreply=False))

    def cas(self, key: str, data: bytes, expiry: int, unique: Any) -> Outcome:
        with self.turn:
            done = self.client.cas(key, data, unique, expire=expiry, noreply=False)
        return "gone" if done is None else "done" if done else "conflict"

    def touch(self, key: str, expiry: int) -> bool | None:
        with self.turn:
            return bool(self.client.touch(key, expire=expiry, noreply=False))

    def delete(self, key: str) -> None:
        with self.turn:
            self.client.delete(key, noreply=False)


class Pylibmc:
    """pylibmc's `Client`: a clone of it, with numbers for comparing switched on."""

    def __init__(self, client: Any) -> None:
        self.client = client
        # One clone has one socket, which threads must not share.
        self.turn = threading.Lock()
        self.clone: Any = None
        self.process: int | None = None

    def gets(self, key: str) -> tuple[bytes, Any] | None:
        # A key that pylibmc has to encode for `gets` is given back before it is sent (1.6.3), so that it asks for
        # whatever another thread writes there; bytes stay.
        encoded = key.encode()
        with self._turn() as clone:
            data, unique = clone.gets(encoded)
        return None if data is None else (as_bytes(data), unique)

    def add(self, key: str, data: bytes, expiry: int) -> bool:
        with self._turn() as clone:
            return bool(clone.add(key, data, time=expiry))

    def cas(self, key: str, data: bytes, expiry: int, unique: Any) -> Outcome:
        with self._turn() as clone:
            try:
                return "done" if clone.cas(key, data, unique, time=expiry) else "conflict"
            except Exception as error:
                if type(error).__name__ != "NotFound":
                    raise
                return "gone"

    def touch(self, key: str, expiry: int) -> bool | None:
        with self._turn() as clone:
            # Built without it, or with the binary protocol, whose touch libmemcached does not read right.
            if not hasattr(clone, "touch") or clone.binary:
                return None
            try:
                return bool(clone.touch(key, expiry))
            except Exception as error:
                if type(error).__name__ != "NotFound":
                    raise
                return False

    def delete(self, key: str) -> None:
        with self._turn() as clone:
            clone.delete(key)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Any]:
        with self.turn:
            if self.process != os.getpid():
                self.clone = self.client.clone()
                self.clone.behaviors = {"cas": True}
                self.process = os.getpid()
            yield self.clone


class PythonMemcached:
    """python-memcached's `Client`, which has a connection for each thread by itself.

    It answers for a server that is not there as if there were no record; here that is an error.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    def gets(self, key: str) -> tuple[bytes, Any] | None:
        with self._numbers() as numbers:
            data = self.client.gets(key)
            unique = next(iter(numbers.values()), None)
        if data is None or unique is None:
            self._insist(key)
            return None
        return as_bytes(data), unique

    def add(self, key: str, data: bytes, expiry: int) -> bool:
        return bool(self.client.add(key, data, time=expiry)) or self._insist(key)

    def cas(self, key: str, data: bytes, expiry: int, unique: Any) -> Outcome:
        # Without a number for the key it would write without comparing.
        with self._numbers() as numbers:
            numbers[key.encode()] = unique
            if self.client.cas(key, data, time=expiry):
                return "done"
        return "gone" if self.gets(key) is None else "conflict"

    def touch(self, key: str, expiry: int) -> bool | None:
        if self.client.touch(key, time=expiry):
            return True
        return self._insist(key)

    def delete(self, key: str) -> None:
        self.client.delete(key)
        self._insist(key)

    @contextlib.contextmanager
    def _numbers(self) -> Iterator[dict[bytes, Any]]:
        before = self.client.cache_cas, self.client.cas_ids
        numbers: dict[bytes, Any] = {}
        self.client.cache_cas, self.client.cas_ids = True, numbers
        try:
            yield numbers
        finally:
            self.client.cache_cas, self.client.cas_ids = before

    def _insist(self, key: str) -> bool:
        server, _ = self.client._get_server(key.encode())
        if server is None:
            raise ConnectionError("no memcached server answers")
        return False


ADAPTERS: dict[str, type[Pymemcache | Pylibmc | PythonMemcached]] = {
    "pymemcache": Pymemcache,
    "pylibmc": Pylibmc,
    "memcache": PythonMemcached,
}
