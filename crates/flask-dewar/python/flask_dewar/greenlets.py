"""In a process that gevent or eventlet patched, the engine runs in threads of their pool, so that other greenlets go on
while it waits.

Greenlets must not switch while the engine is on their stack: it keeps account of the thread's hold on the interpreter.
So a client of the application that carries the records is called back in the application's own thread, in a greenlet
without the engine.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

from ._native import Engine, Session, Store
from .errors import ConfigurationError

T = TypeVar("T")

#: In a thread of the pool: `hub`, of the greenlet that waits for it.
HOME = threading.local()


def patching() -> Literal["gevent", "eventlet"] | None:
    """Who has patched this process, so that waiting in the engine would hold up all of its greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("socket"):
        return "gevent"
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("socket"):
        return "eventlet"
    return None


def loaded() -> bool:
    """Whether the process is patched, or may be later: with gunicorn's `--preload` an application is loaded before."""
    return "gevent" in sys.modules or "eventlet" in sys.modules


def aside(engine: Engine) -> Engine:
    """The engine, whose calls hold up no greenlets."""
    return cast(Engine, GreenEngine(engine)) if loaded() else engine


def aside_store(store: Store) -> Store:
    """The store, whose calls hold up no greenlets."""
    return cast(Store, GreenStore(store)) if loaded() else store


def at_home(carrier: Any) -> Any:
    """The carrier, whose calls are made in the application's own thread."""
    if patching() == "eventlet":
        raise ConfigurationError(
            "eventlet has patched this process, where sessions cannot be carried by a client of the application: give "
            "a URL instead of the client"
        )
    return HomeCarrier(carrier) if loaded() else carrier


def call(function: Callable[..., T], *arguments: Any) -> T:
    """Calls in a thread of the pool, if the process is patched."""
    library = patching()
    if library is None:
        return function(*arguments)
    if library == "eventlet":
        return cast(T, importlib.import_module("eventlet.tpool").execute(function, *arguments))
    hub = importlib.import_module("gevent").get_hub()

    def run() -> T:
        HOME.hub = hub
        return function(*arguments)

    return cast(T, hub.threadpool.apply(run))


def call_at_home(hub: Any, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Calls in a greenlet of the thread that the hub is in, and waits for it in this thread."""
    gevent = importlib.import_module("gevent")
    # A lock of the system's: a patched one would switch greenlets.
    done = importlib.import_module("gevent.monkey").get_original("_thread", "allocate_lock")()
    done.acquire()
    outcome: list[Any] = [None, None]

    def run() -> None:
        try:
            outcome[0] = function(*arguments)
        except BaseException as error:  # noqa: BLE001
            outcome[1] = error
        finally:
            done.release()

    hub.loop.run_callback_threadsafe(gevent.spawn, run)
    done.acquire()
    if outcome[1] is not None:
        raise outcome[1]
    return cast(T, outcome[0])


class GreenEngine:
    """An engine of which `open` waits aside."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.serves = engine.serves

    def open(self, *arguments: Any) -> GreenSession:
        return GreenSession(call(self.engine.open, *arguments))


class GreenSession:
    """A session of which `close` waits aside."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.regenerate = session.regenerate

    @property
    def sid(self) -> str | None:
        return self.session.sid

    @property
    def new(self) -> bool:
        return self.session.new

    def close(self, engine: GreenEngine, *arguments: Any) -> tuple[str | None, bool]:
        return call(self.session.close, engine.engine, *arguments)

    def close_at_once(self, engine: GreenEngine, *arguments: Any) -> tuple[str | None, bool] | None:
        return self.session.close_at_once(engine.engine, *arguments)


class GreenStore:
    """A store of which all calls wait aside."""

    def __init__(self, store: Store) -> None:
        self.wrapped = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.wrapped, name)
        return lambda *arguments: call(method, *arguments)

    def __repr__(self) -> str:
        return repr(self.wrapped)


class HomeCarrier:
    """A carrier of which all calls are made at home."""

    def __init__(self, carrier: Any) -> None:
        self.carrier = carrier
        self.name = carrier.name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.carrier, name)

        def run(*arguments: Any) -> Any:
            hub = getattr(HOME, "hub", None)
            return method(*arguments) if hub is None else call_at_home(hub, method, arguments)

        return run
