"""Server-side sessions: the interface that all stores share, and its session."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict
from werkzeug.http import http_date

from . import greenlets, headers, lazy
from ._native import Engine, Store, check, store_keys
from .application import said_by_class
from .errors import ConfigurationError, StoreError
from .flask_session_names import FlaskSessionNames

#: What the methods that an application replaced say, by the keys that say the same.
Said = tuple[tuple[str, Any], ...]

#: So many engines are kept, where methods of the application say other things in other requests.
MOST_ENGINES = 100

#: How many expired records a step of `flask session_cleanup` removes.
CLEANUP_STEP = 1000


class ServerSideSession(lazy.Rebuildable, CallbackDict[str, Any], SessionMixin):
    """A session in a store: a dict that is loaded when somebody reaches for it.

    What is changed in it is saved at the end of the request, however deep, and without the changes of other requests
    being lost.
    """

    modified = False
    accessed = False

    def __init__(
        self,
        initial: Mapping[str, Any] | None = None,
        sid: str | None = None,
        permanent: bool | None = None,
    ) -> None:
        super().__init__(initial, lazy.mark_modified)
        if sid is not None:
            self.__dict__["_sid"] = sid
        if permanent:
            self.permanent = permanent
        self.modified = False
        self.accessed = False

    def __bool__(self) -> bool:
        # What the session was made with is nothing that anybody put into it.
        return any(key not in ("_permanent", "_created") for key in self)

    @property
    def sid(self) -> str | None:
        """The session id; the store keeps the session under SESSION_KEY_PREFIX and this."""
        lazy.load(self)
        handle = lazy.handle(self)
        found: str | None = self.__dict__.get("_sid") if handle is None else handle.sid
        return found

    @sid.setter
    def sid(self, sid: str) -> None:
        raise AttributeError(
            "a session's id cannot be chosen: app.session_interface.regenerate(session) gives it a new one"
        )

    @property
    def new(self) -> bool:
        """Whether the session did not exist before this request, unless the application said otherwise."""
        said: bool | None = self.__dict__.get("_new")
        handle = lazy.handle(self)
        return (handle is None or handle.new) if said is None else said

    @new.setter
    def new(self, new: bool) -> None:
        self.__dict__["_new"] = new

    def clear(self) -> None:
        """Empties the session; it stays permanent if it was."""
        permanent = self.get("_permanent", False)
        super().clear()
        # What other requests put into the session meanwhile is to go as well.
        self.__dict__["_cleared"] = True
        self["_permanent"] = permanent

    def get(self, key: str, default: Any = None) -> Any:
        # With a name for the default, as in Flask-Session; dict's own takes none.
        if not lazy.TOLD_BY_FLASK:
            self.accessed = True
        return super().get(key, default)

    if not lazy.TOLD_BY_FLASK:

        def __getitem__(self, key: str) -> Any:
            self.accessed = True
            return super().__getitem__(key)

        def setdefault(self, key: str, default: Any = None) -> Any:
            self.accessed = True
            return super().setdefault(key, default)


#: Flask's methods that say how the cookie is made, with the key that says the same.
COOKIE_METHODS = {
    "get_cookie_name": "SESSION_COOKIE_NAME",
    "get_cookie_domain": "SESSION_COOKIE_DOMAIN",
    "get_cookie_path": "SESSION_COOKIE_PATH",
    "get_cookie_httponly": "SESSION_COOKIE_HTTPONLY",
    "get_cookie_secure": "SESSION_COOKIE_SECURE",
    "get_cookie_samesite": "SESSION_COOKIE_SAMESITE",
    "get_cookie_partitioned": "SESSION_COOKIE_PARTITIONED",
}


#: Flask's methods that say whether and until when the browser gets the cookie.
ANSWER_METHODS = ("should_set_cookie", "get_expiration_time")


class ServerSideSessionInterface(FlaskSessionNames, SessionInterface):
    """Keeps sessions in a store. Made by `Session(app)`, or by itself with Flask-Session's arguments.

    What is given here wins over `app.config`.
    """

    session_class: ClassVar[type[ServerSideSession]] = ServerSideSession
    #: The value of SESSION_TYPE.
    session_type: ClassVar[str] = "null"
    #: The key for the client or the URL.
    client_key: ClassVar[str | None] = None
    #: Flask-Session's names for further arguments, in its order, with their keys.
    arguments: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        app: Flask,
        client: Any = None,
        key_prefix: str | None = None,
        use_signer: bool | None = None,
        permanent: bool | None = None,
        sid_length: int | None = None,
        serialization_format: str | None = None,
        *in_order: Any,
        **named: Any,
    ) -> None:
        given: dict[str, Any] = {
            "SESSION_KEY_PREFIX": key_prefix,
            "SESSION_USE_SIGNER": use_signer,
            "SESSION_PERMANENT": permanent,
            "SESSION_ID_LENGTH": sid_length,
            "SESSION_SERIALIZATION_FORMAT": serialization_format,
        }
        own = type(self).__name__
        keys = {**self.arguments, "cleanup_n_requests": "SESSION_CLEANUP_N_REQUESTS"}
        if client is not None and self.client_key is None:
            raise TypeError(f"{own}() has no argument 'client'")
        if len(in_order) > len(keys):
            raise TypeError(f"{own}() was given {len(in_order) - len(keys)} arguments too many")
        for name, value in [*zip(keys, in_order, strict=False), *named.items()]:
            if name not in keys:
                raise TypeError(f"{own}() has no argument {name!r}")
            if keys[name] in given:
                raise TypeError(f"{own}() was given {name!r} twice")
            given[keys[name]] = value
        self.refuse_what_is_not_called()
        self.app = app
        if client is None and self.client_key is not None:
            client = app.config.get(self.client_key)
        if client is None:
            client = self.default_client(app)
        self.client = client
        self._overrides: dict[str, Any] = {
            # What concerns the store holds as it is found now, as the store does.
            **{key: app.config.get(key) for key in store_keys()},
            "SESSION_TYPE": self.session_type,
            **{key: value for key, value in given.items() if value is not None},
        }
        self._custom = self._cookie_methods()
        self._app_says = said_by_class(app)
        self._store = self._connect(app, client)
        self._engines = self._first_engine(app)
        log_warnings(app, self._overrides)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in COOKIE_METHODS:
            self._custom = self._cookie_methods()
        if name in ANSWER_METHODS:
            self._engines = {}

    def _cookie_methods(self) -> list[tuple[str, str]]:
        """Those of the methods that say how the cookie is made that are replaced, with their keys."""
        return [(name, key) for name, key in COOKIE_METHODS.items() if replaces(self, name)]

    def default_client(self, app: Flask) -> Any:
        """What to use where the application gave no client: nothing, so that no server is guessed."""
        return None

    @property
    def store(self) -> Store:
        """Where the sessions are kept."""
        return greenlets.aside_store(self._store)

    def _connect(self, app: Flask, client: Any) -> Store:
        if client is None or isinstance(client, str):
            if self.client_key is not None and client is not None:
                self._overrides[self.client_key] = client
            self._refuse_shared_file(app)
            return Store.open(app.config, self._overrides | self._key_to_come(app))
        if is_carrier(client):
            return Store.carried(greenlets.at_home(client))
        # Imported when needed, as most applications give a URL.
        from .clients import ConnectionProblem, connection

        try:
            made = connection(self.session_type, client, {**app.config, **self._overrides})
        except ConnectionProblem as problem:
            raise ConfigurationError(str(problem)) from None
        if made.url is None:
            return Store.carried(greenlets.at_home(made.carrier))
        try:
            # Where the application's SQLAlchemy is given, its migrations compare the table with Flask-Session's.
            open_ = Store.open_as_modelled if self.session_type == "sqlalchemy" else Store.open
            settings = {**self._overrides, **made.settings, **self._key_to_come(app)}
            store = open_(app.config, settings)
        except ConfigurationError:
            # The engine knows no such store, or not this URL: the client carries the records, unless that was ruled out.
            if made.carrier is None or app.config.get("SESSION_DEWAR_CONNECTION") == "native":
                raise
            return Store.carried(greenlets.at_home(made.carrier))
        self._overrides.update(made.settings)
        return store

    def _refuse_shared_file(self, app: Flask) -> None:
        """Raises `ConfigurationError` where the engine would open an SQLite file that the application has open."""
        if self.session_type not in ("sqlalchemy", "sqlite"):
            return
        from .sqlite_files import shared_file

        finding = shared_file(app, self._overrides)
        if finding is not None:
            raise ConfigurationError(str(finding))

    def _first_engine(self, app: Flask) -> dict[Said, Engine]:
        """An engine for the configuration, so that its mistakes are told; none while its key is to come."""
        to_come = self._key_to_come(app)
        # What an application replaced may ask for the request: only in one is it called.
        engine = self._new_engine(app, tuple(to_come.items()))
        return {} if to_come else {(): engine}

    def _key_to_come(self, app: Flask) -> dict[str, Any]:
        """A key in place of the one that ids are signed with, if that is to come. Commands make applications without one,
        for which no request is answered."""
        by_class = any(key == "SECRET_KEY" for _, key in self._app_says)
        missing = self.use_signer and (by_class or app.config.get("SECRET_KEY") is None)
        return {"SECRET_KEY": secrets.token_hex()} if missing else {}

    def require_key(self, app: Flask) -> None:
        """Raises `ConfigurationError` if ids are signed, and there is no key yet."""
        if not self._engines:
            self._new_engine(app, self._said_by_class(app))

    def _engine_for(self, app: Flask) -> Engine:
        """The engine for what the application says now, in its configuration and by the methods that it replaced."""
        said: Said = ()
        if self._custom:
            said = tuple((key, getattr(self, name)(app)) for name, key in self._custom)
        if self._app_says:
            said += self._said_by_class(app)
        engine = self._engines.get(said)
        if engine is None or not engine.serves(app.config):
            engine = self._new_engine(app, said)
            if len(self._engines) >= MOST_ENGINES:
                self._engines.clear()
            self._engines[said] = engine
        return engine

    def _said_by_class(self, app: Flask) -> Said:
        return tuple((key, getattr(app, name)) for name, key in self._app_says)

    def _new_engine(self, app: Flask, said: Said) -> Engine:
        overrides = self._overrides | dict(said)
        if isinstance(app.config.get("MAX_COOKIE_SIZE"), int):
            # Flask only warns of a cookie that is too large.
            overrides["MAX_COOKIE_SIZE"] = 0
        # What these methods say may be another thing with each change.
        announces = any(replaces(self, name) for name in ANSWER_METHODS)
        engine = Engine(app.config, overrides, self._store, announces)
        return engine if self.client_key is None else greenlets.aside(engine)

    def _change_setting(self, key: str, value: object) -> None:
        before = self._overrides
        self._overrides = {**before, key: value}
        try:
            self._engines = self._first_engine(self.app)
        except ConfigurationError:
            self._overrides = before
            raise

    def open_session(self, app: Flask, request: Request) -> ServerSideSession:
        return lazy.opened(self.session_class, self._engine_for(app), request)

    def save_session(self, app: Flask, session: SessionMixin | None, response: Response) -> None:
        if session is None:
            # It could not be opened.
            return
        session = lazy.itself(session)
        handle = lazy.handle(session)
        if handle is None:
            # Nobody reached for it.
            return
        state = session.__dict__
        if "_failed" in state:
            # Flask saves again with the response that tells of the error.
            answered_all_the_same(session, response)
            return
        try:
            set_cookie, varies = handle.close(
                self._engine_for(app),
                session,
                "_cleared" in state,
                session.modified,
                session.accessed,
            )
        except Exception as error:
            if isinstance(error, StoreError):
                state["_failed"] = True
            answered_all_the_same(session, response)
            raise
        state.pop("_cleared", None)
        self._answer(app, session, response, set_cookie, varies)

    def save_at_once(self, app: Flask, session: SessionMixin, response: Response) -> bool:
        """As `save_session` for a session that was only read, if that needs no store: whether it did."""
        session = lazy.itself(session)
        handle = lazy.handle(session)
        state = session.__dict__
        if handle is None or session.modified or "_cleared" in state or "_failed" in state:
            return False
        closed = handle.close_at_once(self._engine_for(app), session, session.accessed)
        if closed is None:
            return False
        self._answer(app, session, response, *closed)
        return True

    def _answer(
        self,
        app: Flask,
        session: SessionMixin,
        response: Response,
        set_cookie: str | None,
        varies: bool,
    ) -> None:
        if set_cookie is not None:
            self._set_cookie(app, session, response, set_cookie)
        if varies:
            headers.vary_by_cookie(response)

    def _set_cookie(
        self, app: Flask, session: SessionMixin, response: Response, set_cookie: str
    ) -> None:
        if (
            session
            and replaces(self, "should_set_cookie")
            and not self.should_set_cookie(app, session)
        ):
            return
        if session and replaces(self, "get_expiration_time"):
            set_cookie = with_expiry(set_cookie, self.get_expiration_time(app, session))
        headers.warn_if_too_large(response, set_cookie)
        headers.set_cookie(app, response, set_cookie)

    def regenerate(self, session: SessionMixin) -> None:
        """Gives the session a new id and keeps its data: to be called at login, so that an id that somebody planted
        before is worth nothing. The old record is removed when the new one is there."""
        lazy.load(session)
        handle = lazy.handle(session)
        if handle is not None and session:
            handle.regenerate()
            session.modified = True

    def end_session(self, sid: str) -> None:
        """Ends the session that had this `session.sid`, as where another device is logged out: its record is removed, and
        what requests that are under way write is dropped. Waits for the store."""
        self.store.delete(self.key_prefix + sid)

    def delete_expired_sessions(self) -> int:
        """Removes all expired sessions from a store that does not do that by itself: how many there were."""
        total = 0
        more = True
        while more:
            removed, more = self.store.delete_expired(time.time(), CLEANUP_STEP)
            total += removed
        return total


def log_warnings(app: Flask, overrides: dict[str, Any]) -> None:
    """Logs what is doubtful in a configuration; `overrides` win over `app.config`."""
    for finding in check(app.config, overrides):
        if finding["severity"] == "warning":
            app.logger.warning("%s: %s (%s)", finding["key"], finding["what"], finding["fix"])


def answered_all_the_same(session: SessionMixin, response: Response) -> None:
    """For a session that could not be saved: the response may be the one that tells of it, which Flask sends as it is."""
    if session.accessed:
        headers.vary_by_cookie(response)


def replaces(interface: SessionInterface, name: str) -> bool:
    """Whether a subclass, or somebody on the object itself, replaced one of Flask's methods."""
    original = getattr(SessionInterface, name, None)
    return original is not None and (
        name in vars(interface) or getattr(type(interface), name) is not original
    )


def with_expiry(set_cookie: str, expires: datetime | float | str | None) -> str:
    """The cookie with this expiry in place of its own; without one it ends with the browser."""
    cookie, *attributes = set_cookie.split("; ")
    if expires is not None:
        cookie += (
            f"; Expires={one_line(expires) if isinstance(expires, str) else http_date(expires)}"
        )
    return "; ".join([cookie, *(one for one in attributes if not one.startswith("Expires="))])


def one_line(text: str) -> str:
    """The text, if it can be a part of a header."""
    if "\r" in text or "\n" in text:
        raise ValueError("a cookie's expiry cannot hold a line break")
    return text


def is_carrier(client: object) -> bool:
    """Whether an object carries records itself, as `flask_dewar.carriers` describe it."""
    return all(
        callable(getattr(type(client), name, None))
        for name in ("load", "create", "replace", "delete_unchanged")
    )
