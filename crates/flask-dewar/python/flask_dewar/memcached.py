"""Sessions in Memcached."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class MemcachedSession(ServerSideSession):
    """A session in Memcached."""


class MemcachedSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in Memcached."""

    session_class = MemcachedSession
    session_type = "memcached"
    client_key = "SESSION_MEMCACHED"
