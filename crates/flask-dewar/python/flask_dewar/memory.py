"""Sessions in this process."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class MemorySession(ServerSideSession):
    """A session in this process."""


class MemorySessionInterface(ServerSideSessionInterface):
    """Keeps sessions in this process."""

    session_class = MemorySession
    session_type = "memory"
    client_key = None
