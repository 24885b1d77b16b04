"""The clients that carriers are tested with, each on its real server where there is one.

MongoDB: without `DEWAR_TEST_REAL_MONGODB_URL`, mongomock answers: it shows that filters, indexes and results are used as
they must be, and nothing about races, the server's own expiry or speed. DynamoDB: moto, likewise; its conditions are
not evaluated atomically. Races are run where `races` says so.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

Opened = Any  # two carriers, or why there are none

#: Seconds that a server has for an answer, in place of the few that clients leave it: what is tested is what it says.
PATIENCE = 120


@dataclass(frozen=True)
class Kind:
    """A client library on a store, and what its carrier can do."""

    name: str
    open: Callable[[ExitStack, Path, dict[str, Any]], Opened]
    #: Whether the carrier's clock decides what has expired.
    manual: bool = False
    #: Whether a session's record is any bytes.
    any_bytes: bool = True
    lists: bool = True
    #: Whether `delete_expired` removes rows, and says how many.
    purges: bool = False
    races: bool = True
    #: Whether `touch` leaves the version as it is; libmemcached has no touch in the binary protocol, and the carrier
    #: writes the record again.
    touches: bool = True

    def data(self, name: str) -> bytes:
        if self.any_bytes:
            return b"\x00\xff" + name.encode()
        return json.dumps({"name": name}).encode()


def url_of(server: str) -> str | None:
    return os.environ.get(f"DEWAR_TEST_{server}_URL")


def missing(server: str) -> str:
    name = server.lower().replace("_", "-")
    return f'no server: eval "$(scripts/servers start {name} && scripts/servers env)" sets DEWAR_TEST_{server}_URL'


def absent(why: str) -> None:
    """A server that is not there is skipped here, and a failure in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def redis(stack: ExitStack, folder: Path, options: dict[str, Any], **settings: Any) -> Opened:
    import redis
    from flask_dewar.carriers.redis import RedisCarrier

    url = url_of("REDIS")
    if not url:
        return missing("REDIS")
    settings["socket_timeout"] = settings["socket_connect_timeout"] = PATIENCE
    clients = [stack.enter_context(redis.Redis.from_url(url, **settings)) for _ in range(2)]
    return [RedisCarrier(client, **options) for client in clients]


def redis_text(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    return redis(stack, folder, options, decode_responses=True)


def redis_cluster(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    from flask_dewar.carriers.redis import RedisCarrier
    from redis.cluster import ClusterNode, RedisCluster

    url = url_of("REDIS_CLUSTER")
    if not url:
        return missing("REDIS_CLUSTER")
    nodes = [host.rsplit(":", 1) for host in url.partition("://")[2].split(",")]
    nodes = [ClusterNode(host, int(port)) for host, port in nodes]
    clients = [RedisCluster(startup_nodes=nodes, socket_timeout=PATIENCE) for _ in range(2)]
    for client in clients:
        stack.callback(client.close)
    return [RedisCarrier(client, **options) for client in clients]


def redis_sentinel(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    from flask_dewar.carriers.redis import RedisCarrier
    from redis.sentinel import Sentinel

    url = url_of("REDIS_SENTINEL")
    if not url:
        return missing("REDIS_SENTINEL")
    hosts, _, service = url.partition("://")[2].partition("/")
    sentinels = [(host, int(port)) for host, port in (host.split(":") for host in hosts.split(","))]
    sentinel = Sentinel(sentinels)
    clients = [
        stack.enter_context(sentinel.master_for(service, socket_timeout=PATIENCE)) for _ in range(2)
    ]
    return [RedisCarrier(client, **options) for client in clients]


def fakeredis(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    import fakeredis
    from flask_dewar.carriers.redis import RedisCarrier

    server = fakeredis.FakeServer()
    return [RedisCarrier(fakeredis.FakeRedis(server=server), **options) for _ in range(2)]


def memcached(make: Callable[[str, int], Any]) -> Callable[..., Opened]:
    def open_(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
        from flask_dewar.carriers.memcached import MemcachedCarrier

        url = url_of("MEMCACHED")
        if not url:
            return missing("MEMCACHED")
        parts = urlsplit(url)
        assert parts.hostname
        clients = [make(parts.hostname, parts.port or 11211) for _ in range(2)]
        for client in clients:
            close = getattr(client, "close", None) or client.disconnect_all
            stack.callback(close)
        return [MemcachedCarrier(client, **options) for client in clients]

    return open_


def pymemcache_client(host: str, port: int) -> Any:
    from pymemcache.client.base import Client

    return Client((host, port))


def pymemcache_pooled(host: str, port: int) -> Any:
    from pymemcache.client.base import PooledClient

    return PooledClient((host, port), max_pool_size=16)


def pymemcache_hash(host: str, port: int) -> Any:
    from pymemcache.client.hash import HashClient

    return HashClient([(host, port)], use_pooling=True, max_pool_size=16)


PYLIBMC_WAITS = {"connect_timeout": PATIENCE * 1000, "_poll_timeout": PATIENCE * 1000}


def pylibmc(host: str, port: int) -> Any:
    import pylibmc

    return pylibmc.Client([f"{host}:{port}"], behaviors=PYLIBMC_WAITS)


def pylibmc_binary(host: str, port: int) -> Any:
    import pylibmc

    return pylibmc.Client([f"{host}:{port}"], binary=True, behaviors=PYLIBMC_WAITS)


def python_memcached(host: str, port: int) -> Any:
    import memcache

    return memcache.Client([f"{host}:{port}"], socket_timeout=PATIENCE)


def mongodb(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    from flask_dewar.carriers.mongodb import MongoDBCarrier

    database = f"dewar_{uuid.uuid4().hex}"
    url = url_of("REAL_MONGODB")
    if url:
        import pymongo

        clients: list[Any] = [stack.enter_context(pymongo.MongoClient(url)) for _ in range(2)]
        stack.callback(clients[0].drop_database, database)
    else:
        import mongomock

        clients = [mongomock.MongoClient()] * 2
    return [MongoDBCarrier(client, database, **options) for client in clients]


def dynamodb(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    from flask_dewar.carriers.dynamodb import DynamoDBCarrier

    resource = dynamodb_resource(stack)
    table = f"Sessions-{uuid.uuid4().hex}"
    return [DynamoDBCarrier(resource, table, **options) for _ in range(2)]


def dynamodb_resource(stack: ExitStack) -> Any:
    import boto3
    from moto.server import ThreadedMotoServer

    url = url_of("REAL_DYNAMODB")
    if not url:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        stack.callback(server.stop)
        url = "http://{}:{}".format(*server.get_host_and_port())
    return boto3.resource(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def sqlalchemy(server: str | None) -> Callable[..., Opened]:
    def open_(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
        import sqlalchemy as sa
        from flask_dewar.carriers.sqlalchemy import SQLAlchemyCarrier

        if server == "memory":
            engine = sa.create_engine(
                "sqlite://",
                poolclass=sa.pool.StaticPool,
                connect_args={"check_same_thread": False},
            )
            carrier = SQLAlchemyCarrier(lambda: engine, **options)
            return [carrier, carrier]
        url = f"sqlite:///{folder}/sessions.db" if server is None else url_of(server)
        if not url:
            return missing(str(server))
        url = url.replace("postgresql://", "postgresql+psycopg://")
        url = url.replace("mysql://", "mysql+pymysql://")
        table = f"sessions_{uuid.uuid4().hex[:12]}"
        # Whoever waits for the lock of an SQLite file has no place in a queue.
        patient = {"connect_args": {"timeout": PATIENCE}} if server is None else {}
        engines = [sa.create_engine(url, pool_size=10, **patient) for _ in range(2)]
        carriers = [
            SQLAlchemyCarrier(lambda engine=engine: engine, table, **options) for engine in engines
        ]
        for engine in engines:
            stack.callback(engine.dispose)
        stack.callback(carriers[0].table.drop, engines[0], checkfirst=True)
        return carriers

    return open_


def psycopg_pool(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool

    return postgresql(
        stack,
        options,
        lambda url: stack.enter_context(
            ConnectionPool(url, min_size=1, max_size=8, open=True, kwargs={"row_factory": dict_row})
        ),
    )


def psycopg_connection(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    import psycopg

    return postgresql(stack, options, lambda url: stack.enter_context(psycopg.connect(url)))


def psycopg2_pool(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
    from psycopg2.extras import RealDictCursor
    from psycopg2.pool import ThreadedConnectionPool

    def make(url: str) -> Any:
        pool = ThreadedConnectionPool(1, 20, url, cursor_factory=RealDictCursor)
        stack.callback(pool.closeall)
        return pool

    return postgresql(stack, options, make)


def postgresql(stack: ExitStack, options: dict[str, Any], make: Callable[[str], Any]) -> Opened:
    import psycopg
    from flask_dewar.carriers.postgresql import PostgreSQLCarrier

    url = url_of("POSTGRESQL")
    if not url:
        return missing("POSTGRESQL")
    # A name that must be quoted, with a percent sign that no driver may take for a parameter.
    table = f'Sess"ions%s {uuid.uuid4().hex[:8]}'

    def drop() -> None:
        with psycopg.connect(url) as connection:
            name = psycopg.sql.Identifier("public", table)
            connection.execute(psycopg.sql.SQL("DROP TABLE IF EXISTS {}").format(name))

    stack.callback(drop)
    return [PostgreSQLCarrier(make(url), table, **options) for _ in range(2)]


def cachelib(make: Callable[[ExitStack, Path], Any]) -> Callable[..., Opened]:
    def open_(stack: ExitStack, folder: Path, options: dict[str, Any]) -> Opened:
        from flask_dewar.carriers.cachelib import CachelibCarrier

        cache = make(stack, folder)
        if isinstance(cache, str):
            return cache
        return [CachelibCarrier(cache, encoded, json.loads, **options) for _ in range(2)]

    return open_


def encoded(session: dict[str, Any]) -> bytes:
    return json.dumps(session).encode()


def cachelib_simple(stack: ExitStack, folder: Path) -> Any:
    from cachelib import SimpleCache

    return SimpleCache(threshold=5)


def cachelib_folder(stack: ExitStack, folder: Path) -> Any:
    from cachelib import FileSystemCache

    return FileSystemCache(str(folder / "cache"), threshold=5)


def cachelib_redis(stack: ExitStack, folder: Path) -> Any:
    import redis
    from cachelib import RedisCache

    url = url_of("REDIS")
    if not url:
        return missing("REDIS")
    client = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    return RedisCache(host=stack.enter_context(client))


KINDS = [
    Kind("redis", redis),
    Kind("redis-decode-responses", redis_text),
    Kind("redis-cluster", redis_cluster),
    Kind("redis-sentinel", redis_sentinel),
    Kind("fakeredis", fakeredis),
    Kind("pymemcache", memcached(pymemcache_client), lists=False),
    Kind("pymemcache-pooled", memcached(pymemcache_pooled), lists=False),
    Kind("pymemcache-hash", memcached(pymemcache_hash), lists=False),
    Kind("pylibmc", memcached(pylibmc), lists=False),
    Kind("pylibmc-binary", memcached(pylibmc_binary), lists=False, touches=False),
    Kind("python-memcached", memcached(python_memcached), lists=False),
    Kind("mongodb", mongodb, manual=True, races=bool(url_of("REAL_MONGODB"))),
    Kind("dynamodb", dynamodb, manual=True, races=bool(url_of("REAL_DYNAMODB"))),
    Kind("sqlalchemy-sqlite", sqlalchemy(None), manual=True, purges=True),
    Kind("sqlalchemy-memory", sqlalchemy("memory"), manual=True, purges=True),
    Kind("sqlalchemy-postgresql", sqlalchemy("POSTGRESQL"), manual=True, purges=True),
    Kind("sqlalchemy-mysql", sqlalchemy("MYSQL"), manual=True, purges=True),
    Kind("psycopg-pool", psycopg_pool, manual=True, purges=True),
    Kind("psycopg-connection", psycopg_connection, manual=True, purges=True),
    Kind("psycopg2-pool", psycopg2_pool, manual=True, purges=True),
    Kind("cachelib-simple", cachelib(cachelib_simple), any_bytes=False, lists=False),
    Kind("cachelib-folder", cachelib(cachelib_folder), any_bytes=False, lists=False),
    Kind("cachelib-redis", cachelib(cachelib_redis), any_bytes=False, lists=False),
]
