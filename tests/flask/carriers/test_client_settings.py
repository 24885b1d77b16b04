"""Which way sessions take, and that a client's settings are read to the letter or not at all."""

from __future__ import annotations

import carrier_places as places
import flask
import pytest
from flask_dewar.clients import ConnectionProblem, connection


def redis_client(**settings):
    import redis

    return redis.Redis(**settings)


def sentinel(**settings):
    from redis.sentinel import Sentinel

    watchers = Sentinel(
        [("a", 26379), ("b", 26380)], sentinel_kwargs=settings.pop("watchers", None)
    )
    return watchers.master_for("main service", **settings)


def pymemcache(*arguments, **settings):
    from pymemcache.client.base import Client

    return Client(*arguments, **settings)


def pymemcache_hash(servers, **settings):
    from pymemcache.client.hash import HashClient

    return HashClient(servers, **settings)


def pylibmc(*arguments, **settings):
    import pylibmc

    return pylibmc.Client(*arguments, **settings)


def python_memcached(servers):
    import memcache

    return memcache.Client(servers)


def mongo(url, **settings):
    import pymongo

    return pymongo.MongoClient(url, connect=False, **settings)


def psycopg_pool(conninfo, **settings):
    from psycopg_pool import ConnectionPool

    return ConnectionPool(conninfo, open=False, **settings)


def engine(url, **settings):
    import sqlalchemy as sa

    return sa.create_engine(url, **settings)


URLS = [
    ("redis", lambda: redis_client(), "redis://localhost:6379"),
    (
        "redis",
        lambda: redis_client(host="cache.example", port=7000, db=3),
        "redis://cache.example:7000/3",
    ),
    (
        "redis",
        lambda: redis_client(host="::1", username="ada", password="p@ss:/w%rd"),
        "redis://ada:p%40ss%3A%2Fw%25rd@[::1]:6379",
    ),
    (
        "redis",
        lambda: redis_client(host="h", password="pw", decode_responses=True),
        "redis://:pw@h:6379",
    ),
    ("redis", lambda: redis_client(host="h", ssl=True), "rediss://h:6379"),
    (
        "redis",
        lambda: redis_client(unix_socket_path="/run/redis.sock", db=1, password="p w"),
        "redis+unix:///run/redis.sock?db=1&pass=p%20w",
    ),
    (
        "redis",
        lambda: sentinel(password="pw", db=2),
        "redis+sentinel://:pw@a:26379,b:26380/main service/2",
    ),
    ("memcached", lambda: pymemcache(("cache.example", 11212)), "memcached://cache.example:11212"),
    (
        "memcached",
        lambda: pymemcache("/run/memcached.sock"),
        "memcached+unix:///run/memcached.sock",
    ),
    ("memcached", lambda: pymemcache_hash([("h", 1)]), "memcached://h:1"),
    ("memcached", lambda: pylibmc(["h:11212"]), "memcached://h:11212"),
    ("memcached", lambda: python_memcached(["h:11212"]), "memcached://h:11212"),
    ("mongodb", lambda: mongo("mongodb://h1:1"), "mongodb://h1:1/"),
    (
        "mongodb",
        lambda: mongo("mongodb://u:p%40@b:2,a:1/?replicaSet=rs&tls=true&authSource=app"),
        "mongodb://u:p%40@a:1,b:2/?replicaSet=rs&tls=true&authSource=app",
    ),
    (
        "postgresql",
        lambda: psycopg_pool("postgresql://u:p%40@h/app"),
        "postgresql://u:p%40@h:5432/app",
    ),
    (
        "postgresql",
        lambda: psycopg_pool("host=/run/postgresql dbname=app user=u", kwargs={"port": 6432}),
        "postgresql://u@%2Frun%2Fpostgresql:6432/app",
    ),
    (
        "postgresql",
        lambda: psycopg_pool("host=h dbname=app sslmode=verify-full sslrootcert=/etc/ca.pem"),
        "postgresql://h:5432/app?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
    ),
    ("sqlalchemy", lambda: engine("postgresql+psycopg://u:p@h/app"), "postgresql://u:p@h/app"),
    (
        "sqlalchemy",
        lambda: engine("mysql+pymysql://u:p@h/app?charset=utf8mb4"),
        "mysql://u:p@h/app?charset=utf8mb4",
    ),
]


@pytest.mark.parametrize(("kind", "make", "url"), URLS, ids=[url for _, _, url in URLS])
def test_the_engine_connects_where_the_client_does(kind, make, url):
    made = connection(kind, make(), {})
    assert (made.url, made.path) == (url, "native")
    assert made.settings == {f"SESSION_{kind.upper()}": url}
    assert made.carrier.name == kind


def redis_subclass():
    import redis

    class Mine(redis.Redis):
        pass

    return Mine()


def redis_pool(**settings):
    import redis

    class Mine(redis.Connection):
        pass

    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=Mine, **settings))


def redis_provider():
    import redis

    return redis.Redis(credential_provider=redis.UsernamePasswordCredentialProvider("u", "hunter2"))


def fake():
    import fakeredis

    return fakeredis.FakeRedis()


def compressed():
    from pymemcache.serde import CompressedSerde

    return pymemcache(("h", 1), serde=CompressedSerde())


def tls_context():
    import ssl

    return pymemcache(("h", 1), tls_context=ssl.create_default_context())


def read_replica():
    from redis.sentinel import Sentinel

    return Sentinel([("a", 1)]).slave_for("main")


def mongomock():
    import mongomock

    return mongomock.MongoClient()


def static_pool():
    import sqlalchemy as sa

    return engine("sqlite://", poolclass=sa.pool.StaticPool)


class Codec:
    encode = staticmethod(repr)
    decode = staticmethod(eval)


def simple_cache():
    from cachelib import SimpleCache

    return SimpleCache()


CARRIED = [
    ("redis", fake, "fakeredis"),
    ("redis", redis_subclass, "Mine"),
    ("redis", redis_pool, "connection class"),
    ("redis", redis_provider, "credential_provider"),
    ("redis", lambda: redis_client(ssl=True, ssl_ca_certs="/etc/own.pem"), "ssl_ca_certs"),
    ("redis", lambda: redis_client(ssl=True, ssl_cert_reqs="none"), "does not check"),
    ("redis", lambda: redis_client(ssl=True, ssl_check_hostname=False), "host's name"),
    ("redis", lambda: sentinel(watchers={"password": "hunter2"}), "log-in"),
    ("redis", read_replica, "replica"),
    ("memcached", compressed, "compresses"),
    ("memcached", tls_context, "TLS context"),
    ("memcached", lambda: pymemcache(("h", 1), key_prefix=b"app:"), "prefix"),
    ("memcached", lambda: python_memcached(["a:1", "b:1"]), "2 servers"),
    ("memcached", lambda: pylibmc(["h:1"], binary=True), "binary"),
    ("mongodb", mongomock, "mongomock"),
    (
        "mongodb",
        lambda: mongo("mongodb://h/?tls=true&tlsAllowInvalidCertificates=true"),
        "tlsallowinvalid",
    ),
    ("postgresql", lambda: psycopg_pool("dbname=app"), "no host"),
    ("postgresql", lambda: psycopg_pool("service=app"), "service"),
    ("postgresql", lambda: psycopg_pool("host=h sslcert=/etc/own.pem"), "sslcert"),
    ("sqlalchemy", static_pool, "copy of its own"),
    ("sqlalchemy", lambda: engine("sqlite:////var/lib/app.db"), "each other's locks"),
    ("sqlalchemy", lambda: engine("sqlite:///file:app.db?uri=true"), "each other's locks"),
    ("sqlalchemy", lambda: engine("postgresql+psycopg://u@/app"), "no host"),
    ("cachelib", simple_cache, "form of its own"),
]


@pytest.mark.parametrize(
    ("kind", "make", "why"), CARRIED, ids=[f"{kind}: {why}" for kind, _, why in CARRIED]
)
def test_the_client_carries_what_the_engine_could_not_follow(kind, make, why):
    made = connection(kind, make(), {}, Codec)
    assert (made.url, made.path) == (None, "client")
    assert why in made.why
    assert made.carrier.name == kind
    with pytest.raises(ConnectionProblem) as caught:
        connection(kind, make(), {"SESSION_DEWAR_CONNECTION": "native"}, Codec)
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_cluster_is_reached_by_its_nodes():
    from redis.cluster import RedisCluster

    url = places.url_of("REDIS_CLUSTER")
    if not url:
        places.absent(places.missing("REDIS_CLUSTER"))
    first = url.partition("://")[2].partition(",")[0]
    client = RedisCluster.from_url(f"redis://{first}")
    made = connection("redis", client, {})
    client.close()
    assert made.path == "native"
    assert made.url.startswith("redis+cluster://")
    assert set(url.partition("://")[2].split(",")) <= set(made.url.partition("://")[2].split(","))


def test_psycopg2_pools_and_open_connections_are_read():
    import psycopg
    from psycopg2.pool import ThreadedConnectionPool

    url = places.url_of("POSTGRESQL")
    if not url:
        places.absent(places.missing("POSTGRESQL"))
    pool = ThreadedConnectionPool(1, 2, url)
    assert connection("postgresql", pool, {}).url == url
    pool.closeall()
    with psycopg.connect(url) as client:
        assert connection("postgresql", client, {}).url == url


def test_flask_sqlalchemy_is_read_from_the_configuration_and_the_bind_key():
    from flask_sqlalchemy import SQLAlchemy

    app = flask.Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["SQLALCHEMY_BINDS"] = {"sessions": {"url": "mysql+pymysql://u:p@h/app"}}
    app.config["SESSION_SQLALCHEMY_TABLE"] = "web_sessions"
    database = SQLAlchemy(app)
    assert connection("sqlalchemy", database, app.config).path == "client"
    app.config["SESSION_SQLALCHEMY_BIND_KEY"] = "sessions"
    made = connection("sqlalchemy", database, app.config)
    assert made.settings == {
        "SESSION_SQLALCHEMY": "mysql://u:p@h/app",
        "SESSION_SQLALCHEMY_TABLE": "web_sessions",
    }


@pytest.mark.parametrize("uri", ["sqlite:///app.db", "sqlite:////var/lib/app.db", "sqlite://"])
def test_sqlite_is_left_to_the_application_and_the_error_says_why(uri):
    from flask_sqlalchemy import SQLAlchemy

    app = flask.Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    assert connection("sqlalchemy", SQLAlchemy(), app.config).path == "client"
    app.config["SESSION_DEWAR_CONNECTION"] = "native"
    with pytest.raises(ConnectionProblem) as caught:
        connection("sqlalchemy", SQLAlchemy(), app.config)
    finding = caught.value.finding
    assert finding.code == "DW0903" and "two copies in one process" in finding.what
    assert "a file that only sessions are in" in finding.fix


def test_engine_options_that_only_the_engine_can_follow_mean_the_client():
    from flask_sqlalchemy import SQLAlchemy

    app = flask.Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://u@h/app"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": {"sslmode": "require"}}
    made = connection("sqlalchemy", SQLAlchemy(app), app.config)
    assert (made.path, "connect_args" in made.why) == ("client", True)


def test_an_engine_of_sqlalchemy_is_read_where_its_url_says_all():
    from sqlalchemy import create_engine, event

    url = "postgresql+psycopg2://u:p@h/app"
    made = connection("sqlalchemy", create_engine(url, pool_size=3), {})
    assert (made.path, made.url) == ("native", "postgresql://u:p@h/app")
    asked = create_engine(url)
    event.listen(asked, "do_connect", lambda *_: None)
    for engine in [
        create_engine(url, connect_args={"sslmode": "require"}),
        create_engine(url, creator=lambda: None),
        asked,
    ]:
        made = connection("sqlalchemy", engine, {})
        assert (made.path, "not in its URL" in made.why) == ("client", True)


def test_a_url_is_taken_as_it_is():
    made = connection("redis", "redis://h", {})
    assert (made.url, made.carrier, made.path) == ("redis://h", None, "native")
    with pytest.raises(ConnectionProblem, match="URL"):
        connection("redis", "redis://h", {"SESSION_DEWAR_CONNECTION": "client"})


def test_the_client_can_be_forced():
    made = connection("redis", redis_client(), {"SESSION_DEWAR_CONNECTION": "client"})
    assert (made.path, made.url) == ("client", None)
    assert "SESSION_DEWAR_CONNECTION" in made.why
    with pytest.raises(ConnectionProblem, match="sometimes"):
        connection("redis", redis_client(), {"SESSION_DEWAR_CONNECTION": "sometimes"})


@pytest.mark.parametrize(
    "kind", ["redis", "memcached", "mongodb", "sqlalchemy", "postgresql", "dynamodb", "cachelib"]
)
def test_nothing_given_is_never_localhost(kind):
    with pytest.raises(ConnectionProblem) as caught:
        connection(kind, None, {})
    assert f"SESSION_{kind.upper()}" in str(caught.value)
    assert caught.value.finding.code == "DW0901"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "kind", ["redis", "memcached", "sqlalchemy", "postgresql", "dynamodb", "cachelib"]
)
def test_what_is_no_client_is_said(kind):
    with pytest.raises(ConnectionProblem) as caught:
        connection(kind, object(), {}, Codec)
    assert caught.value.finding.code == "DW0902"
    assert "an object of type object is no client" in str(caught.value)


def test_no_password_shows_in_repr():
    made = connection("redis", redis_client(password="hunter2"), {})
    assert "hunter2" in made.url
    assert "hunter2" not in repr(made)
