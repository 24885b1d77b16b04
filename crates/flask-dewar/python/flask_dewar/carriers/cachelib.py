"""Any cache of cachelib."""

from __future__ import annotations

import copy
import io
import logging
import math
import os
import pickle
import pickletools
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

from .._native import decode
from .base import Clock, Listing, Outcome, Replaced, as_bytes, operation, system_clock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

Session: TypeAlias = "dict[str, Any]"


class CachelibCarrier:
    """Sessions as the dicts themselves, as Flask-Session keeps them in a cache.

    A cache cannot compare. What looks and then writes takes a lock: between threads, and between the processes of a
    machine where the cache is a folder. Processes that share another cache do not see each other's locks.
    """

    name = "cachelib"

    def __init__(
        self,
        cache: Any,
        encode: Callable[[Session], bytes],
        decode: Callable[[bytes], Session],
        clock: Clock = system_clock,
    ) -> None:
        self.cache = careful(cache)
        self.encode = encode
        self.decode = decode
        self.clock = clock
        folder = getattr(cache, "_path", None)
        self.folder = folder if isinstance(folder, str) else None
        self.locks = locks_of(cache)

    @operation("loading a session")
    def load(self, key: str) -> tuple[bytes, object] | None:
        data = self._data(key)
        return None if data is None else (data, data)

    @operation("creating a session")
    def create(self, key: str, data: bytes, expires: float) -> bool:
        with self._locked(key):
            if self._data(key) is not None:
                return False
            self._set(key, self.decode(data), expires)
            return True

    @operation("replacing a session")
    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        with self._locked(key):
            found = self._data(key)
            if found is None:
                return "gone", None
            if found != as_bytes(token):
                return "conflict", None
            session = self.decode(data)
            self._set(key, session, expires)
            return "done", self.encode(session)

    @operation("extending a session")
    def touch(self, key: str, expires: float) -> bool:
        with self._locked(key):
            session = self._session(key)
            if session is None:
                return False
            self._set(key, session, expires)
            return True

    @operation("deleting a session")
    def delete(self, key: str) -> None:
        with self._locked(key):
            self.cache.delete(key)

    @operation("deleting a session")
    def delete_unchanged(self, key: str, token: object) -> Outcome:
        with self._locked(key):
            found = self._data(key)
            if found is None:
                return "gone"
            if found != as_bytes(token):
                return "conflict"
            self.cache.delete(key)
            return "done"

    @operation("removing expired sessions")
    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        # Only caches that do not expire records by themselves have this; it tells no number.
        remove = getattr(self.cache, "_remove_expired", None)
        if remove is not None:
            remove(now)
        return 0, False

    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        return None

    def _session(self, key: str) -> Session | None:
        found = self.cache.get(key)
        if found is None:
            return None
        if not isinstance(found, dict):
            logger.warning("cachelib: a record is no session, and is taken for absent")
            return None
        return found

    def _data(self, key: str) -> bytes | None:
        session = self._session(key)
        if session is None:
            return None
        try:
            return self.encode(session)
        except Exception as error:  # noqa: BLE001
            # As with a record that cannot be read.
            logger.warning(
                "cachelib: a record holds what cannot be kept here (%s), and is taken for absent",
                type(error).__name__,
            )
            return None

    def _set(self, key: str, session: Session, expires: float) -> None:
        # A cache counts whole seconds from the running one.
        timeout = math.ceil(expires) - int(self.clock())
        if expires <= self.clock():
            self.cache.delete(key)
        elif not self.cache.set(key, session, timeout):
            raise OSError("the cache did not keep the record")

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        with ExitStack() as held:
            held.enter_context(self.locks[zlib.crc32(key.encode()) % len(self.locks)])
            if self.folder is not None and fcntl is not None:
                # A name that the cache takes for one of its own temporary files, and leaves alone.
                path = os.path.join(self.folder, "dewar.__wz_cache")
                # A link that somebody put there would make a file elsewhere.
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                file = held.enter_context(open(os.open(path, flags, 0o600), "rb", buffering=0))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def careful(cache: Any) -> Any:
    """The same cache, reading without running anything, and never evicting a live session.

    A copy: the application may keep other things in its own.
    """
    ours = copy.copy(cache)
    if hasattr(ours, "serializer"):
        ours.serializer = PlainSerializer(ours.serializer)
    if hasattr(ours, "_threshold"):
        # For a folder 0 means no limit, for a dict the default one.
        ours._threshold = 0 if hasattr(ours, "_path") else 2**63
    return ours


class PlainSerializer:
    """A cache's serializer, but for pickles, of which only plain types are read."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def dump(self, value: Any, file: Any, *arguments: Any) -> None:
        self.original.dump(value, file, *arguments)

    def dumps(self, value: Any, *arguments: Any) -> Any:
        return self.original.dumps(value, *arguments)

    def load(self, file: Any) -> Any:
        return self._load(file)

    def loads(self, value: bytes | None) -> Any:
        # Redis: a mark before a pickle, and numbers without one; a dict in this process: none.
        if value is None or not isinstance(value, bytes):
            return None
        start = 1 if value.startswith(b"!") else 0
        return self._load(io.BytesIO(value[start:]))

    def _load(self, file: Any) -> Any:
        try:
            record = file.read()
            if is_number(record):
                return pickle.loads(record)
            if not is_bounded(record):
                raise pickle.UnpicklingError("not what is written for plain types")
            return PlainUnpickler(io.BytesIO(record)).load()
        except Exception as error:  # noqa: BLE001
            # As the original does; what it would show may hold a session.
            logger.warning(
                "cachelib: a record cannot be read, or holds what cannot be kept here: %s",
                type(error).__name__,
            )
            return None


def is_number(record: bytes) -> bool:
    """Whether a pickle is a whole number, as a folder's count of files is."""
    return len(record) < 32 and all(
        operation.name in NUMBER for operation, _, _ in pickletools.genops(record)
    )


NUMBER = frozenset({"PROTO", "FRAME", "BININT", "BININT1", "BININT2", "INT", "STOP"})


def is_bounded(record: bytes) -> bool:
    """Whether the engine can read a pickle: that it asks for no more memory than there is in it.

    Python's own reader takes gigabytes for a planted one of ten bytes. Nothing that begins so is a session in another format.
    """
    return record.startswith((b"\x80", b"(", b"}")) and decode(record, "pickle") is not None


class PlainUnpickler(pickle.Unpickler):
    """Reads pickles of the types that sessions hold, and refuses to call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if name in PLAIN.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError("a type that is not plain")


PLAIN: dict[str, frozenset[str]] = {
    # A defaultdict names the type of what it makes.
    "builtins": frozenset(
        {"set", "frozenset", "bytearray", "complex"}
        | {"bool", "dict", "float", "int", "list", "str", "tuple"}
    ),
    "collections": frozenset({"OrderedDict", "defaultdict"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal"}),
    "markupsafe": frozenset({"Markup"}),
    "uuid": frozenset({"UUID", "SafeUUID"}),
}

LOCKS = 64


def locks_of(cache: Any) -> list[threading.Lock]:
    """The locks of a cache, the same for all who use that object."""
    found: list[threading.Lock] | None = getattr(cache, "_dewar_locks", None)
    if found is None:
        made = [threading.Lock() for _ in range(LOCKS)]
        # One thread's wins.
        found = vars(cache).setdefault("_dewar_locks", made)
    return found
