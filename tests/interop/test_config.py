"""One configuration file for Flask and for Dewar."""

import json
import tomllib

import flask
import pytest
from hypothesis import given, settings, strategies

TOML = """\
SECRET_KEY = "0f3a9c5e7b1d2468ace013579bdf0246"  # not a real one
SECRET_KEY_FALLBACKS = ["an older key", 'one "more"']
SESSION_COOKIE_NAME = "shop"
SESSION_COOKIE_SECURE = true
PERMANENT_SESSION_LIFETIME = 43_200
MAX_COOKIE_SIZE = 0x0ffd
SESSION_COOKIE_PATH = '''/shop'''
SESSION_TYPE = "filesystem"
SESSION_FILE_DIR = "/srv/sessions"
DEBUG = true

[production]
SESSION_COOKIE_NAME = "live"
SESSION_COOKIE_SAMESITE = "Lax"
"""

KEYS = [
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_SECURE",
    "PERMANENT_SESSION_LIFETIME",
    "MAX_COOKIE_SIZE",
    "SESSION_COOKIE_PATH",
    "SESSION_TYPE",
    "SESSION_FILE_DIR",
]


def dewar(peer, path, section=None):
    return peer.ask("config_file", path=str(path), section=section)


def of_flask(path, section=None):
    def load(file):
        whole = tomllib.load(file)
        return whole if section is None else whole[section]

    app = flask.Flask(__name__)
    app.config.from_file(str(path), load=load, text=False)
    return app.config


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "session.toml"
    path.write_text(TOML)
    return path


def test_the_same_toml_file_configures_flask_and_dewar(peer, path):
    theirs = of_flask(path)
    assert dewar(peer, path) == {key: theirs[key] for key in KEYS}


def test_flask_takes_a_section_when_it_is_told_to(peer, path):
    theirs = of_flask(path, "production")
    ours = dewar(peer, path, "production")
    for key in ["SESSION_COOKIE_NAME", "SESSION_COOKIE_SAMESITE"]:
        assert ours[key] == theirs[key]


def test_the_same_json_file_configures_flask_and_dewar(peer, tmp_path):
    path = tmp_path / "session.json"
    path.write_text(json.dumps(tomllib.loads(TOML), indent=2))
    app = flask.Flask(__name__)
    app.config.from_file(str(path), load=json.load)
    assert dewar(peer, path) == {key: app.config[key] for key in KEYS}


@settings(max_examples=200)
@given(text=strategies.text(strategies.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=40), number=strategies.integers(-(2**63), 2**63 - 1))
def test_any_text_and_any_number_is_read_as_pythons_tomllib_reads_it(peer, tmp_path_factory, text, number):
    path = tmp_path_factory.getbasetemp() / "random.toml"
    # JSON's strings are TOML's too.
    path.write_text(f"SESSION_COOKIE_NAME = {json.dumps(text, ensure_ascii=False)}\nMAX_COOKIE_SIZE = {number}\n", newline="")
    theirs = of_flask(path)
    assert dewar(peer, path) == {"SESSION_COOKIE_NAME": theirs["SESSION_COOKIE_NAME"], "MAX_COOKIE_SIZE": theirs["MAX_COOKIE_SIZE"]}
