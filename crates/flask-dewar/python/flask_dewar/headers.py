"""What a session adds to a response's headers."""

from __future__ import annotations

import warnings
from typing import Any

from flask import Flask, Response
from werkzeug.datastructures import Headers
from werkzeug.http import parse_date
from werkzeug.sansio.response import Response as Werkzeugs

from ._native import add_vary

#: Whether Werkzeug keeps headers as they are iterated: a list of names and values.
PLAIN_LIST = type(vars(Headers()).get("_list")) is list

#: Classes of responses that were seen, and whether they set cookies in their own way.
REPLACES: dict[type[Response], bool] = {}


def set_cookie(app: Flask, response: Response, cookie: str) -> None:
    """Sets the cookie that the engine made, so that the text holds no line break: by the response's own methods where its class
    replaces them."""
    if app.debug:
        # Of no use in production, where nobody is to load it.
        from . import dropped

        dropped.warn(app, cookie)
    kind = type(response)
    replaces = REPLACES.get(kind)
    if replaces is None:
        replaces = REPLACES[kind] = replaces_cookies(kind)
    if replaces:
        set_by_method(response, cookie)
        return
    headers = response.headers
    if PLAIN_LIST and type(headers) is Headers:
        headers._list.append(("Set-Cookie", cookie))
    else:
        headers.add("Set-Cookie", cookie)


def warn_if_too_large(response: Response, cookie: str) -> None:
    """Warns as Flask does: the browser drops such a cookie without a word."""
    limit = response.max_cookie_size
    if isinstance(limit, int) and 0 < limit < len(cookie):
        warnings.warn(
            f"The session cookie is too large: {len(cookie)} bytes, and browsers keep {limit} (MAX_COOKIE_SIZE). Keep less in "
            "the session, or keep it on the server with a SESSION_TYPE.",
            stacklevel=4,
        )


def replaces_cookies(kind: type[Response]) -> bool:
    """Whether a class of responses replaces how a cookie is set."""
    return (
        kind.set_cookie is not Werkzeugs.set_cookie
        or kind.delete_cookie is not Werkzeugs.delete_cookie
    )


def set_by_method(response: Response, cookie: str) -> None:
    """Calls the response's method with what the cookie's text says, as Flask does."""
    name, _, value = cookie.partition("; ")[0].partition("=")
    said = attributes(cookie)
    arguments: dict[str, Any] = {
        "domain": said.get("Domain"),
        "path": said.get("Path"),
        "secure": "Secure" in said,
        "httponly": "HttpOnly" in said,
        "samesite": said.get("SameSite"),
    }
    if "Partitioned" in said:
        arguments["partitioned"] = True
    if "Max-Age" in said:
        response.delete_cookie(name, **arguments)
    else:
        response.set_cookie(name, value, expires=parse_date(said.get("Expires")), **arguments)


def attributes(cookie: str) -> dict[str, str]:
    """What a cookie's text says beside name and value, by name."""
    return dict(attribute.partition("=")[::2] for attribute in cookie.split("; ")[1:])


def vary_by_cookie(response: Response) -> None:
    """Tells caches that the response depends on the cookie."""
    headers = response.headers
    if PLAIN_LIST and type(headers) is Headers and add_vary(headers._list):
        return
    # There is a set to parse and to write.
    response.vary.add("Cookie")
