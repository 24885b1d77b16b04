"""The contract of a carrier, and what all of them share.

A record whose expiry has passed does not exist, for every method. Each method is atomic. A key is the whole store key,
its prefix included; times are Unix seconds.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

Clock: TypeAlias = Callable[[], float]

Outcome: TypeAlias = Literal["done", "conflict", "gone"]

#: What ``replace`` did, and the record's token now where it is done.
Replaced: TypeAlias = tuple[Outcome, "object | None"]

#: (key, size in bytes, expiry where it is known) of each record, and where the next page begins.
Listing: TypeAlias = tuple[list[tuple[str, int, "float | None"]], "str | None"]


class Carrier(Protocol):
    """A way to the records of a store, over a client that the application made.

    A token says which version of a record was seen: what ``load`` or ``replace`` gave, or the record's own bytes, which
    every carrier takes as well, so that a record just made can be replaced without being read.
    """

    name: str

    def load(self, key: str) -> tuple[bytes, object] | None:
        """The record and its token, or None."""

    def create(self, key: str, data: bytes, expires: float) -> bool:
        """Makes a record where there is none; False if there is one."""
        ...

    def replace(self, key: str, data: bytes, expires: float, token: object) -> Replaced:
        """Overwrites the record if it is still the one that was seen; never makes one."""
        ...

    def touch(self, key: str, expires: float) -> bool:
        """Moves the expiry; never changes the data, never revives. False if there is no record."""
        ...

    def delete(self, key: str) -> None:
        """Removes the record; one that is absent is a success."""

    def delete_unchanged(self, key: str, token: object) -> Outcome:
        """Removes the record if it is still the one that was seen."""
        ...

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        """Removes at most `limit` records that had expired at `now`: how many, and whether more may be left."""
        ...

    def list(self, prefix: str, cursor: str | None, limit: int) -> Listing | None:
        """A page of about `limit` records whose key starts with `prefix`; None where the server cannot list."""


class CarrierError(RuntimeError):
    """A client failed; the message shows no key and no data."""

    def __init__(self, name: str, operation: str, what: str) -> None:
        super().__init__(f"{name}: {operation} failed: {what}")
        self.name = name
        self.operation = operation


class Named(Protocol):
    """Something that errors name."""

    name: str


P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Named)


def operation(
    words: str,
) -> Callable[[Callable[Concatenate[C, P], R]], Callable[Concatenate[C, P], R]]:
    """Turns what a client raises in a method into a `CarrierError`.

    The original is dropped from the traceback: drivers put keys and parameters into their messages.
    """

    def decorate(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
        @functools.wraps(method)
        def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(self, *args, **kwargs)
            except CarrierError:
                raise
            except Exception as error:  # noqa: BLE001
                what = describe(error, [*args, *kwargs.values()])
                raise CarrierError(self.name, words, what) from None

        return run

    return decorate


def describe(error: BaseException, secrets: list[object] | None = None) -> str:
    """An error in one line, without anything of `secrets`; without its text if that may hold a record."""
    kind = type(error).__name__
    # SQLAlchemy's own text repeats the statement and its parameters; the driver's does not.
    original = getattr(error, "orig", None)
    text = str(original if isinstance(original, BaseException) else error)
    text = text.strip().splitlines()[0] if text.strip() else ""
    for secret in secrets or []:
        if isinstance(secret, bytes):
            secret = secret.decode("utf-8", "replace")
        # pylibmc cuts a key off after 32 characters.
        if isinstance(secret, str) and secret and (secret[:20] in text or secret[-12:] in text):
            return kind
    if not text or len(text) > 300 or "session_id" in text or "://" in text:
        return kind
    return f"{kind}: {text}"


def milliseconds(expires: float, clock: Clock) -> int:
    """The milliseconds until `expires`, rounded up; 0 if it has passed."""
    return max(0, math.ceil((expires - clock()) * 1000))


def as_bytes(value: object) -> bytes:
    """The bytes that a client gave for a record, in whichever type it keeps them."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    raise TypeError(
        f"the client turned a record into {type(value).__name__}: it must hand over bytes as they are"
    )


system_clock: Clock = time.time
