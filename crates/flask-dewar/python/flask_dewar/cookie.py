"""Flask's signed-cookie sessions, by Dewar's engine."""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

from flask import Flask, Request, Response, current_app
from flask import sessions as flask_sessions
from flask.json.provider import DefaultJSONProvider
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SessionMixin

from . import headers, lazy
from ._native import Engine, InUse
from .application import said_by_class
from .errors import ConfigurationError, SessionReadOnly

#: What an application can replace of Flask's own interface, by a subclass or on the object. Then Flask's own code runs.
REPLACEABLE = frozenset(
    {
        "get_cookie_domain",
        "get_cookie_httponly",
        "get_cookie_name",
        "get_cookie_partitioned",
        "get_cookie_path",
        "get_cookie_samesite",
        "get_cookie_secure",
        "get_expiration_time",
        "get_signing_serializer",
        "should_set_cookie",
    }
)

#: The digests that the engine knows, by what `digest_method` may be.
DIGESTS: dict[Any, str] = {
    flask_sessions.SecureCookieSessionInterface.digest_method: "sha1",
    hashlib.sha1: "sha1",
    hashlib.sha256: "sha256",
    hashlib.sha512: "sha512",
}

KEY_DERIVATIONS = frozenset({"hmac", "django-concat", "concat", "none"})


class CookieSession(lazy.Rebuildable, SecureCookieSession):
    """Flask's session in a signed cookie: a dict that is read when somebody reaches for it.

    Unlike Flask's own it notices what is changed deep inside of it.
    """

    new = False


class ExplainedNullSession(flask_sessions.NullSession):
    """The empty session of an application without a key: writing to it says what is missing, and where."""

    def _explain(self, *args: Any, **kwargs: Any) -> NoReturn:
        from .diagnosis import explain_null_session

        raise RuntimeError(explain_null_session(current_app))

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _explain
    del _explain


class SecureCookieSessionInterface(flask_sessions.SecureCookieSessionInterface):
    """Keeps sessions in signed cookies, exactly as Flask does: each reads what the other wrote.

    Whatever an application replaces of Flask's interface (the serializer or its tags, the JSON provider, a method, a
    digest that the engine does not know) works as before: Flask's own code runs then.
    """

    session_class = CookieSession
    null_session_class = ExplainedNullSession

    #: What is used while nothing changes.
    _current: InUse | None = None
    _refused: str | None = None

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        current = self._current
        engine = None if current is None else current.opens(app, self)
        if engine is None:
            engine = self._new_engine_for(app)
        if engine is None:
            return super().open_session(app, request)
        return lazy.opened(self.session_class, engine, request)

    def save_session(self, app: Flask, session: SessionMixin | None, response: Response) -> None:
        if session is None:
            # It could not be opened.
            return
        session = lazy.itself(session)
        handle = lazy.handle(session)
        if handle is None and lazy.is_pending(session):
            if not extends(app) or not lazy.is_permanent(session):
                return
            lazy.load(session)
            handle = lazy.handle(session)
        if handle is None:
            super().save_session(app, session, response)
            return
        accessed = session.accessed or bool(session.get("_permanent") and extends(app))
        # What the application replaced was looked at when the session was opened; only its configuration may be another
        # now, which is looked at where it matters.
        current = self._current
        closed = None
        try:
            if current is not None:
                closed = current.close(app, handle, session, session.modified, accessed)
            if closed is None:
                engine = self._new_engine_for(app)
                if engine is not None:
                    closed = handle.close(engine, session, False, session.modified, accessed)
        except SessionReadOnly:
            # The application has saved it before, with a response of its own.
            session.modified = True
        except Exception:
            # This may be the response that tells of it, which Flask sends as it is.
            if session.accessed:
                headers.vary_by_cookie(response)
            raise
        if closed is None:
            super().save_session(app, session, response)
            return
        set_cookie, varies = closed
        if set_cookie is not None:
            headers.warn_if_too_large(response, set_cookie)
            headers.set_cookie(app, response, set_cookie)
        if varies:
            headers.vary_by_cookie(response)

    def _new_engine_for(self, app: Flask) -> Engine | None:
        """A new engine for what the application says now; None if it has no key, or replaced something that only Flask's
        code does."""
        return self._build_engine(app) if app.secret_key and self._is_flasks(app) else None

    def _is_flasks(self, app: Flask) -> bool:
        """Whether nothing is replaced that the engine does not know."""
        return (
            not replaced(type(self))
            and REPLACEABLE.isdisjoint(self.__dict__)
            and type(self.serializer) is TaggedJSONSerializer
            and len(self.serializer.order) == len(FLASKS_TAGS)
            and has_flasks_json(app)
            and not said_by_class(app)
        )

    def _build_engine(self, app: Flask) -> Engine | None:
        salt, key_derivation = self.salt, self.key_derivation
        digest = DIGESTS.get(self.digest_method)
        if digest is None or key_derivation not in KEY_DERIVATIONS or not isinstance(salt, str):
            return None
        if (
            not issubclass(self.session_class, SecureCookieSession)
            or self.session_class.__init__ not in USUAL_INITS
        ):
            return None
        overrides = {
            "SESSION_TYPE": "cookie",
            "SESSION_SIGNING_SALT": salt,
            "SESSION_SIGNING_DIGEST": digest,
            "SESSION_SIGNING_KEY_DERIVATION": key_derivation,
            # Flask's session is not permanent unless the application says so.
            "SESSION_PERMANENT": None,
            # Flask extends a permanent session with each request, and only warns of a cookie that is too large.
            "SESSION_REFRESH_AFTER": app.config.get("SESSION_REFRESH_AFTER", 0),
            "MAX_COOKIE_SIZE": 0,
        }
        try:
            engine = Engine(app.config, overrides)
        except ConfigurationError as error:
            if self._refused != str(error):
                self._refused = str(error)
                app.logger.warning(
                    "Flask's own sessions are used instead of Dewar's, because %s", error
                )
            return None
        # The attribute must be there before it is counted.
        self._current = None
        self._current = InUse(app, self, PARTS, DefaultJSONProvider, engine)
        return engine


#: The interface's attributes that an engine is built from.
PARTS = ["serializer", "salt", "digest_method", "key_derivation", "session_class"]


def has_flasks_json(app: Flask) -> bool:
    """Whether the application has Flask's own JSON provider, which writes and reads as Flask made it."""
    provider = app.json
    return (
        type(provider) is DefaultJSONProvider
        and provider.__dict__.keys().isdisjoint(("default", "dumps", "loads"))
        and provider.sort_keys
        and provider.ensure_ascii
    )


def replaced(cls: type[Any]) -> bool:
    """Whether a subclass replaces a method of Flask's interface."""
    original = flask_sessions.SecureCookieSessionInterface
    return any(
        getattr(cls, name, None) is not getattr(original, name, None) for name in REPLACEABLE
    )


FLASKS_TAGS = TaggedJSONSerializer().order
USUAL_INITS = (SecureCookieSession.__init__,)


def extends(app: Flask) -> bool:
    """Whether a permanent session is extended also when nobody reached for it, as Flask does.

    SESSION_REFRESH_AFTER, which Flask does not know, asks for Dewar's way: only use extends it, and only now and then.
    """
    return bool(
        app.config["SESSION_REFRESH_EACH_REQUEST"] and "SESSION_REFRESH_AFTER" not in app.config
    )
