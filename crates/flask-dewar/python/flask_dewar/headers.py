"""What a session adds to a response's headers."""

from __future__ import annotations

from flask import Response
from werkzeug.datastructures import Headers

from ._native import add_vary

#: Whether Werkzeug keeps headers as they are iterated: a list of names and values.
PLAIN_LIST = type(vars(Headers()).get("_list")) is list


def append(response: Response, name: str, value: str) -> None:
    """Appends a header, beside those of the same name; the engine made the value, so that it holds no line break."""
    headers = response.headers
    if PLAIN_LIST and type(headers) is Headers:
        headers._list.append((name, value))
    else:
        headers.add(name, value)


def vary_by_cookie(response: Response) -> None:
    """Tells caches that the response depends on the cookie."""
    headers = response.headers
    if PLAIN_LIST and type(headers) is Headers and add_vary(headers._list):
        return
    # There is a set to parse and to write.
    response.vary.add("Cookie")
