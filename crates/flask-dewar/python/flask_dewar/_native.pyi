"""The engine; private to the package."""

from pathlib import Path
from typing import Any, final

from flask import Flask
from flask.sessions import SessionInterface, SessionMixin

__all__ = [
    "WAITING",
    "Accessed",
    "Engine",
    "InUse",
    "Session",
    "Store",
    "Waiting",
    "add_vary",
    "check",
    "decode",
    "encode",
    "keys",
    "load",
    "make",
    "make_all",
    "store_keys",
]

@final
class Store:
    """A place that keeps sessions; one for the whole application, whatever becomes of its configuration."""

    @staticmethod
    def open(config: dict[str, Any], overrides: dict[str, Any]) -> Store: ...
    @staticmethod
    def open_as_modelled(config: dict[str, Any], overrides: dict[str, Any]) -> Store: ...
    @staticmethod
    def file(config: dict[str, Any], overrides: dict[str, Any]) -> Path | None: ...
    @staticmethod
    def carried(carrier: object) -> Store: ...
    def load(self, key: str) -> bytes | None: ...
    def delete(self, key: str) -> None: ...
    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]: ...
    def list(
        self, prefix: str, cursor: bytes | None, limit: int
    ) -> tuple[list[tuple[str, int | None, float | None]], bytes | None] | None: ...

@final
class Engine:
    """Opens and closes the sessions of an application, as its configuration says."""

    def __new__(
        cls,
        config: dict[str, Any],
        overrides: dict[str, Any],
        store: Store | None = None,
        announces: bool = False,
    ) -> Engine: ...
    def serves(self, config: dict[str, Any]) -> bool: ...
    def open(self, cookie_header: str | None, data: Any) -> Session: ...
    def is_permanent(self, cookie_header: str) -> bool: ...
    def delete_expired(self, limit: int) -> tuple[int, bool]: ...

@final
class Accessed:
    """`session.accessed` of a session that is not loaded: by setting it Flask says that a request reaches for it."""

    def __new__(cls) -> Accessed: ...
    def __get__(self, instance: SessionMixin | None, owner: type[Any] | None = None, /) -> bool: ...
    def __set__(self, instance: SessionMixin, value: bool, /) -> None: ...

@final
class InUse:
    """An engine for signed cookies, the application that it is for, and what of the session interface it was built from."""

    def __new__(
        cls,
        app: Flask,
        interface: SessionInterface,
        parts: list[str],
        json_provider: type[Any],
        engine: Engine,
    ) -> InUse: ...
    def opens(self, app: Flask, interface: SessionInterface) -> Engine | None: ...
    def close(
        self, app: Flask, handle: Session, data: Any, modified: bool, accessed: bool
    ) -> tuple[str | None, bool] | None: ...

@final
class Session:
    """A session that was opened. The application works on a dict of its own; `close` finds what differs."""

    @property
    def sid(self) -> str | None: ...
    @property
    def new(self) -> bool: ...
    def regenerate(self) -> None: ...
    def close(
        self, engine: Engine, data: Any, cleared: bool, modified: bool, accessed: bool
    ) -> tuple[str | None, bool]: ...
    def close_at_once(
        self, engine: Engine, data: Any, accessed: bool
    ) -> tuple[str | None, bool] | None: ...

@final
class Waiting:
    """What stands in a session's dict for a long value until somebody reaches for it."""

WAITING: Waiting

def add_vary(headers: list[tuple[str, str]]) -> bool: ...
def check(config: dict[str, Any], overrides: dict[str, Any]) -> list[dict[str, str]]: ...
def encode(data: dict[str, Any], format: str) -> bytes: ...
def decode(record: bytes, preferred: str) -> dict[str, Any] | None: ...
def keys() -> list[str]: ...
def store_keys() -> list[str]: ...
def load(session: SessionMixin) -> None: ...
def make(session: SessionMixin, key: object) -> Any: ...
def make_all(session: SessionMixin) -> None: ...
