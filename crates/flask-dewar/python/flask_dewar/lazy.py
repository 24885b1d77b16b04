"""Sessions that are loaded when somebody first reaches for them, and long values when somebody reaches for those.

Until then a session has a class of its own, made from its real one, in which everything that reads or writes the dict
loads it first. Loading gives the session its real class: from there on it is a dict like any other, at no further cost.

A list or dict of some length is not made yet: making it, and comparing it at the end of the request, is most of what a large
session costs, and most requests read a name or a number. A session that has such values gets a second class in between, in
which everything that gives out values makes them first, until none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

import flask.ctx
from flask import Request
from flask.sessions import SessionMixin
from werkzeug.local import LocalProxy
from werkzeug.sansio.request import Request as Werkzeugs

from ._native import WAITING, Accessed, Engine, make, make_all
from ._native import Session as Handle
from ._native import load as load

#: Where Flask keeps a request's session. Since 3.2 that is the application's context, and to ask for the other is deprecated.
Context: type[Any] = vars(flask.ctx).get("RequestContext", flask.ctx.AppContext)

#: Since 3.1.3 Flask tells the session when a request reaches for it; before, only the dict's own methods could.
TOLD_BY_FLASK = isinstance(vars(Context).get("session"), property)

S = TypeVar("S", bound=SessionMixin)


def opened(session_class: type[S], engine: Engine, request: Request) -> S:
    """The session of a request: nothing is read and nothing is loaded yet."""
    unloaded, partly, has_init = CLASSES[session_class]
    session: Any
    if has_init:
        session = session_class()
        dict.clear(session)
        # Past a `__setattr__` of the application.
        object.__setattr__(session, "__class__", unloaded)
    else:
        session = dict.__new__(unloaded)
    state = session.__dict__
    state["on_update"] = mark_modified
    state["_pending"] = (session_class, partly, engine, cookie_header(request))
    if not TOLD_BY_FLASK:
        load(session)
    return cast(S, session)


def cookie_header(request: Request) -> str | None:
    """The cookies of a request as its header has them, or as its class says where that has cookies of its own."""
    kind = type(request)
    own = OWN_COOKIES.get(kind)
    if own is None:
        own = OWN_COOKIES[kind] = getattr(
            kind, "cookies", None
        ) is not Werkzeugs.cookies and not kind.__module__.startswith("flask_dewar.")
    if not own:
        header: str | None = request.environ.get("HTTP_COOKIE")
        return header
    # A session's cookie holds nothing that would have to be quoted.
    pairs = [f"{name}={value}" for name, value in request.cookies.items() if ";" not in value]
    return "; ".join(pairs) or None


#: Classes of requests that were seen, and whether they say themselves what their cookies are.
OWN_COOKIES: dict[type[Any], bool] = {}


def itself(session: S) -> S:
    """The session, where `flask.session` may stand for it."""
    given: Any = session
    return cast(S, given._get_current_object()) if type(given) is LocalProxy else session


def handle(session: SessionMixin) -> Handle | None:
    """The engine's side of a session; None if nobody has reached for it, or the engine did not open it."""
    found: Handle | None = session.__dict__.get("_handle")
    return found


def is_pending(session: SessionMixin) -> bool:
    """Whether nobody has reached for the session."""
    return "_pending" in session.__dict__


def is_permanent(session: SessionMixin) -> bool:
    """Whether a session that nobody has reached for is permanent, of those that are kept in the cookie."""
    _, _, engine, header = session.__dict__["_pending"]
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


def first(do: Callable[[Any], None], name: str) -> Callable[..., Any]:
    """A method that does something that gives the session its real class, and then is that one's method of that name."""

    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        do(self)
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

    def set_new(self: Any, new: bool) -> None:
        load(self)
        self.new = new

    def __setattr__(self: Any, name: str, value: object) -> None:
        if name not in ("__class__", "accessed", "modified"):
            load(self)
            setattr(self, name, value)
        else:
            object.__setattr__(self, name, value)

    body: dict[str, Any] = {name: first(load, name) for name in READING_AND_WRITING}
    body |= {
        "__bool__": __bool__,
        "__hash__": None,
        "accessed": Accessed(),
        "modified": Modified(),
        "new": property(new, set_new),
    }
    setter: Any = session_class.__setattr__
    if setter is not object.__setattr__:
        # One of the application, which may make every attribute a key.
        body["__setattr__"] = __setattr__
    return like(session_class, body)


#: What gives out all values, or one that the caller did not name.
GIVING_OUT = [
    *("__eq__", "__ne__", "__or__", "__reduce_ex__", "__repr__", "__ror__"),
    *("copy", "items", "popitem", "values"),
]


def partly_loaded(session_class: type[Any]) -> type[Any] | None:
    """The class that a session of `session_class` has while long values in it wait; None if they are made at once.

    A class of the application may look past these methods, at what is in the dict.
    """
    if not session_class.__module__.startswith("flask_dewar."):
        return None

    real_getitem, real_get = session_class.__getitem__, session_class.get

    def __getitem__(self: Any, key: Any) -> Any:
        found = real_getitem(self, key)
        return make(self, key) if found is WAITING else found

    def get(self: Any, key: Any, default: Any = None) -> Any:
        found = real_get(self, key, default)
        return make(self, key) if found is WAITING else found

    def setdefault(self: Any, key: Any, default: Any = None) -> Any:
        found = session_class.setdefault(self, key, default)
        return make(self, key) if found is WAITING else found

    def pop(self: Any, key: Any, *default: Any, **named: Any) -> Any:
        if dict.get(self, key) is WAITING:
            make(self, key)
        return session_class.pop(self, key, *default, **named)

    def __iter__(self: Any) -> Iterator[Any]:
        # A dict that has its own is taken apart by `dict()`, `**` and the like without asking for its items.
        return dict.__iter__(self)

    body: dict[str, Any] = {name: first(make_all, name) for name in GIVING_OUT}
    body |= {
        "_loaded": session_class,
        "__getitem__": __getitem__,
        "__hash__": None,
        "__iter__": __iter__,
        "get": get,
        "pop": pop,
        "setdefault": setdefault,
    }
    return like(session_class, body)


def like(session_class: type[Any], body: dict[str, Any]) -> type[Any]:
    """A subclass that looks like the class itself."""
    body["__doc__"] = session_class.__doc__
    body["__module__"] = session_class.__module__
    body["__qualname__"] = session_class.__qualname__
    return type(session_class.__name__, (session_class,), body)


class Classes(dict[type[Any], tuple[type[Any], "type[Any] | None", bool]]):
    """The classes that a session of each class has until it is loaded, and while long values wait, made when they are
    first asked for; and whether the application gave the class an `__init__`."""

    def __missing__(self, session_class: type[Any]) -> tuple[type[Any], type[Any] | None, bool]:
        author = session_class.__init__.__module__.partition(".")[0]
        has_init = author not in ("flask", "flask_dewar", "werkzeug")
        made = unloaded(session_class), partly_loaded(session_class), has_init
        self[session_class] = made
        return made


CLASSES = Classes()
