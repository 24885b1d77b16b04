"""A process does not grow with the requests that it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from shops import unavailable

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "python" / "flask_memory.py"

#: Caches and arenas of the allocator are filled by the first number; a leak of 100 bytes a request is 2,000 KiB more
#: at the second.
NUMBERS = (5_000, 25_000)
MOST = 1_000


@pytest.mark.parametrize("application", ["cookie: Dewar", "memory: Dewar", "Redis: Dewar"])
def test_many_requests_take_no_more_memory_than_few(application: str) -> None:
    command = [sys.executable, str(SCRIPT), application, "--at", *map(str, NUMBERS)]
    if "DEWAR_TEST_REDIS_URL" in os.environ:
        command += ["--redis", os.environ["DEWAR_TEST_REDIS_URL"]]
    elif "Redis" in application:
        unavailable("DEWAR_TEST_REDIS_URL is not set: scripts/servers start redis")
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (few, before), (many, after) = (map(int, line.split()) for line in printed.splitlines())
    assert (few, many) == NUMBERS
    assert after - before < MOST, printed
