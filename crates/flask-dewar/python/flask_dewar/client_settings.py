"""Reads from a client's settings the URL that the engine opens, or says why none would mean the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode


class Unreadable(Exception):
    """Settings that the engine could not follow: why, in words, and what helps where it must follow them."""

    def __init__(self, why: str, fix: str = "give a URL, or drop SESSION_DEWAR_CONNECTION") -> None:
        super().__init__(why)
        self.fix = fix


@dataclass(frozen=True)
class Reading:
    """What was read from a client."""

    url: str


def read_redis(client: Any, config: Mapping[str, Any]) -> Reading:
    import redis
    from redis.cluster import RedisCluster
    from redis.sentinel import SentinelConnectionPool

    if type(client) not in (redis.Redis, redis.StrictRedis, RedisCluster):
        raise Unreadable(f"the client is a {type(client).__module__}.{type(client).__qualname__}")
    if isinstance(client, RedisCluster):
        manager = client.nodes_manager
        if manager.address_remap is not None:
            raise Unreadable("the cluster client maps addresses by a function")
        if getattr(manager, "_credential_provider", None) is not None:
            raise Unreadable("the client gets its credentials from a provider")
        settings = dict(manager.connection_kwargs)
        settings.pop("redis_connect_func", None)
        hosts = [(node.host, node.port) for node in manager.startup_nodes.values()]
        tls = bool(settings.pop("ssl", False)) or any(name.startswith("ssl_") for name in settings)
        return Reading(redis_url("+cluster", sorted(hosts), settings, tls))
    pool = client.connection_pool
    settings = dict(pool.connection_kwargs)
    connection_class = pool.connection_class
    if isinstance(pool, SentinelConnectionPool):
        if not pool.is_master:
            raise Unreadable("the client asks a replica, which takes no writes")
        if connection_class.__name__ not in (
            "SentinelManagedConnection",
            "SentinelManagedSSLConnection",
        ):
            raise Unreadable(
                f"the client has a connection class of its own, {connection_class.__name__}"
            )
        sentinels = [
            one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels
        ]
        if any(one.get("username") or one.get("password") for one in sentinels):
            raise Unreadable("the Sentinels want a log-in of their own, which a URL cannot say")
        tls = connection_class.__name__ == "SentinelManagedSSLConnection"
        hosts = [(one["host"], one["port"]) for one in sentinels]
        return Reading(redis_url("+sentinel", hosts, settings, tls, pool.service_name))
    if connection_class is redis.UnixDomainSocketConnection:
        check_redis(settings)
        options = {"db": settings.get("db") or 0}
        for name, option in (("username", "user"), ("password", "pass")):
            if settings.get(name):
                options[option] = settings[name]
        return Reading(
            f"redis+unix://{quote(settings['path'])}?{urlencode(options, quote_via=quote)}"
        )
    if connection_class not in (redis.Connection, redis.SSLConnection):
        raise Unreadable(
            f"the client has a connection class of its own, {connection_class.__name__}"
        )
    tls = connection_class is redis.SSLConnection
    host = (settings.get("host") or "localhost", settings.get("port") or 6379)
    return Reading(redis_url("", [host], settings, tls))


def redis_url(
    form: str,
    hosts: list[tuple[str, int]],
    settings: dict[str, Any],
    tls: bool,
    service: str | None = None,
) -> str:
    check_redis(settings)
    if tls and str(settings.get("ssl_cert_reqs")) in UNCHECKED:
        raise Unreadable("the client does not check certificates, and the engine always does")
    if service and set(service) & set("/?#"):
        raise Unreadable("the Sentinel service has a name that a URL cannot say")
    path = f"/{service}" if service else ""
    database = settings.get("db") or 0
    path += f"/{database}" if database else ""
    places = ",".join(f"{bracketed(host)}:{port}" for host, port in hosts)
    scheme = "rediss" if tls else "redis"
    log_in = credentials(settings.get("username"), settings.get("password"))
    return f"{scheme}{form}://{log_in}{places}{path}"


#: How redis-py is told not to check certificates.
UNCHECKED = ("none", "VerifyMode.CERT_NONE", "0")


def check_redis(settings: Mapping[str, Any]) -> None:
    """Raises `Unreadable` for what no URL can say."""
    for name in ("credential_provider", "redis_connect_func"):
        if settings.get(name) is not None:
            raise Unreadable(f"the client has a {name} of its own")
    own = (
        "ssl_ca_certs ssl_ca_data ssl_ca_path ssl_certfile ssl_keyfile ssl_ciphers ssl_min_version"
    )
    for name in own.split():
        if settings.get(name) is not None:
            raise Unreadable(f"the client has TLS settings of its own, {name}")
    for name in ("ssl_validate_ocsp", "ssl_validate_ocsp_stapled"):
        if settings.get(name):
            raise Unreadable(f"the client has TLS settings of its own, {name}")
    if (
        settings.get("ssl_check_hostname") is False
        and str(settings.get("ssl_cert_reqs")) not in UNCHECKED
    ):
        raise Unreadable("the client checks certificates but not the host's name")


def read_memcached(client: Any, config: Mapping[str, Any]) -> Reading:
    from .carriers.memcached import Pylibmc, Pymemcache, adapted

    adapter = adapted(client)
    if isinstance(adapter, Pymemcache):
        return Reading(pymemcache_url(client))
    if isinstance(adapter, Pylibmc):
        if client.binary:
            raise Unreadable(
                "the client speaks the binary protocol, and does not tell whether it logs in"
            )
        return Reading(memcached_url([split_host(one) for one in client.addresses]))
    return Reading(memcached_url([server.address for server in client.servers]))


def pymemcache_url(client: Any) -> str:
    from pymemcache.serde import CompressedSerde

    inner = getattr(client, "_client", client)
    servers = [inner]
    if hasattr(inner, "clients"):
        servers = list(inner.clients.values())
    for one in [inner, *servers]:
        if getattr(one, "key_prefix", b""):
            raise Unreadable("the client puts a prefix of its own before keys")
        if getattr(one, "tls_context", None) is not None:
            raise Unreadable("the client has a TLS context of its own")
        if isinstance(getattr(one, "serde", None), CompressedSerde):
            raise Unreadable("the client compresses what it stores")
    return memcached_url([one.server for one in servers])


def memcached_url(servers: list[Any]) -> str:
    if len(servers) != 1:
        raise Unreadable(f"the client spreads keys over {len(servers)} servers in a way of its own")
    (server,) = servers
    if isinstance(server, str):
        return f"memcached+unix://{server.removeprefix('unix:')}"
    host, port = server
    return f"memcached://{bracketed(host)}:{port}"


def split_host(address: str) -> Any:
    """An address as pylibmc takes it: `host`, `host:port` or a socket's path."""
    if address.startswith("/"):
        return address
    if address.startswith("udp:"):
        raise Unreadable("the client speaks UDP")
    host, colon, port = address.rpartition(":")
    return (host, int(port)) if colon else (address, 11211)


def read_mongodb(client: Any, config: Mapping[str, Any]) -> Reading:
    import pymongo

    if type(client) is not pymongo.MongoClient:
        raise Unreadable(f"the client is a {type(client).__module__}.{type(client).__qualname__}")
    options = client.options
    given = {name.lower(): value for name, value in options._options.items()}
    harmless = {
        "document_class",
        "tz_aware",
        "connect",
        "host",
        "port",
        "appname",
        "uuidrepresentation",
    }
    strange = sorted(given.keys() - harmless - MONGODB_OPTIONS.keys())
    if strange:
        raise Unreadable(f"the client has options that may not be followed: {', '.join(strange)}")
    if options.auto_encryption_opts is not None:
        raise Unreadable("the client encrypts fields")
    credential = options.pool_options._credentials
    if credential is not None and credential.mechanism not in (
        "DEFAULT",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256",
    ):
        raise Unreadable(f"the client logs in by {credential.mechanism}")
    settings = client._topology_settings
    query = {
        MONGODB_OPTIONS[name]: value for name, value in given.items() if name in MONGODB_OPTIONS
    }
    if credential is not None:
        query["authSource"] = credential.source
    log_in = credentials(credential.username, credential.password) if credential else ""
    if settings.fqdn:
        scheme, places = "mongodb+srv", settings.fqdn
    else:
        scheme = "mongodb"
        places = ",".join(f"{bracketed(host)}:{port}" for host, port in sorted(settings.seeds))
    words = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
    }
    return Reading(f"{scheme}://{log_in}{places}/{'?' + urlencode(words) if words else ''}")


#: Options that mean the same to the engine, by their names in lower case.
MONGODB_OPTIONS = {
    name.lower(): name
    for name in (
        "authMechanism",
        "authSource",
        "directConnection",
        "replicaSet",
        "retryWrites",
        "ssl",
        "tls",
        "w",
    )
}


def read_dynamodb(client: Any, config: Mapping[str, Any]) -> Reading:
    raise Unreadable("a boto3 resource keeps how it finds its credentials to itself")


def read_sqlalchemy(client: Any, config: Mapping[str, Any]) -> Reading:
    import sqlalchemy as sa

    url, options = sqlalchemy_url(client, config)
    backend = url.get_backend_name()
    if backend == "sqlite":
        raise Unreadable(
            "the database is SQLite, of which the engine has a copy of its own: two copies in one process do not see "
            "each other's locks, and damage the file",
            "drop SESSION_DEWAR_CONNECTION, or give the URL of a file that only sessions are in",
        )
    if options:
        raise Unreadable(f"the engine has options of its own: {', '.join(sorted(options))}")
    if isinstance(client, sa.Engine) and not connects_by_url(client):
        raise Unreadable("the engine connects with what is not in its URL")
    if backend not in ("postgresql", "mysql", "mariadb"):
        raise Unreadable(f"there is no native store for {backend}")
    known = POSTGRESQL_OPTIONS if backend == "postgresql" else MYSQL_OPTIONS
    strange = sorted(set(url.query) - known)
    if strange:
        raise Unreadable(f"the URL has options that may not be followed: {', '.join(strange)}")
    if not url.host and "host" not in url.query and "unix_socket" not in url.query:
        raise Unreadable("the URL names no host: the driver finds one by itself")
    return Reading(url.set(drivername=backend).render_as_string(hide_password=False))


POSTGRESQL_OPTIONS = {
    "application_name", "connect_timeout", "dbname", "host", "hostaddr", "keepalives", "keepalives_idle", "options",
    "password", "port", "sslmode", "sslrootcert", "target_session_attrs", "user",
}  # fmt: skip
MYSQL_OPTIONS = {"unix_socket", "ssl_ca", "ssl_mode", "charset"}


def sqlalchemy_url(client: Any, config: Mapping[str, Any]) -> tuple[Any, set[str]]:
    """The database's URL, and the names of options that only the engine can follow."""
    import sqlalchemy as sa

    if isinstance(client, sa.Engine):
        return client.url, set()
    given = config.get("SQLALCHEMY_DATABASE_URI")
    options = dict(config.get("SQLALCHEMY_ENGINE_OPTIONS") or {})
    bind_key = config.get("SESSION_SQLALCHEMY_BIND_KEY")
    if bind_key is not None:
        given = (config.get("SQLALCHEMY_BINDS") or {}).get(bind_key)
    if isinstance(given, Mapping):
        options.update(given)
        given = options.pop("url", None)
    if not given:
        raise Unreadable("the database's URL is not in the configuration")
    strange = options.keys() & {"creator", "connect_args", "module", "poolclass"}
    return sa.make_url(given), strange


def connects_by_url(engine: Any) -> bool:
    """Whether an engine of SQLAlchemy connects with what its URL says, and nothing else."""
    # What create_engine made of the URL and of `connect_args` is kept by the function that connects, and nowhere else.
    connect = engine.pool._creator
    kept = inspect.getclosurevars(connect).nonlocals if inspect.isfunction(connect) else {}
    of_url = dict(engine.dialect.create_connect_args(engine.url)[1])
    return kept.get("cparams") == of_url and not engine.dialect.dispatch.do_connect


def read_postgresql(client: Any, config: Mapping[str, Any]) -> Reading:
    parameters = postgresql_parameters(client)
    known = POSTGRESQL_OPTIONS | {"service"}
    # What libpq fills in by itself.
    filled = {
        "channel_binding", "sslnegotiation", "sslcompression", "sslcertmode", "sslsni", "ssl_min_protocol_version",
        "gssencmode", "krbsrvname", "gssdelegation", "load_balance_hosts", "client_encoding",
        "fallback_application_name",
    }  # fmt: skip
    strange = sorted(
        name for name, value in parameters.items() if value and name not in known | filled
    )
    if strange or parameters.get("service"):
        raise Unreadable(
            f"the connection has parameters that may not be followed: {', '.join(strange or ['service'])}"
        )
    host = parameters.pop("host", None) or parameters.pop("hostaddr", None)
    if not host:
        raise Unreadable("the connection names no host: libpq finds one by itself")
    if "," in host:
        raise Unreadable("the connection names several hosts")
    log_in = credentials(parameters.pop("user", None), parameters.pop("password", None))
    port, name = parameters.pop("port", None) or 5432, parameters.pop("dbname", None)
    query = {one: value for one, value in parameters.items() if one in POSTGRESQL_OPTIONS and value}
    query.pop("hostaddr", None)
    if query.get("options") == "":
        query.pop("options")
    # Not in the query: the engine would take the empty host beside it for another.
    place = quote(host, safe="") if host.startswith("/") else bracketed(host)
    words = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return Reading(f"postgresql://{log_in}{place}:{port}/{quote(name or '', safe='')}{words}")


def postgresql_parameters(client: Any) -> dict[str, Any]:
    """The parameters of a connection or of those that a pool makes."""
    library = type(client).__module__.partition(".")[0]
    if library == "psycopg2":
        from psycopg2.extensions import parse_dsn

        if hasattr(client, "getconn"):
            parameters = dict(client._kwargs)
            for name in ("connection_factory", "async", "async_"):
                if parameters.pop(name, None):
                    raise Unreadable(f"the pool makes connections with a {name} of its own")
            parameters.pop("cursor_factory", None)
            dsn = parameters.pop("dsn", None) or (client._args[0] if client._args else "")
            return {**parse_dsn(dsn), **parameters} if dsn else parameters
        parameters = dict(client.info.dsn_parameters)
        parameters["password"] = client.info.password
        return parameters
    from psycopg.conninfo import conninfo_to_dict

    if hasattr(client, "getconn"):
        conninfo, settings = client.conninfo, client.kwargs or {}
        if callable(conninfo) or callable(settings):
            raise Unreadable("the pool gets its parameters from a function")
        if type(client).__name__ != "ConnectionPool":
            raise Unreadable(f"the pool is a {type(client).__name__}")
        own = ("autocommit", "row_factory", "cursor_factory", "prepare_threshold", "context")
        return conninfo_to_dict(
            conninfo, **{name: value for name, value in settings.items() if name not in own}
        )
    parameters = dict(client.info.get_parameters())
    parameters["password"] = client.info.password
    return parameters


def read_cachelib(client: Any, config: Mapping[str, Any]) -> Reading:
    raise Unreadable(
        "the cache keeps sessions in a form of its own, which Flask-Session reads as well"
    )


READERS: dict[str, Callable[[Any, Mapping[str, Any]], Reading]] = {
    "redis": read_redis,
    "memcached": read_memcached,
    "mongodb": read_mongodb,
    "sqlalchemy": read_sqlalchemy,
    "postgresql": read_postgresql,
    "dynamodb": read_dynamodb,
    "cachelib": read_cachelib,
}


def credentials(user: Any, password: Any) -> str:
    """User and password as a URL has them."""
    words = [quote(text_of(one), safe="") for one in (user, password)]
    if not any(words):
        return ""
    return f"{words[0]}:{words[1]}@" if words[1] else f"{words[0]}@"


def text_of(value: Any) -> str:
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes) else str(value)


def bracketed(host: str) -> str:
    """A host as a URL has it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
