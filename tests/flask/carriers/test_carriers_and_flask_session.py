"""Flask-Session 0.8 and the carriers read and write the same records over the same client, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
import warnings
from contextlib import ExitStack
from urllib.parse import urlsplit

import carrier_places as places
import flask
import msgspec
import pytest
from flask_dewar.clients import connection

LIFETIME = 31 * 86_400


class Codec:
    """As `Flask-Session` writes a session, for a cache that keeps dicts."""

    encode = staticmethod(msgspec.msgpack.encode)
    decode = staticmethod(msgspec.msgpack.decode)


class Case:
    """A Flask app on Flask-Session, and a carrier over the very client it has."""

    def __init__(self, kind, client, **config):
        import flask_session

        self.app = flask.Flask(__name__)
        self.app.config.update(SESSION_TYPE=kind, **config)
        self.app.config[f"SESSION_{kind.upper()}"] = client
        if hasattr(client, "init_app"):
            client.init_app(self.app)

        @self.app.get("/set/<value>")
        def put(value):
            flask.session["value"] = value
            return "kept"

        @self.app.get("/value")
        def value():
            return flask.session.get("value", "none")

        @self.app.get("/end")
        def end():
            flask.session.clear()
            return "ended"

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flask_session.Session(self.app)
        self.browser = self.app.test_client()
        self.app.config["SESSION_DEWAR_CONNECTION"] = "client"
        self.carrier = connection(kind, client, self.app.config, Codec).carrier

    def get(self, path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.browser.get(path).text

    @property
    def key(self):
        return "session:" + self.browser.get_cookie("session").value


def redis(stack, folder):
    import redis

    url = places.url_of("REDIS") or places.absent(places.missing("REDIS"))
    return Case(
        "redis", stack.enter_context(redis.Redis.from_url(url, socket_timeout=places.PATIENCE))
    )


def memcached(make):
    def case(stack, folder):
        url = urlsplit(places.url_of("MEMCACHED") or places.absent(places.missing("MEMCACHED")))
        client = make(url.hostname, url.port)
        stack.callback(getattr(client, "close", None) or client.disconnect_all)
        return Case("memcached", client)

    return case


def mongodb(stack, folder):
    import pymongo

    client = stack.enter_context(pymongo.MongoClient(places.url_of("REAL_MONGODB")))
    return Case("mongodb", client, SESSION_MONGODB_DB=f"dewar_{uuid.uuid4().hex}")


def dynamodb(stack, folder):
    # Flask-Session takes the local time for UTC.
    stack.enter_context(time_zone("UTC"))
    table = f"Sessions-{uuid.uuid4().hex}"
    return Case("dynamodb", places.dynamodb_resource(stack), SESSION_DYNAMODB_TABLE=table)


def sqlalchemy(server):
    def case(stack, folder):
        from flask_sqlalchemy import SQLAlchemy

        url = f"sqlite:///{folder}/app.db"
        if server == "memory":
            url = "sqlite://"
        elif server:
            url = places.url_of(server) or places.absent(places.missing(server))
        url = url.replace("postgresql://", "postgresql+psycopg://").replace(
            "mysql://", "mysql+pymysql://"
        )
        table = f"sessions_{uuid.uuid4().hex[:12]}"
        database = SQLAlchemy()
        made = Case(
            "sqlalchemy", database, SQLALCHEMY_DATABASE_URI=url, SESSION_SQLALCHEMY_TABLE=table
        )

        def drop():
            with made.app.app_context():
                database.drop_all()
                database.engine.dispose()

        stack.callback(drop)
        return made

    return case


def cachelib(make):
    def case(stack, folder):
        cache = make(stack, folder)
        if isinstance(cache, str):
            places.absent(cache)
        return Case("cachelib", cache)

    return case


class time_zone:
    """A time zone for this process."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.before = os.environ.get("TZ")
        os.environ["TZ"] = self.name
        time.tzset()

    def __exit__(self, *_):
        if self.before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = self.before
        time.tzset()


CASES = {
    "redis": redis,
    "pymemcache": memcached(places.pymemcache_client),
    "pylibmc": memcached(places.pylibmc),
    "python-memcached": memcached(places.python_memcached),
    "dynamodb": dynamodb,
    "sqlalchemy-sqlite": sqlalchemy(None),
    "sqlalchemy-memory": sqlalchemy("memory"),
    "sqlalchemy-postgresql": sqlalchemy("POSTGRESQL"),
    "sqlalchemy-mysql": sqlalchemy("MYSQL"),
    "cachelib-simple": cachelib(places.cachelib_simple),
    "cachelib-folder": cachelib(places.cachelib_folder),
    "cachelib-redis": cachelib(places.cachelib_redis),
}
if places.url_of("REAL_MONGODB"):
    # Flask-Session insists on pymongo's own client, so that no emulator within the process will do.
    CASES["mongodb"] = mongodb


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    with ExitStack() as stack:
        yield CASES[request.param](stack, tmp_path)


def test_a_record_of_flask_session_is_read(case):
    case.get("/set/flask")
    data, _ = case.carrier.load(case.key)
    assert msgspec.msgpack.decode(data) == {"_permanent": True, "value": "flask"}


def test_flask_session_reads_what_the_carrier_wrote_over_its_record(case):
    case.get("/set/flask")
    _, token = case.carrier.load(case.key)
    written = msgspec.msgpack.encode({"_permanent": True, "value": "dewar"})
    outcome, _ = case.carrier.replace(case.key, written, time.time() + LIFETIME, token)
    assert outcome == "done"
    assert case.get("/value") == "dewar"


def test_flask_session_reads_what_the_carrier_made(case):
    sid = uuid.uuid4().hex
    written = msgspec.msgpack.encode({"_permanent": True, "value": "dewar"})
    assert case.carrier.create(f"session:{sid}", written, time.time() + LIFETIME)
    case.browser.set_cookie("session", sid)
    assert case.get("/value") == "dewar"
    assert case.get("/set/flask") == "kept"
    data, _ = case.carrier.load(f"session:{sid}")
    assert msgspec.msgpack.decode(data)["value"] == "flask"


def test_a_logout_on_either_side_is_one_on_the_other(case):
    case.get("/set/flask")
    key = case.key
    _, token = case.carrier.load(key)
    case.get("/end")
    assert case.carrier.load(key) is None
    written = msgspec.msgpack.encode({"value": "late"})
    assert case.carrier.replace(key, written, time.time() + LIFETIME, token)[0] == "gone"
    assert not case.carrier.touch(key, time.time() + LIFETIME)
    case.get("/set/again")
    case.carrier.delete(case.key)
    assert case.get("/value") == "none"


def test_a_write_of_flask_session_in_between_is_a_conflict(case):
    case.get("/set/one")
    _, token = case.carrier.load(case.key)
    case.get("/set/two")
    written = msgspec.msgpack.encode({"value": "late"})
    assert case.carrier.replace(case.key, written, time.time() + LIFETIME, token)[0] == "conflict"
    assert case.get("/value") == "two"


def test_rows_without_an_expiry_are_expired(tmp_path):
    with ExitStack() as stack:
        case = sqlalchemy(None)(stack, tmp_path)
        case.get("/set/old")
        table = case.carrier.table
        with (
            case.app.app_context(),
            case.app.config["SESSION_SQLALCHEMY"].engine.begin() as connection,
        ):
            connection.execute(table.update().values(expiry=None))
        assert case.carrier.load(case.key) is None
        assert case.carrier.delete_expired(time.time(), 10) == (1, False)


def test_a_planted_pickle_in_a_cache_runs_nothing(tmp_path):
    from cachelib import FileSystemCache

    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "planted"),)

    cache = FileSystemCache(str(tmp_path / "cache"))
    cache.set("session:a", {"value": Planted()})
    assert not (tmp_path / "planted").exists()
    carrier = connection("cachelib", cache, {}, Codec).carrier
    assert carrier.load("session:a") is None
    assert not (tmp_path / "planted").exists()
    # The application's own reading is as it was.
    cache.set("other", {"value": 1})
    assert cache.get("other") == {"value": 1}


@pytest.mark.parametrize(
    "planted",
    [
        b"}Vvalue\ncbuiltins\nbytearray\n(I1000000000\ntRs.",
        b"\x80\x04}r\xff\xff\xff\x03.",
        b"\x88r\x7f\x7f\x7f\x03." + b"a" * 10,
    ],
    ids=["a number of zeros", "a place far behind", "a place far behind, and msgpack"],
)
def test_a_planted_pickle_in_a_cache_takes_no_memory_that_it_does_not_hold(tmp_path, planted):
    """In a process of its own, whose memory is looked at."""
    from cachelib import FileSystemCache

    folder = tmp_path / "cache"
    cache = FileSystemCache(str(folder))
    cache.set("session:a", {"value": 1})
    path = cache._get_filename("session:a")
    with open(path, "rb") as file:
        expiry = file.read(4)
    with open(path, "wb") as file:
        file.write(expiry + planted)
    reader = """
import resource, sys
from cachelib import FileSystemCache
from flask_dewar.clients import connection

carrier = connection("cachelib", FileSystemCache(sys.argv[1]), {}, None).carrier
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
carrier.load("session:a")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", reader, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 500


def test_a_link_in_the_place_of_a_cache_s_lock_is_not_followed(tmp_path):
    from cachelib import FileSystemCache
    from flask_dewar.carriers import CarrierError

    carrier = connection("cachelib", FileSystemCache(str(tmp_path / "cache")), {}, Codec).carrier
    (tmp_path / "cache" / "dewar.__wz_cache").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CarrierError):
        carrier.delete("session:a")
    assert not (tmp_path / "elsewhere").exists()


def test_a_cache_never_evicts_a_live_session(tmp_path):
    from cachelib import FileSystemCache, SimpleCache

    for cache in (SimpleCache(threshold=5), FileSystemCache(str(tmp_path / "cache"), threshold=5)):
        carrier = connection("cachelib", cache, {}, Codec).carrier
        data = msgspec.msgpack.encode({"value": 1})
        for at in range(30):
            assert carrier.create(f"session:{at}", data, time.time() + 60)
        assert all(carrier.load(f"session:{at}") for at in range(30))


def test_an_error_shows_no_key_that_a_client_cut_off():
    from flask_dewar.carriers.base import describe

    key = "session:kG0pTz1q5cFSt9mCqN9q0vYq8sJ5gH2mP4xW7bR1aZo"
    for shown in (key, key[:32], key[-20:]):
        error = RuntimeError(f"error 47 from memcached_get({shown}): SERVER HAS FAILED")
        assert describe(error, [key]) == "RuntimeError"
    error = RuntimeError("error 47 from memcached_get: SERVER HAS FAILED")
    assert describe(error, [key]) == f"RuntimeError: {error}"


def test_no_error_shows_a_key_or_data(tmp_path):
    import redis
    import sqlalchemy as sa
    from flask_dewar.carriers import CarrierError
    from flask_dewar.carriers.redis import RedisCarrier
    from flask_dewar.carriers.sqlalchemy import SQLAlchemyCarrier

    nowhere = RedisCarrier(redis.Redis(port=1, retry=None))
    engine = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    with engine.begin() as connection_:
        connection_.execute(sa.text("CREATE TABLE sessions (wrong INTEGER)"))
    foreign = SQLAlchemyCarrier(lambda: engine)
    key, data = "session:hunter2-hunter2-hunter2", b"hunter2-data"
    for carrier in (nowhere, foreign):
        for call in (
            lambda c: c.load(key),
            lambda c: c.create(key, data, time.time() + 60),
            lambda c: c.replace(key, data, time.time() + 60, data),
            lambda c: c.delete(key),
        ):
            with pytest.raises(CarrierError) as caught:
                call(carrier)
            assert "hunter2" not in str(caught.value)
            assert caught.value.__suppress_context__
            assert carrier.name in str(caught.value)
    with pytest.raises(CarrierError, match="localhost:1"):
        nowhere.load(key)
    engine.dispose()


def test_json_and_msgpack_are_both_just_bytes(case):
    """The format is the engine's matter: a record of the other format comes through as it is."""
    if case.carrier.name == "cachelib":
        return
    key = f"session:{uuid.uuid4().hex}"
    data = json.dumps({"value": 1}).encode()
    assert case.carrier.create(key, data, time.time() + 60)
    assert case.carrier.load(key)[0] == data
