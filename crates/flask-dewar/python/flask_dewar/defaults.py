"""The values of Flask-Session's configuration keys where nothing sets them."""

from __future__ import annotations

import os
from typing import Any


class Defaults:
    """Flask-Session's defaults, by its names."""

    SESSION_TYPE = "null"
    SESSION_KEY_PREFIX = "session:"
    SESSION_USE_SIGNER = False
    SESSION_PERMANENT = True
    SESSION_ID_LENGTH = 32
    SESSION_SERIALIZATION_FORMAT = "msgpack"
    SESSION_CLEANUP_N_REQUESTS: int | None = None

    SESSION_REDIS: Any = None
    SESSION_MEMCACHED: Any = None
    SESSION_CACHELIB: Any = None

    SESSION_FILE_DIR = os.path.join(os.getcwd(), "flask_session")
    SESSION_FILE_THRESHOLD = 500
    SESSION_FILE_MODE = 0o600

    SESSION_MONGODB: Any = None
    SESSION_MONGODB_DB = "flask_session"
    SESSION_MONGODB_COLLECT = "sessions"

    SESSION_SQLALCHEMY: Any = None
    SESSION_SQLALCHEMY_TABLE = "sessions"
    SESSION_SQLALCHEMY_SEQUENCE: str | None = None
    SESSION_SQLALCHEMY_SCHEMA: str | None = None
    SESSION_SQLALCHEMY_BIND_KEY: str | None = None

    SESSION_POSTGRESQL: Any = None
    SESSION_POSTGRESQL_TABLE = "flask_sessions"
    SESSION_POSTGRESQL_SCHEMA = "public"

    SESSION_DYNAMODB: Any = None
    SESSION_DYNAMODB_TABLE = "Sessions"
    SESSION_DYNAMODB_TABLE_EXISTS = False
