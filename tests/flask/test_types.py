"""What a type checker says of an application: that it is right."""

from pathlib import Path

from mypy import api

APPLICATION = """\
from flask import Flask, session

from flask_dewar import ServerSideSessionInterface, Session

app = Flask(__name__)
app.config["SESSION_TYPE"] = "memory"
Session(app)


@app.post("/login")
def login() -> str:
    session["user"] = "ada"
    session.permanent = True
    if isinstance(app.session_interface, ServerSideSessionInterface):
        app.session_interface.regenerate(session)
    return "welcome"
"""


def test_an_application_passes_in_strict_mode(tmp_path: Path) -> None:
    application = tmp_path / "app.py"
    application.write_text(APPLICATION)
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path}/cache"]
    said, errors, code = api.run([*options, str(application)])
    assert (code, errors) == (0, ""), said
