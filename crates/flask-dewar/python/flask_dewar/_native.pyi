"""The engine; private to the package."""

from typing import Any, final, overload

__all__ = ["Engine", "Session", "Store", "check", "decode", "encode", "keys"]

@final
class Store:
    """A place that keeps sessions; one for the whole application, whatever becomes of its configuration."""

    @staticmethod
    def open(config: dict[str, Any], overrides: dict[str, Any]) -> Store: ...
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
        cls, config: dict[str, Any], overrides: dict[str, Any], store: Store | None = None
    ) -> Engine: ...
    def serves(self, config: dict[str, Any]) -> bool: ...
    def open(self, cookie_header: str | None, data: Any) -> Session: ...
    def is_permanent(self, cookie_header: str) -> bool: ...
    def delete_expired(self, limit: int) -> tuple[int, bool]: ...

@final
class Session:
    """A session that was opened. The application works on a dict of its own; `close` finds what differs."""

    @property
    def sid(self) -> str | None: ...
    @property
    def new(self) -> bool: ...
    def regenerate(self) -> None: ...
    @overload
    def close(
        self,
        engine: Engine,
        data: Any,
        cleared: bool,
        modified: bool,
        accessed: bool,
        config: None = None,
    ) -> tuple[str | None, bool]: ...
    @overload
    def close(
        self,
        engine: Engine,
        data: Any,
        cleared: bool,
        modified: bool,
        accessed: bool,
        config: dict[str, Any],
    ) -> tuple[str | None, bool] | None: ...

def check(config: dict[str, Any], overrides: dict[str, Any]) -> list[dict[str, str]]: ...
def encode(data: dict[str, Any], format: str) -> bytes: ...
def decode(record: bytes, preferred: str) -> dict[str, Any] | None: ...
def keys() -> list[str]: ...
