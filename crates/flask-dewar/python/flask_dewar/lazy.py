"""Sessions that are loaded when somebody first reaches for them.

Until then a session has a class of its own, made from its real one, in which everything that reads or writes the dict
loads it first. Loading gives the session its real class: from there on it is a dict like any other, at no further cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import flask.ctx
from flask import Request
from flask.sessions import SessionMixin

from ._native import Accessed, Engine
from ._native import Session as Handle
from ._native import load as load

#: Since 3.1.3 Flask tells the session when a request reaches for it; before, only the dict's own methods could.
TOLD_BY_FLASK = isinstance(vars(flask.ctx.RequestContext).get("session"), property)

S = TypeVar("S", bound=SessionMixin)


def opened(session_class: type[S], engine: Engine, request: Request) -> S:
    """The session of a request: nothing is read and nothing is loaded yet."""
    waiting = UNLOADED[session_class]
    session: Any = dict.__new__(waiting)
    state = session.__dict__
    state["on_update"] = mark_modified
    state["_pending"] = (session_class, engine, request.environ.get("HTTP_COOKIE"))
    if not TOLD_BY_FLASK:
        load(session)
    return cast(S, session)


def handle(session: SessionMixin) -> Handle | None:
    """The engine's side of a session; None if nobody has reached for it, or the engine did not open it."""
    found: Handle | None = session.__dict__.get("_handle")
    return found


def is_pending(session: SessionMixin) -> bool:
    """Whether nobody has reached for the session."""
    return "_pending" in session.__dict__


def is_permanent(session: SessionMixin) -> bool:
    """Whether a session that nobody has reached for is permanent, of those that are kept in the cookie."""
    _, engine, header = session.__dict__["_pending"]
    return bool(header) and bool(engine.is_permanent(header))


def mark_modified(session: SessionMixin) -> None:
    """Notes a change of the dict itself."""
    session.modified = True
    session.accessed = True


def rebuilt(session_class: type[Any], data: Mapping[str, Any]) -> Any:
    """A session of this class with this data, which no engine opened: what pickling and copying make."""
    session: Any = dict.__new__(session_class)
    dict.update(session, data)
    session.__dict__["on_update"] = mark_modified
    return session


class Rebuildable:
    """A session that can be pickled and copied: its data is, its place in a store is not."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        data = dict(cast("dict[str, Any]", self))
        return rebuilt, (type(self), data)


def first_loading(name: str) -> Callable[..., Any]:
    """A method that loads the session, and then is the real class's method of that name."""

    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        load(self)
        return getattr(self, name)(*args, **kwargs)

    method.__name__ = name
    return method


class Modified:
    """`session.modified` of a session that is not loaded: it is not, and setting it loads the session."""

    def __get__(self, session: SessionMixin | None, owner: type[Any]) -> bool:
        return False

    def __set__(self, session: SessionMixin, modified: bool) -> None:
        load(session)
        session.modified = modified


READING_AND_WRITING = [
    *(
        "__bool__",
        "__contains__",
        "__delitem__",
        "__eq__",
        "__getitem__",
        "__ior__",
        "__iter__",
        "__len__",
        "__ne__",
    ),
    *("__or__", "__reduce_ex__", "__repr__", "__reversed__", "__ror__", "__setitem__", "__str__"),
    *("clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"),
]


def unloaded(session_class: type[Any]) -> type[Any]:
    """The class that a session of `session_class` has until it is loaded."""

    def __bool__(self: Any) -> bool:
        load(self)
        return bool(self)

    def new(self: Any) -> bool:
        load(self)
        found: bool = self.new
        return found

    body: dict[str, Any] = {name: first_loading(name) for name in READING_AND_WRITING}
    body |= {
        "__bool__": __bool__,
        "__hash__": None,
        "__doc__": session_class.__doc__,
        "__module__": session_class.__module__,
        "__qualname__": session_class.__qualname__,
        "accessed": Accessed(),
        "modified": Modified(),
        "new": property(new),
    }
    return type(session_class.__name__, (session_class,), body)


class Unloaded(dict[type[Any], type[Any]]):
    """The class that each class of sessions has until it is loaded, made when it is first asked for."""

    def __missing__(self, session_class: type[Any]) -> type[Any]:
        made = self[session_class] = unloaded(session_class)
        return made


UNLOADED = Unloaded()
