"""Flask's own tests, with Flask's session interface replaced by Dewar's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import flask
from shops import unavailable

CACHE = Path(__file__).parents[2] / ".cache" / "flask-source"

#: Put before Flask's own conftest: the whole suite then runs on Dewar's interface.
PLUGIN = """
import flask, flask_dewar

flask.Flask.session_interface = flask_dewar.SecureCookieSessionInterface()
"""


def source() -> Path:
    """Flask's source distribution, which carries its tests, unpacked."""
    version = flask.__dict__.get("__version__") or __import__(
        "importlib.metadata"
    ).metadata.version("flask")
    folder = CACHE / f"flask-{version}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        download = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            "flask",
        ]
        done = subprocess.run([*download, f"flask=={version}", "--dest", str(CACHE)], check=False)
        if done.returncode != 0:
            unavailable("Flask's source distribution cannot be had from PyPI")
        with tarfile.open(CACHE / f"flask-{version}.tar.gz") as archive:
            # Python 3.11.2, which is Debian's, knows no filter.
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(CACHE, **safely)
    return folder


def locked(folder: Path) -> Path:
    """What Flask's tests need, in the versions that Flask names for them: in its lock file, or before it had one."""
    site = folder / "site"
    if not site.is_dir():
        files = [folder / "uv.lock", *sorted((folder / "requirements").glob("tests*.txt"))]
        text = "".join(file.read_text() for file in files if file.exists())
        found = dict(re.findall(r'^name = "(.+)"\nversion = "(.+)"$', text, re.MULTILINE))
        found |= dict(re.findall(r"^([a-z-]+)==(\S+)$", text, re.MULTILINE))
        # Flask 3.0.1 to 3.0.3 name no Click, and their tests hand over an argument that Click 8.2 took away.
        found.setdefault("click", "8.1.8")
        wanted = ["asgiref", "click", "python-dotenv", "werkzeug"]
        pins = [f"{name}=={found[name]}" for name in wanted if name in found]
        install = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(site),
        ]
        if subprocess.run([*install, *pins], check=False).returncode != 0:
            unavailable("the versions that Flask locks cannot be had from PyPI")
    return site


def test_flasks_own_tests_pass_on_dewars_interface(tmp_path: Path) -> None:
    folder = source()
    (tmp_path / "on_dewar.py").write_text(PLUGIN)
    path = [str(tmp_path), str(locked(folder)), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "on_dewar",
        "-p",
        "no:cacheprovider",
        "-q",
        "tests",
    ]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    summary = run.stdout.strip().splitlines()[-1]
    passed = re.search(r"(\d+) passed", summary)
    assert run.returncode == 0, run.stdout[-4000:]
    assert passed and int(passed[1]) > 450, summary
