"""Sessions in a folder, a file for each."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .base import ServerSideSession, ServerSideSessionInterface
from .flask_session_names import StoredSessions


class FileSystemSession(ServerSideSession):
    """A session in a file."""


class FileSystemSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in a folder, a file for each."""

    session_class = FileSystemSession
    session_type = "filesystem"
    arguments = {
        "cache_dir": "SESSION_FILE_DIR",
        "threshold": "SESSION_FILE_THRESHOLD",
        "mode": "SESSION_FILE_MODE",
    }

    def __init__(self, app: Flask, *arguments: Any, **named: Any) -> None:
        # Without the client, which is the first argument of the others.
        super().__init__(app, named.pop("client", None), *arguments, **named)

    @property
    def cache(self) -> StoredSessions:
        """The sessions by their keys, as Flask-Session's cachelib cache gives them."""
        return StoredSessions(self.store)
