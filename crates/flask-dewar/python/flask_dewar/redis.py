"""Sessions in Redis or Valkey."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class RedisSession(ServerSideSession):
    """A session in Redis or Valkey."""


class RedisSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in Redis or Valkey."""

    session_class = RedisSession
    session_type = "redis"
    client_key = "SESSION_REDIS"
