"""The package where nothing but what it asks for is installed: no client of a store, and none of the test tools."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from shops import unavailable

WHEELS = Path(__file__).parents[2] / ".cache" / "wheels"

PROGRAM = """
import flask, flask_dewar

for settings in (
    {"SESSION_TYPE": "filesystem"},
    {"SESSION_TYPE": "sqlite", "SESSION_SQLITE": "sqlite:///sessions.db"},
    {"SESSION_TYPE": "cookie", "SECRET_KEY": "a secret key of some length"},
):
    app = flask.Flask(__name__)
    app.config.update(settings)
    flask_dewar.Session(app)

    @app.get("/")
    def visits():
        flask.session["visits"] = flask.session.get("visits", 0) + 1
        return str(flask.session["visits"])

    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"], settings
"""


def test_another_interpreter_than_cpython_is_told_at_the_import() -> None:
    program = "import flask, sys; sys.implementation.name = 'pypy'; import flask_dewar"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 1
    assert "ImportError: flask_dewar runs on CPython only, and this is pypy" in told.stderr


def test_it_keeps_sessions_with_flask_and_nothing_else(tmp_path: Path) -> None:
    wheels = sorted(WHEELS.glob("*.whl"))
    if not wheels:
        unavailable("there is no wheel in .cache/wheels: scripts/test python builds it")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    if subprocess.run([*install, str(wheels[-1])], check=False).returncode != 0:
        unavailable("Flask cannot be had from PyPI")
    subprocess.run([python, "-c", PROGRAM], cwd=tmp_path, check=True, timeout=60)
