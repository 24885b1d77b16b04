"""What the tests of processes serve: one application, or one for each store under its name.

Their configurations are in the environment, as JSON by name; with DEWAR_TEST_CLIENT they make a client of redis-py themselves.
"""

from __future__ import annotations

import json
import os
from typing import Any

import flask
import redis
from shops import shop
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware


def application(config: dict[str, Any]) -> flask.Flask:
    if os.environ.get("DEWAR_TEST_CLIENT"):
        # redis-py would give up after five seconds.
        patient = {"socket_timeout": 600, "socket_connect_timeout": 600}
        config["SESSION_REDIS"] = redis.Redis.from_url(config["SESSION_REDIS"], **patient)
    app = shop(config)

    @app.get("/way")
    def way() -> str:
        return repr(app.session_interface.store)  # type: ignore[attr-defined]

    @app.get("/pid")
    def pid() -> str:
        return str(os.getpid())

    if os.environ.get("DEWAR_TEST_USE_BEFORE_FORK"):
        # The store is connected to before the workers are forked.
        with app.test_client() as client:
            assert client.get("/set/before/fork").status_code == 200
    return app


configs = json.loads(os.environ["DEWAR_TEST_CONFIGS"])
mounted = {f"/{name}": application(config) for name, config in configs.items()}
# One without a name is at the root. (What uWSGI finds under the name `applications`, it would take for its own list.)
app = DispatcherMiddleware(mounted.pop("/", NotFound()), mounted)
