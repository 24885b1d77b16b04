"""What the tests of flask_dewar share: applications on each store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from hypothesis import HealthCheck, settings
from shops import TYPES, config_for, shop

# The same examples in every run, as in tests/interop. `DEWAR_EXAMPLES=yes scripts/test python` looks at new ones instead.
settings.register_profile(
    "flask",
    derandomize="DEWAR_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("flask")


@pytest.fixture(params=TYPES)
def config(request: pytest.FixtureRequest, tmp_path: Any) -> dict[str, Any]:
    """A configuration for each kind of store, whose sessions are nobody else's."""
    return config_for(request.param, tmp_path)


@pytest.fixture
def make_app(config: dict[str, Any]) -> Iterator[Callable[..., flask.Flask]]:
    """Makes an application whose views do what the query asks for."""

    def make(**more: Any) -> flask.Flask:
        return shop(config | more)

    return make
