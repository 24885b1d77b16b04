"""What a session adds to a response's headers."""

from __future__ import annotations

from flask import Response


def append(response: Response, name: str, value: str) -> None:
    """Appends a header, beside those of the same name."""
    response.headers.add(name, value)


def vary_by_cookie(response: Response) -> None:
    """Tells caches that the response depends on the cookie."""
    if "Vary" in response.headers:
        response.vary.add("Cookie")
    else:
        # Parsing and writing a set costs more than all the rest.
        response.headers.add("Vary", "Cookie")
