"""What an application says by its class, where Flask reads its configuration."""

from __future__ import annotations

from flask import Flask

#: Attributes that Flask takes from a key of the configuration, with that key.
ATTRIBUTES = {
    "permanent_session_lifetime": "PERMANENT_SESSION_LIFETIME",
    "secret_key": "SECRET_KEY",
}


def said_by_class(app: Flask) -> list[tuple[str, str]]:
    """Those of the attributes that the application's class replaces, with their keys."""
    return [
        (name, key)
        for name, key in ATTRIBUTES.items()
        if getattr(type(app), name) is not getattr(Flask, name)
    ]
