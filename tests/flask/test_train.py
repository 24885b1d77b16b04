"""What wheels are compiled for (`maturin build --pgo`) runs, on every store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shops import is_available

TRAIN = Path(__file__).parents[2] / "benchmarks" / "python" / "train.py"


def test_a_wheel_is_shown_requests_on_every_store_that_is_there() -> None:
    done = subprocess.run([sys.executable, TRAIN], capture_output=True, text=True, check=True)
    stores = ["cookie", "memory", "SQLite", "filesystem"]
    for store in stores + (["Redis"] if is_available("redis") else []):
        assert f"{store}: Dewar" in done.stdout
