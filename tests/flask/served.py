"""The application that the tests of processes serve; its configuration is in the environment, as JSON."""

from __future__ import annotations

import json
import os

from shops import shop

app = shop(json.loads(os.environ["DEWAR_TEST_CONFIG"]))


@app.get("/pid")
def pid() -> str:
    return str(os.getpid())


if os.environ.get("DEWAR_TEST_USE_BEFORE_FORK"):
    # The store is connected to before the workers are forked.
    with app.test_client() as client:
        assert client.get("/set/before/fork").status_code == 200
