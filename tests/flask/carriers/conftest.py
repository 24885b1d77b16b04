"""What the tests of the carriers share: where the records are, and how time passes there."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import carrier_places as places  # noqa: E402


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Place:
    """An empty store for one test: two handles of it, and how time passes there."""

    def __init__(self, store: Any, other: Any, clock: Clock | None, kind: places.Kind) -> None:
        self.store = store
        self.other = other
        self.clock = clock
        self.kind = kind
        self.prefix = f"t{uuid.uuid4().hex}:"
        #: The most seconds that were called soon.
        self.longest = 1.0

    def key(self, name: str) -> str:
        return self.prefix + name

    def data(self, name: str) -> bytes:
        """Bytes that this store takes for a session."""
        return self.kind.data(name)

    def now(self) -> float:
        return self.clock() if self.clock else time.time()

    def later(self) -> float:
        """An expiry that no test reaches."""
        return self.now() + 3600

    def soon(self, seconds: float = 1) -> float:
        """An expiry that `pass_soon` reaches."""
        self.longest = max(self.longest, seconds)
        return self.now() + seconds

    def pass_soon(self) -> None:
        """Lets all expire that is to expire soon."""
        if self.clock:
            self.clock.advance(self.longest + 1.1)
            return
        # One that expires after all others, by the server's own clock.
        last = self.key("last")
        assert self.store.create(last, self.data("x"), self.soon(self.longest))
        deadline = time.monotonic() + self.longest + 60
        while self.store.load(last) is not None:
            assert time.monotonic() < deadline, "nothing expires"
            time.sleep(0.05)


@pytest.fixture(params=[pytest.param(kind, id=kind.name) for kind in places.KINDS])
def kind(request: pytest.FixtureRequest) -> places.Kind:
    return request.param


@pytest.fixture
def place(kind: places.Kind, tmp_path: Path) -> Iterator[Place]:
    clock = Clock() if kind.manual else None
    options = {"clock": clock} if clock else {}
    with ExitStack() as stack:
        opened = kind.open(stack, tmp_path, options)
        if isinstance(opened, str):
            places.absent(opened)
        yield Place(opened[0], opened[1], clock, kind)
