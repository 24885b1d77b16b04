"""The settings of clients that the application made: where they can be read, the engine opens a connection of its own.

Where they cannot, the client itself carries the records. Nothing is guessed: a setting that the engine could not follow
to the letter, such as a certificate of one's own, means the client.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .carriers.base import Carrier
from .client_settings import READERS, Unreadable
from .diagnosis import Finding

Path = Literal["native", "client"]


@dataclass(frozen=True)
class Connection:
    """How sessions reach their store."""

    #: Where the engine connects; may hold a password.
    url: str | None = field(repr=False)
    #: The client as a carrier; None where a URL was given.
    carrier: Carrier | None = field(repr=False)
    #: Configuration keys for the engine: session type, URL, tables; may hold a password.
    settings: dict[str, object] = field(repr=False)
    #: Why this path, in words.
    why: str
    path: Path


class Codec(Protocol):
    """From a session to the bytes of its record and back; a cache keeps the session itself."""

    def encode(self, session: dict[str, Any]) -> bytes: ...

    def decode(self, data: bytes) -> dict[str, Any]: ...


class NativeCodec:
    """The engine's own."""

    def __init__(self, form: str) -> None:
        self.native = importlib.import_module("flask_dewar._native")
        self.form = form

    def encode(self, session: dict[str, Any]) -> bytes:
        data: bytes = self.native.encode(session, self.form)
        return data

    def decode(self, data: bytes) -> dict[str, Any]:
        session: dict[str, Any] | None = self.native.decode(data, self.form)
        if session is None:
            raise ValueError("the record is none of a session")
        return session


class ConnectionProblem(ValueError):
    """A connection that cannot be; `finding` says how to put it right."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


#: The extra of this package that brings a kind's client library, and the module to import.
LIBRARIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "redis": ("redis", ("redis",)),
    "memcached": ("memcached", ("pymemcache", "pylibmc", "memcache")),
    "mongodb": ("mongodb", ("pymongo",)),
    "sqlalchemy": ("sqlalchemy", ("flask_sqlalchemy",)),
    "postgresql": ("postgresql", ("psycopg", "psycopg2")),
    "dynamodb": ("dynamodb", ("boto3",)),
    "cachelib": ("cachelib", ("cachelib",)),
}

EXAMPLES = {
    "redis": "redis://127.0.0.1:6379/0",
    "memcached": "memcached://127.0.0.1:11211",
    "mongodb": "mongodb://127.0.0.1:27017/",
    "sqlalchemy": "sqlite:///sessions.db",
    "postgresql": "postgresql://user:password@127.0.0.1/database",
    "dynamodb": "dynamodb://us-east-1",
}


def connection(
    kind: str, client: object, config: Mapping[str, Any], codec: Codec | None = None
) -> Connection:
    """How sessions of this type reach their store, given the client or URL that the configuration holds.

    A cache keeps dicts: `codec` makes bytes of them and back, the engine's own if None. `SESSION_DEWAR_CONNECTION`
    forces `"native"` or `"client"`; where that cannot be, a `ConnectionProblem` is raised.
    """
    key = f"SESSION_{kind.upper()}"
    forced = forced_path(config)
    if client is None or client == "":
        raise ConnectionProblem(nothing_given(kind, key))
    if isinstance(client, str):
        if forced == "client":
            raise problem(
                key,
                "the client is to carry sessions, but a URL was given",
                "give a client, or drop SESSION_DEWAR_CONNECTION",
            )
        settings = {key: client, **tables(kind, config)}
        return Connection(client, None, settings, "a URL was given", "native")

    try:
        carrier = carrier_of(kind, client, config, codec)
        if forced != "client":
            reading = READERS[kind](client, config)
    except ImportError as missing:
        raise ConnectionProblem(library_missing(kind, missing.name)) from None
    except Unreadable as unreadable:
        if forced == "native":
            raise problem(
                key,
                f"the engine is to open its own connection, and cannot: {unreadable}",
                unreadable.fix,
            ) from None
        return Connection(None, carrier, {}, str(unreadable), "client")
    if forced == "client":
        return Connection(None, carrier, {}, "SESSION_DEWAR_CONNECTION says so", "client")
    settings = {key: reading.url, **tables(kind, config)}
    why = "SESSION_DEWAR_CONNECTION says so" if forced else "the client's settings could be read"
    return Connection(reading.url, carrier, settings, why, "native")


def forced_path(config: Mapping[str, Any]) -> Path | None:
    """What `SESSION_DEWAR_CONNECTION` says."""
    forced = config.get("SESSION_DEWAR_CONNECTION")
    if forced is None or forced in ("native", "client"):
        return forced
    raise problem(
        "SESSION_DEWAR_CONNECTION",
        f"{forced!r} is none of 'native' and 'client'",
        "write one of these, or drop it",
    )


def nothing_given(kind: str, key: str) -> Finding:
    """The finding for a store without an address; Flask-Session would have tried localhost."""
    if kind == "cachelib":
        fix = "set it to a cache, such as FileSystemCache('flask_session')"
    else:
        fix = f"set it to a client, or to a URL such as {EXAMPLES.get(kind, 'redis://127.0.0.1:6379/0')}"
    return Finding(
        "error", "DW0901", key, "", f"SESSION_TYPE is {kind!r}, and {key} says not where it is", fix
    )


def library_missing(kind: str, module: str | None = None) -> Finding:
    """The finding for a client whose library, this module of it, is not installed; a URL needs none."""
    extra, modules = LIBRARIES[kind]
    what = module or " or ".join(modules)
    key = f"SESSION_{kind.upper()}"
    return Finding(
        "error",
        "DW0904",
        key,
        "",
        f"SESSION_TYPE is {kind!r}, and {what}, which a client of it needs, is not installed",
        f"pip install 'flask-dewar[{extra}]', or set {key} to a URL, which needs no client library",
    )


def problem(key: str, what: str, fix: str, code: str = "DW0903") -> ConnectionProblem:
    return ConnectionProblem(Finding("error", code, key, "", what, fix))


def tables(kind: str, config: Mapping[str, Any]) -> dict[str, object]:
    """The keys of a kind that say which table, collection or schema."""
    names = {
        "mongodb": ["SESSION_MONGODB_DB", "SESSION_MONGODB_COLLECT"],
        "sqlalchemy": [
            "SESSION_SQLALCHEMY_TABLE",
            "SESSION_SQLALCHEMY_SCHEMA",
            "SESSION_SQLALCHEMY_SEQUENCE",
        ],
        "postgresql": ["SESSION_POSTGRESQL_TABLE", "SESSION_POSTGRESQL_SCHEMA"],
        "dynamodb": ["SESSION_DYNAMODB_TABLE", "SESSION_DYNAMODB_TABLE_EXISTS"],
    }
    return {name: config[name] for name in names.get(kind, []) if config.get(name) is not None}


def carrier_of(kind: str, client: Any, config: Mapping[str, Any], codec: Codec | None) -> Carrier:
    """The client as a carrier; `ConnectionProblem` where it is none of that kind."""
    key = f"SESSION_{kind.upper()}"
    try:
        if kind == "cachelib":
            return cachelib_carrier(client, config, codec)
        return CARRIERS[kind](client, config)
    except (AttributeError, TypeError) as error:
        name = type(client).__qualname__
        if type(client).__module__ != "builtins":
            name = f"{type(client).__module__}.{name}"
        raise problem(
            key,
            f"an object of type {name} is no client for session type {kind!r} ({type(error).__name__})",
            f"give a client of {' or '.join(LIBRARIES[kind][1])}, or a URL",
            "DW0902",
        ) from None


def redis_carrier(client: Any, config: Mapping[str, Any]) -> Carrier:
    from .carriers.redis import RedisCarrier

    if not (hasattr(client, "execute_command") and hasattr(client, "pipeline")):
        raise TypeError("no client of redis-py")
    return RedisCarrier(client)


def memcached_carrier(client: Any, config: Mapping[str, Any]) -> Carrier:
    from .carriers.memcached import MemcachedCarrier

    return MemcachedCarrier(client)


def mongodb_carrier(client: Any, config: Mapping[str, Any]) -> Carrier:
    from .carriers.mongodb import MongoDBCarrier

    database = config.get("SESSION_MONGODB_DB") or "flask_session"
    return MongoDBCarrier(client, database, config.get("SESSION_MONGODB_COLLECT") or "sessions")


def sqlalchemy_carrier(client: Any, config: Mapping[str, Any]) -> Carrier:
    from .carriers.sqlalchemy import SQLAlchemyCarrier, engine_of

    if not (hasattr(type(client), "engines") or hasattr(type(client), "connect")):
        raise TypeError("neither a Flask-SQLAlchemy instance nor an engine")
    return SQLAlchemyCarrier(
        engine_of(client, config.get("SESSION_SQLALCHEMY_BIND_KEY"), config),
        config.get("SESSION_SQLALCHEMY_TABLE") or "sessions",
        config.get("SESSION_SQLALCHEMY_SCHEMA"),
        config.get("SESSION_SQLALCHEMY_SEQUENCE"),
    )


def postgresql_carrier(client: Any, config: Mapping[str, Any]) -> Carrier:
    from .carriers.postgresql import PostgreSQLCarrier

    if not (hasattr(client, "getconn") or hasattr(client, "cursor")):
        raise TypeError("neither a pool nor a connection")
    table = config.get("SESSION_POSTGRESQL_TABLE") or "flask_sessions"
    return PostgreSQLCarrier(client, table, config.get("SESSION_POSTGRESQL_SCHEMA") or "public")


def dynamodb_carrier(client: Any, config: Mapping[str, Any]) -> Carrier:
    from .carriers.dynamodb import DynamoDBCarrier, Tables

    tables = Tables.EXPECT if config.get("SESSION_DYNAMODB_TABLE_EXISTS") else Tables.CREATE
    return DynamoDBCarrier(client, config.get("SESSION_DYNAMODB_TABLE") or "Sessions", tables)


def cachelib_carrier(client: Any, config: Mapping[str, Any], codec: Codec | None) -> Carrier:
    from .carriers.cachelib import CachelibCarrier

    if codec is None:
        # What the cache keeps is a dict, whatever SESSION_SERIALIZATION_FORMAT says: its types must not be lost on the way.
        codec = NativeCodec("msgpack-typed")
    if not all(hasattr(client, method) for method in ("get", "set", "delete")):
        raise TypeError("no cache of cachelib")
    return CachelibCarrier(client, codec.encode, codec.decode)


CARRIERS: dict[str, Callable[[Any, Mapping[str, Any]], Carrier]] = {
    "redis": redis_carrier,
    "memcached": memcached_carrier,
    "mongodb": mongodb_carrier,
    "sqlalchemy": sqlalchemy_carrier,
    "postgresql": postgresql_carrier,
    "dynamodb": dynamodb_carrier,
}
