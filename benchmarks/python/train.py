"""What the compiler sees of a wheel's use (`maturin build --pgo`): whole Flask requests, on each store that is there.

Redis is there if DEWAR_TEST_REDIS_URL says where, as `scripts/servers env redis` does. What is not seen is compiled for size.
"""

from __future__ import annotations

import os

from applications import makers
from flask_requests import in_process

ROUNDS = 3


def main() -> None:
    redis = os.environ.get("DEWAR_TEST_REDIS_URL")
    if redis is None:
        print("without Redis: set DEWAR_TEST_REDIS_URL")
    contestants = makers(redis).items()
    apps = {name: make() for name, make in contestants if name.endswith(": Dewar")}
    in_process(apps, ROUNDS)
    print(f"seen: {', '.join(apps)}")


if __name__ == "__main__":
    main()
