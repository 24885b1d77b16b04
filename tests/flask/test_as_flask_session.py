"""What Flask-Session's own tests insist on, with the clients that they make: each on the real server or its stand-in."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import flask_dewar
import flask_session
import flask_sqlalchemy
import pytest
from cachelib.file import FileSystemCache
from flask_dewar import (
    cachelib,
    dynamodb,
    filesystem,
    memcached,
    memory,
    mongodb,
    postgresql,
    sqlalchemy,
)
from flask_dewar.redis import RedisSession, RedisSessionInterface
from shops import PATIENCE, REDIS_PATIENCE, shop, unavailable


@dataclass
class Place:
    """A store: the configuration of an application, and how another client than the application's reads a record."""

    config: dict[str, Any]
    session_class: type[flask_dewar.ServerSideSession]
    read: Callable[[flask.Flask, str], Any]


def url(name: str) -> str:
    variable = f"DEWAR_TEST_{name.upper()}_URL"
    if variable not in os.environ:
        unavailable(f"{variable} is not set: scripts/servers start {name}")
    return os.environ[variable]


def on_redis(stack: ExitStack, folder: Path) -> Place:
    import redis

    made = [redis.Redis.from_url(url("redis"), **REDIS_PATIENCE) for _ in range(2)]
    client, other = map(stack.enter_context, made)
    config = {"SESSION_TYPE": "redis", "SESSION_REDIS": client}
    return Place(config, RedisSession, lambda app, key: json.loads(str(other.get(key), "utf-8")))


def on_memcached(stack: ExitStack, folder: Path) -> Place:
    from pymemcache import Client

    address = url("memcached").removeprefix("memcached://")
    client, other = (stack.enter_context(closing(Client(address))) for _ in range(2))
    config = {"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": client}
    return Place(config, memcached.MemcachedSession, lambda app, key: json.loads(other.get(key)))


def on_mongodb(stack: ExitStack, folder: Path) -> Place:
    from pymongo import MongoClient

    client, other = (stack.enter_context(MongoClient(url("mongodb"))) for _ in range(2))
    stored = other.flask_session.sessions
    config = {"SESSION_TYPE": "mongodb", "SESSION_MONGODB": client}
    return Place(
        config,
        mongodb.MongoDBSession,
        lambda app, key: json.loads((stored.find_one({"id": key}) or {})["val"]),
    )


def dynamodb_resource() -> Any:
    import boto3

    address = urlsplit(url("dynamodb"))
    return boto3.resource(
        "dynamodb",
        endpoint_url=f"http://{address.hostname}:{address.port}",
        region_name=parse_qs(address.query)["region"][0],
        aws_access_key_id=address.username,
        aws_secret_access_key=address.password,
    )


def on_dynamodb(stack: ExitStack, folder: Path) -> Place:
    table = dynamodb_resource().Table(f"Sessions-{uuid.uuid4().hex}")
    config = {
        "SESSION_TYPE": "dynamodb",
        "SESSION_DYNAMODB": dynamodb_resource(),
        "SESSION_DYNAMODB_TABLE": table.name,
    }
    return Place(
        config,
        dynamodb.DynamoDBSession,
        lambda app, key: json.loads(table.get_item(Key={"id": key})["Item"]["val"].value),
    )


def on_filesystem(stack: ExitStack, folder: Path) -> Place:
    config = {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(folder / "sessions")}
    return Place(config, filesystem.FileSystemSession, from_cache)


def on_cachelib(stack: ExitStack, folder: Path) -> Place:
    cache = FileSystemCache(threshold=500, cache_dir=str(folder / "cache"))
    config = {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}
    return Place(config, cachelib.CacheLibSession, from_cache)


def from_cache(app: flask.Flask, key: str) -> Any:
    return app.session_interface.cache.get(key)  # type: ignore[attr-defined]


def on_sqlalchemy(stack: ExitStack, folder: Path) -> Place:
    def read(app: flask.Flask, key: str) -> Any:
        interface: Any = app.session_interface
        with app.app_context():
            query = interface.client.session.query(interface.sql_session_model)
            return json.loads(query.filter_by(session_id=key).one().data)

    config = {"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": "sqlite:///"}
    return Place(config, sqlalchemy.SqlAlchemySession, read)


def on_postgresql(stack: ExitStack, folder: Path) -> Place:
    from psycopg2.pool import ThreadedConnectionPool

    pool = ThreadedConnectionPool(1, 5, url("postgresql"))
    stack.callback(pool.closeall)
    table = f"sessions_{uuid.uuid4().hex}"

    def run(statement: str, *parameters: str) -> Any:
        connection = pool.getconn()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchone() if cursor.description else None
        finally:
            pool.putconn(connection)

    stack.callback(run, f"DROP TABLE IF EXISTS {table}")
    read = f"SELECT data FROM public.{table} WHERE session_id = %s"
    config = {
        "SESSION_TYPE": "postgresql",
        "SESSION_POSTGRESQL": pool,
        "SESSION_POSTGRESQL_TABLE": table,
    }
    return Place(
        config,
        postgresql.PostgreSqlSession,
        lambda app, key: json.loads(run(read, key)[0].tobytes()),
    )


PLACES = {
    "redis": on_redis,
    "memcached": on_memcached,
    "mongodb": on_mongodb,
    "dynamodb": on_dynamodb,
    "filesystem": on_filesystem,
    "cachelib": on_cachelib,
    "sqlalchemy": on_sqlalchemy,
    "postgresql": on_postgresql,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        made = PLACES[request.param](stack, tmp_path)
        made.config |= {"SESSION_SERIALIZATION_FORMAT": "json", "SESSION_PERMANENT": False}
        if f"DEWAR_TEST_{request.param.upper()}_URL" in os.environ:
            made.config |= PATIENCE
        yield made


def test_a_session_lives_as_flask_sessions_tests_want_it(place: Place) -> None:
    app = shop(place.config)
    with app.test_request_context():
        assert isinstance(flask.session, place.session_class)
    client = app.test_client()
    assert "Vary" not in client.get("/nothing").headers
    client.get("/set/value/42")
    response = client.get("/get/value")
    assert response.text == "42" and response.headers["Vary"] == "Cookie"
    client.get("/set/value/43")
    assert client.get("/get/value").text == "43"
    assert client.get("/pop/value").text == "43"
    assert client.get("/get/value").text == "None"


@pytest.mark.parametrize("permanent", [None, False, True, "unset"])
def test_a_session_is_permanent_where_flask_sessions_is(tmp_path: Path, permanent: object) -> None:
    config: dict[str, Any] = {} if permanent == "unset" else {"SESSION_PERMANENT": permanent}
    lasting = []
    for name, session in (("theirs", flask_session.Session), ("ours", flask_dewar.Session)):
        app = flask.Flask(name)
        cache = FileSystemCache(str(tmp_path / name))
        app.config.update(config, SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)
        session(app)
        with app.test_client() as client, client.session_transaction() as opened:
            opened["value"] = 1
        cookie = client.get_cookie("session")
        assert cookie is not None
        lasting.append(cookie.expires is not None)
    assert lasting[0] == lasting[1] == (permanent in (True, "unset"))


def test_the_record_is_under_the_cookies_value_as_json_for_another_client(place: Place) -> None:
    app = shop(place.config)
    client = app.test_client()
    client.get("/set/value/44")
    cookie = client.get_cookie("session")
    assert cookie is not None
    key = f"session:{cookie.value}"
    assert place.read(app, key)["value"] == "44"
    interface: Any = app.session_interface
    assert interface._get_store_id(cookie.value) == key
    assert interface._retrieve_session_data(key)["value"] == "44"
    interface._delete_session(key)
    assert interface._retrieve_session_data(key) is None
    assert client.get("/get/value").text == "None"


def test_a_session_type_that_is_none_is_a_value_error() -> None:
    app = flask.Flask(__name__)
    app.secret_key = "a key of some length"
    with pytest.raises(ValueError, match="SESSION_TYPE is not set"):
        flask_dewar.Session(app)


@pytest.mark.parametrize("exists", [True, False])
def test_a_table_of_dynamodb_is_expected_or_made(exists: bool) -> None:
    resource = dynamodb_resource()
    name = f"Sessions-{uuid.uuid4().hex}"
    config = {"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": resource, **PATIENCE}
    config |= {"SESSION_DYNAMODB_TABLE": name, "SESSION_DYNAMODB_TABLE_EXISTS": exists}
    if exists:
        with pytest.raises(flask_dewar.StoreError):
            shop(config | {"TESTING": True}).test_client().get("/set/value/1")
        shop(config | {"SESSION_DYNAMODB_TABLE_EXISTS": False}).test_client().get("/set/value/1")
    client = shop(config).test_client()
    client.get("/set/value/1")
    assert client.get("/get/value").text == "1"


def test_the_settings_of_an_interface_are_its_attributes() -> None:
    app = flask.Flask(__name__)
    app.config["SESSION_ID_LENGTH"] = 40
    interface = RedisSessionInterface(
        app, "redis://127.0.0.1:1", key_prefix="mine:", serialization_format="json"
    )
    assert (interface.client, interface.key_prefix) == ("redis://127.0.0.1:1", "mine:")
    assert (interface.sid_length, interface.permanent, interface.use_signer) == (40, True, False)
    assert interface.cleanup_n_requests is None
    record = interface.serializer.encode({"name": "ada"})
    assert json.loads(record) == {"name": "ada"} == interface.serializer.decode(record)


def test_a_setting_that_is_changed_on_the_interface_counts_from_the_next_request_on(
    tmp_path: Path,
) -> None:
    app = shop({"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(tmp_path)})
    interface = app.session_interface
    assert isinstance(interface, flask_dewar.ServerSideSessionInterface)
    client = app.test_client()
    client.get("/set/value/1")
    interface.key_prefix = "another:"
    assert client.get("/get/value").text == "None"
    interface.sid_length = 60
    client.get("/set/value/2")
    cookie = client.get_cookie("session")
    assert cookie is not None and len(cookie.value) == 80
    stored = interface.cache.get(f"another:{cookie.value}")  # type: ignore[attr-defined]
    assert stored["value"] == "2"
    with pytest.raises(flask_dewar.ConfigurationError, match="SESSION_ID_LENGTH"):
        interface.sid_length = 3
    assert interface.sid_length == 60
    assert client.get("/get/value").text == "2"


@pytest.mark.parametrize(
    ("key", "value", "attribute"),
    [
        ("SESSION_KEY_PREFIX", "shop:", "key_prefix"),
        ("SESSION_USE_SIGNER", True, "use_signer"),
        ("SESSION_ID_LENGTH", 64, "sid_length"),
    ],
)
def test_what_a_store_was_opened_with_holds_whatever_is_configured_later_as_in_flask_session(
    key: str, value: object, attribute: str
) -> None:
    app = shop({"SESSION_TYPE": "memory", "SECRET_KEY": "9f3c1e77a05bd2846cf01b9de35a7482"})
    interface = app.session_interface
    assert isinstance(interface, flask_dewar.ServerSideSessionInterface)
    before = getattr(interface, attribute)
    client = app.test_client()
    client.get("/set/value/1")
    app.config[key] = value
    assert getattr(interface, attribute) == before
    # What concerns all sessions is followed, and makes a new engine.
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    assert client.get("/get/value").text == "1"
    client.get("/set/value/2")
    cookie = client.get_cookie("session")
    assert cookie is not None
    interface.end_session(cookie.value)
    assert client.get("/get/value").text == "None"


def test_arguments_are_taken_in_the_order_of_flask_session(tmp_path: Path) -> None:
    app = flask.Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    database = flask_sqlalchemy.SQLAlchemy(app)
    files = filesystem.FileSystemSessionInterface(
        app, "shop:", False, False, 40, "json", str(tmp_path / "files"), 10, 0o640
    )
    assert (files.key_prefix, files.permanent, files.sid_length) == ("shop:", False, 40)
    assert files.serializer.form == "json"
    assert files._setting("SESSION_FILE_DIR") == str(tmp_path / "files")
    assert (files._setting("SESSION_FILE_THRESHOLD"), files._setting("SESSION_FILE_MODE")) == (
        10,
        0o640,
    )
    table = sqlalchemy.SqlAlchemySessionInterface(
        app, database, "shop:", False, True, 32, "msgpack", "mine", None, None, None, 9
    )
    assert (table.key_prefix, table.cleanup_n_requests) == ("shop:", 9)
    assert table.sql_session_model.__tablename__ == "mine"


def test_an_argument_that_an_interface_does_not_have_is_refused() -> None:
    app = flask.Flask(__name__)
    for given in (
        lambda: filesystem.FileSystemSessionInterface(app, client="files"),
        lambda: memory.MemorySessionInterface(app, "shop:"),
        lambda: RedisSessionInterface(app, "redis://127.0.0.1:1", tables="mine"),
        lambda: RedisSessionInterface(app, "redis://127.0.0.1:1", *[None] * 5, 9, "mine"),
        lambda: mongodb.MongoDBSessionInterface(app, None, *[None] * 5, "shop", db="shop"),
    ):
        with pytest.raises(TypeError, match=r"Interface\(\) (has no|was given)"):
            given()


def test_a_subclass_of_session_chooses_the_interface() -> None:
    class Kept(memory.MemorySessionInterface):
        pass

    class OwnSession(flask_dewar.Session):
        def _get_interface(self, app: flask.Flask) -> Any:
            if app.config["SESSION_TYPE"] == "memory":
                return Kept(app)
            return super()._get_interface(app)

    for session_type, interface in [
        ("memory", Kept),
        ("cookie", flask_dewar.SecureCookieSessionInterface),
    ]:
        app = flask.Flask(__name__)
        app.config.update(SECRET_KEY="9f3c1e77a05bd2846cf01b9de35a7482", SESSION_TYPE=session_type)
        OwnSession(app)
        assert type(app.session_interface) is interface


def test_a_session_is_removed_through_the_interfaces_cache(tmp_path: Path) -> None:
    app = shop({"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": str(tmp_path)})
    client = app.test_client()
    client.get("/set/value/1")
    cookie = client.get_cookie("session")
    assert cookie is not None
    app.session_interface.cache.delete(f"session:{cookie.value}")  # type: ignore[attr-defined]
    assert client.get("/get/value").text == "None"


@pytest.mark.parametrize(
    "name", ["_upsert_session", "_generate_sid", "_sign", "serializer", "should_set_storage"]
)
def test_a_method_that_would_not_be_called_is_refused(name: str) -> None:
    interface = type("Mine", (RedisSessionInterface,), {name: lambda *arguments: None})
    with pytest.raises(flask_dewar.ConfigurationError, match=f"Mine replaces {name}"):
        interface(flask.Flask(__name__), "redis://127.0.0.1:1")


def test_a_serializer_of_the_application_is_refused() -> None:
    interface = RedisSessionInterface(flask.Flask(__name__), "redis://127.0.0.1:1")
    with pytest.raises(flask_dewar.ConfigurationError, match="lazy strings or Markup"):
        interface.serializer = json  # type: ignore[assignment]
