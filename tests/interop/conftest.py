import os
import pathlib
import subprocess

import pytest
from hypothesis import HealthCheck, settings

from peer import Peer

ROOT = pathlib.Path(__file__).parents[2]

# The same examples in every run. `DEWAR_EXAMPLES=100000 scripts/test interop` looks at that many new ones instead.
more = os.environ.get("DEWAR_EXAMPLES")
settings.register_profile(
    "interop",
    max_examples=int(more or 1000),
    derandomize=more is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("interop")


@pytest.fixture(scope="session")
def peer():
    if os.environ.get("CI") != "true":  # scripts/test has built it with the whole workspace
        subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "interop-peer"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    peer = Peer(str(ROOT / target / "debug" / "interop-peer"))
    yield peer
    peer.close()
