"""Serves a broken example, and what its helpful message says: `GET /why`."""

import importlib
import os
import sys

sys.path.insert(0, os.environ["APP_FOLDER"])

from flask_dewar.diagnosis import explain_null_session  # noqa: E402

app = importlib.import_module("app").app


@app.get("/why")
def why():
    return explain_null_session(app)
