"""The application that the tests of processes serve.

Its configuration is in the environment, as JSON; with DEWAR_TEST_CLIENT it makes a client of redis-py itself.
"""

from __future__ import annotations

import json
import os

import redis
from shops import shop

config = json.loads(os.environ["DEWAR_TEST_CONFIG"])
if os.environ.get("DEWAR_TEST_CLIENT"):
    config["SESSION_REDIS"] = redis.Redis.from_url(config["SESSION_REDIS"])
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
