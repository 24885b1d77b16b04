"""What Flask 3.2 has merged or renamed is not asked for by its old name."""

from __future__ import annotations

import subprocess
import sys

#: There the request's context is the application's, and the old name is deprecated.
PROGRAM = """
import flask.ctx

context = vars(flask.ctx).pop("RequestContext", flask.ctx.AppContext)
flask.ctx.AppContext = context

import flask_dewar
from flask_dewar import lazy

assert lazy.TOLD_BY_FLASK == isinstance(vars(context).get("session"), property)
"""


def test_flask_without_a_context_for_requests_is_taken() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], check=True, timeout=60)
