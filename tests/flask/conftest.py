"""What the tests of flask_dewar share: applications on each store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from shops import TYPES, config_for, shop


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
