"""Session cookies that the browser will not send back: told while an application is developed.

What is told follows from the request. Behind a proxy that ends TLS or changes the host, an application may know neither, so
that in production nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from flask import Flask, Request, has_request_context, request
from werkzeug.wsgi import get_host

from .headers import attributes


def warn(app: Flask, set_cookie: str) -> None:
    """Logs why the browser of this request will not send the cookie back, once for each key that is to blame."""
    if not has_request_context():
        return
    told: set[str] = app.extensions.setdefault("flask_dewar.dropped", set())
    for key, what, fix in reasons(app, request, set_cookie):
        if key not in told:
            told.add(key)
            app.logger.warning(
                "%s: %s, so that the next request finds no session (%s)", key, what, fix
            )


def reasons(app: Flask, request: Request, set_cookie: str) -> Iterator[tuple[str, str, str]]:
    """The key that is to blame, what becomes of the cookie, and how to put it right."""
    said = attributes(set_cookie)
    host = urlsplit(f"//{get_host(request.environ)}").hostname
    if not host:
        # No browser asks so.
        return
    if "Secure" in said and not request.is_secure and not is_local(host):
        yield (
            "SESSION_COOKIE_SECURE",
            f"a browser drops a cookie that is Secure and comes from {host} by plain HTTP",
            "unset it while you develop, or open the application by HTTPS or as localhost; behind a proxy that ends TLS, use "
            "Werkzeug's ProxyFix",
        )
    domain = said.get("Domain", host).lower()
    if host != domain and not host.endswith(f".{domain}"):
        yield (
            "SESSION_COOKIE_DOMAIN",
            f"a browser drops a cookie that is for {domain} and comes from {host}",
            "unset it, for whatever name the application is opened by, or open it by a name that fits",
        )
    path, asked = said.get("Path", "/"), request.root_path + request.path
    if not f"{asked}/".startswith(f"{path.rstrip('/')}/"):
        yield (
            "SESSION_COOKIE_PATH" if app.config["SESSION_COOKIE_PATH"] else "APPLICATION_ROOT",
            f"a browser sends a cookie that is for {path} to no page outside of that, such as {quote(asked)}",
            "unset it, or set SESSION_COOKIE_PATH to the path that the application is opened by",
        )


def is_local(host: str) -> bool:
    """Whether browsers trust this host without TLS."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
