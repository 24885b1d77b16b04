"""Sessions in a cachelib cache."""

from __future__ import annotations

from typing import Any

from .base import ServerSideSession, ServerSideSessionInterface


class CacheLibSession(ServerSideSession):
    """A session in a cachelib cache."""


class CacheLibSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in a cachelib cache."""

    session_class = CacheLibSession
    session_type = "cachelib"
    client_key = "SESSION_CACHELIB"

    @property
    def cache(self) -> Any:
        """The application's cache."""
        return self.client
