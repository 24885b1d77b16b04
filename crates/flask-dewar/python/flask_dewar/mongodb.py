"""Sessions in MongoDB."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class MongoDBSession(ServerSideSession):
    """A session in MongoDB."""


class MongoDBSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in MongoDB."""

    session_class = MongoDBSession
    session_type = "mongodb"
    client_key = "SESSION_MONGODB"
    arguments = {"db": "SESSION_MONGODB_DB", "collection": "SESSION_MONGODB_COLLECT"}
