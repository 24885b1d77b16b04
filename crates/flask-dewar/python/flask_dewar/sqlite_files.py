"""SQLite files that the application has open: the engine must not open them as well.

The engine has an SQLite of its own beside Python's. Locks on a file belong to the process, and closing any handle of the
file gives them up, so that two copies in one process do not see each other's locks, and damage the file
(https://www.sqlite.org/howtocorrupt.html, 2.2.1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ._native import Store
from .diagnosis import Finding


def shared_file(app: Any, settings: Mapping[str, Any]) -> Finding | None:
    """The finding for sessions in a file that the application's SQLAlchemy opens; `settings` win over `app.config`."""
    used = list(application_files(app))
    file = Store.file(app.config, dict(settings)) if used else None
    if file is None:
        return None
    for name, path in used:
        if is_same(file, path):
            return Finding(
                "error",
                "DW0907",
                key_of(app, settings),
                "app.config",
                f"{os.path.abspath(file)} is the application's own database, {name}: two copies of SQLite in one "
                "process, Python's and the engine's, do not see each other's locks, and damage the file",
                "name a file that only sessions are in, or set SESSION_TYPE = 'sqlalchemy' and SESSION_SQLALCHEMY = db, "
                "your Flask-SQLAlchemy, which then carries the sessions",
            )
    return None


def key_of(app: Any, settings: Mapping[str, Any]) -> str:
    """The key that says where the sessions are."""
    values = {**app.config, **settings}
    own = str(values["SESSION_TYPE"]).lower() == "sqlite" and values.get("SESSION_SQLITE")
    return "SESSION_SQLITE" if own else "SESSION_SQLALCHEMY"


def application_files(app: Any) -> Iterator[tuple[str, str]]:
    """The SQLite files that the configuration gives to Flask-SQLAlchemy, each with the key that names it."""
    config = app.config
    given = [("SQLALCHEMY_DATABASE_URI", config.get("SQLALCHEMY_DATABASE_URI"))]
    given.append(("SQLALCHEMY_ENGINE_OPTIONS", config.get("SQLALCHEMY_ENGINE_OPTIONS")))
    # The second is that of Flask-SQLAlchemy-Lite.
    for key in ("SQLALCHEMY_BINDS", "SQLALCHEMY_ENGINES"):
        binds = config.get(key)
        if isinstance(binds, Mapping):
            given += [(f"{key}[{name!r}]", value) for name, value in binds.items()]
    for key, value in given:
        url = value.get("url") if isinstance(value, Mapping) else value
        path = file_of(url) if url else None
        if path is not None:
            yield key, os.path.join(app.instance_path, path)


def file_of(given: Any) -> str | None:
    """The file that a URL of SQLAlchemy names; None where it is no SQLite, or in memory."""
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        # Nobody opens it.
        return None
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        # It is none; Flask-SQLAlchemy says so.
        return None
    path = url.database
    if url.get_backend_name() != "sqlite" or not path or url.query.get("mode") == "memory":
        return None
    if path.startswith("file:"):
        # file:relative, file:/absolute or file://host/absolute
        path = unquote(path.removeprefix("file:").partition("?")[0])
        if path.startswith("//"):
            path = "/" + path[2:].partition("/")[2]
    return None if path in ("", ":memory:") else path


def is_same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to the same file, or will when it is made."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
