"""The classic mistakes are found in the source, with file and line; one example application for each."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask, session
from flask_dewar import Session
from flask_dewar.diagnosis import explain_null_session, findings_of, source_findings
from flask_dewar.source import application_files
from ports import free_port

HERE = Path(__file__).parent
APPS = HERE / "apps"


@pytest.fixture(autouse=True)
def _what_a_test_wrote_and_imported_is_forgotten(tmp_path):
    yield
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]


MISTAKES = [
    ("module_level_type", "DW0911", "SESSION_TYPE", "SESSION_TYPE ="),
    ("module_level_type", "DW0913", "SESSION_TYPE", "sess ="),
    ("module_level_key", "DW0911", "SECRET_KEY", "SECRET_KEY ="),
    ("key_in_main", "DW0914", "SECRET_KEY", "app.secret_key ="),
    ("hard_coded_key", "DW0915", "SECRET_KEY", "SECRET_KEY"),
    ("late_config", "DW0912", "SESSION_TYPE", 'SESSION_TYPE"]'),
    ("forgotten_init_app", "DW0913", "SESSION_TYPE", "server_session ="),
    ("memcache", "DW0103", "SESSION_TYPE", 'memcache")'),
    ("random_key", "DW0916", "SECRET_KEY", "urandom(32)"),
]


def found_in(name):
    return findings_of(sorted((APPS / name).glob("*.py")), {})


@pytest.mark.parametrize(("name", "code", "key", "line"), MISTAKES)
def test_a_mistake_is_found_with_file_and_line(name, code, key, line):
    source = (APPS / name / "app.py").read_text().splitlines()
    expected = next(number for number, text in enumerate(source, 1) if line in text)
    (finding,) = [one for one in found_in(name) if one.code == code]
    assert finding.key == key
    assert finding.origin.endswith(f"{name}/app.py:{expected}")
    assert finding.fix


def test_nothing_else_is_found():
    for name in {name for name, *_ in MISTAKES}:
        expected = {(code, key) for one, code, key, _ in MISTAKES if one == name}
        assert {(finding.code, finding.key) for finding in found_in(name)} == expected, name


def test_an_application_without_mistakes_has_no_findings():
    assert found_in("correct") == []


def test_no_finding_shows_a_key():
    for folder in APPS.iterdir():
        assert "hunter2" not in "".join(map(str, found_in(folder.name)))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("memcache", "'memcached'"),
        ("reddis", "'redis'"),
        ("mongo", "'mongodb'"),
        ("xyzzy", "write one of"),
    ],
)
def test_a_wrong_type_is_answered_with_the_one_that_was_meant(tmp_path, wrong, meant):
    (tmp_path / "one.py").write_text(f"app.config['SESSION_TYPE'] = {wrong!r}\n")
    (finding,) = findings_of([tmp_path / "one.py"], {})
    assert finding.code == "DW0103" and meant in finding.fix


@pytest.mark.parametrize(
    "source",
    [
        "SESSION_TYPE = 'redis'\napp.config['SESSION_TYPE'] = SESSION_TYPE\n",
        "SESSION_TYPE = 'redis'\napp.config.from_object(__name__)\n",
        "SESSION_TYPE = 'redis'\napp.config.from_object('one')\n",
        "class Config:\n    SESSION_TYPE = 'redis'\napp.config.from_object(Config)\n",
        "from flask_session import Session\ns = Session()\ns.init_app(app)\n",
        "import flask_session\nflask_session.Session(app)\napp.config['OTHER'] = 1\n",
        "from flask_session import Session\nSession(app)\napp.config['SESSION_COOKIE_NAME'] = 'mine'\n",
        "from flask_session import Session\nSession(app)\nother.config['SESSION_TYPE'] = 'redis'\n",
        "def one():\n    Session(app)\ndef two():\n    app.config['SESSION_TYPE'] = 'redis'\n",
        "from flask_session import Session\ns = Session()\nmatch stage:\n    case 'live':\n        s.init_app(app)\n",
        "SESSION_TYPE = 'redis'\nif not app.config.from_object(__name__):\n    pass\n",
        "if __name__ != '__main__':\n    app.config['SESSION_TYPE'] = 'redis'\n",
        "if __name__ == '__main__':\n    app.run()\nelse:\n    app.config['SESSION_TYPE'] = 'redis'\n",
        "SESSION_TYPES = ['redis']\nSESSION_COUNT = 3\n",
        "this is no Python",
        "",
    ],
)
def test_what_is_right_is_not_found(tmp_path, source):
    path = tmp_path / "one.py"
    path.write_text(source)
    assert findings_of([path], {}) == []


def test_a_value_that_reached_the_configuration_is_no_finding():
    files = [APPS / "module_level_key" / "app.py"]
    assert findings_of(files, {"SECRET_KEY": "x"}) == []
    assert len(findings_of(files, {"SECRET_KEY": None})) == 1


@pytest.mark.parametrize(
    "source",
    [
        "app.secret_key = os.urandom(24)",
        "app.secret_key = urandom(24).hex()",
        "app.config['SECRET_KEY'] = secrets.token_hex()",
        "app.config.update(SECRET_KEY=token_urlsafe(32))",
        "app.config.from_mapping({'SECRET_KEY': str(uuid.uuid4())})",
        "app.secret_key = uuid.uuid4().hex",
        "app.secret_key = base64.b64encode(secrets.token_bytes(16))",
        "class Config:\n SECRET_KEY = secrets.token_bytes(16)\napp.config.from_object(load())",
        "SECRET_KEY = os.urandom(24)\napp.config.from_object(__name__)",
        "SECRET_KEY = os.urandom(24)\napp.config['SECRET_KEY'] = SECRET_KEY",
    ],
)
def test_a_key_that_is_drawn_at_the_start_is_found(tmp_path, source, monkeypatch):
    path = tmp_path / "one.py"
    path.write_text(source)
    (finding,) = findings_of([path], {"SECRET_KEY": "x"})
    assert finding.code == "DW0916" and finding.severity == "error"
    assert finding.origin.startswith(f"{path}:")
    store = {"SECRET_KEY": "x", "SESSION_TYPE": "redis"}
    assert findings_of([path], store) == []
    assert findings_of([path], store | {"SESSION_USE_SIGNER": True}) == [finding]
    monkeypatch.setenv("MY_KEY", "x")
    assert findings_of([path], {"SECRET_KEY": "x"}) == []


@pytest.mark.parametrize(
    "source",
    [
        "app.secret_key = os.environ.get('SECRET_KEY') or os.urandom(24)",
        "app.secret_key = os.environ.get('SECRET_KEY', os.urandom(24))",
        "app.secret_key = read_or_make('key', os.urandom(24))",
        "if __name__ == '__main__':\n app.secret_key = os.urandom(24)",
        "app.config['OTHER_KEY'] = os.urandom(24)",
        "class Test:\n SECRET_KEY = token_hex()\nclass Live:\n SECRET_KEY = load()\napp.config.from_object(one)",
    ],
)
def test_a_key_that_may_stay_the_same_is_not_found(tmp_path, source):
    (tmp_path / "one.py").write_text(source)
    assert findings_of([tmp_path / "one.py"], {"SECRET_KEY": "x"}) == []


def explained_in(source, folder, monkeypatch):
    """What is said of the null session of an application with this source."""
    (folder / "explained_app.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    return explain_null_session(importlib.import_module("explained_app").app)


def test_a_key_that_is_drawn_does_not_hide_that_it_is_missing(tmp_path, monkeypatch):
    explained = explained_in(
        "import flask, os\napp = flask.Flask(__name__)\n"
        "def configure():\n    app.secret_key = os.urandom(32)\n",
        tmp_path,
        monkeypatch,
    )
    assert explained.index("DW0201") < explained.index("DW0916")


def test_an_empty_key_is_called_empty():
    app = Flask("flask")
    app.secret_key = ""
    explained = explain_null_session(app)
    assert "error[DW0203] SECRET_KEY: app.config['SECRET_KEY'] is empty" in explained
    app.secret_key = None
    assert "error[DW0201] SECRET_KEY: app.config['SECRET_KEY'] is not set" in explain_null_session(
        app
    )


OTHER_VALUES = {
    "PERMANENT_SESSION_LIFETIME": 1000,
    "SESSION_ABSOLUTE_LIFETIME": 1000,
    "SESSION_COOKIE_NAME": "other",
    "SESSION_ID_LENGTH": 64,
    "SESSION_KEY_PREFIX": "other:",
    "SESSION_PERMANENT": False,
    "SESSION_SERIALIZATION_FORMAT": "json",
    "SESSION_USE_SIGNER": True,
}


@pytest.mark.parametrize(("key", "value"), OTHER_VALUES.items())
def test_late_is_what_the_engine_does_not_follow(key, value, tmp_path):
    def visit(**late):
        app = Flask("flask")
        app.config.update(SECRET_KEY=os.urandom(32), SESSION_TYPE="memory")
        Session(app)
        app.config.update(late)
        app.add_url_rule("/", "set", lambda: session.update(name="ada") or "set")
        cookie = app.test_client().get("/").headers["Set-Cookie"]
        ((key, size, expires),) = app.session_interface.store.list("", None, 10)[0]
        name, value = cookie.split(";")[0].split("=")
        return (
            name,
            len(value),
            len(key),
            size,
            round((expires - time.time()) / 100),
            "Exp" in cookie,
        )

    (tmp_path / "one.py").write_text(
        f"from flask_dewar import Session\nSession(app)\napp.config[{key!r}] = {value!r}\n"
    )
    late = [one.key for one in findings_of([tmp_path / "one.py"], {}) if one.code == "DW0912"]
    assert late == ([] if visit(**{key: value}) != visit() else [key])


TWO = """
import flask
app = flask.Flask(__name__)
admin = flask.Flask(__name__)
app.config["SECRET_KEY"] = load()
if __name__ == "__main__":
    admin.secret_key = load()
"""


def test_of_two_applications_in_a_file_the_right_one_is_blamed(tmp_path, monkeypatch):
    (tmp_path / "pair.py").write_text(f"def load():\n    return None\n{TWO}")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("pair")
    codes = {
        name: {one.code for one in source_findings(getattr(module, name))}
        for name in ("app", "admin")
    }
    assert codes == {"app": set(), "admin": {"DW0914"}}


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ({}, ["DW0914"]),
        ({"SECRET_KEY": "x"}, []),
        ({"SESSION_TYPE": "memory"}, []),
        ({"SESSION_TYPE": "memory", "SESSION_USE_SIGNER": True}, ["DW0914"]),
    ],
)
def test_a_key_of_main_is_missing_only_where_one_is_needed(settings, codes):
    found = findings_of([APPS / "key_in_main" / "app.py"], settings)
    assert [finding.code for finding in found] == codes


def test_files_that_the_application_did_not_import_are_another_programs(tmp_path, monkeypatch):
    for name in ("one", "helper", "stranger", "settings"):
        (tmp_path / f"{name}.py").write_text("SESSION_TYPE = 'redis'\n")
    (tmp_path / "one.py").write_text("import helper, flask\napp = flask.Flask(__name__)\n")
    monkeypatch.syspath_prepend(tmp_path)
    app = importlib.import_module("one").app
    names = [path.name for path in application_files(app)]
    assert names == ["one.py", "helper.py", "settings.py"]


def test_what_does_not_explain_the_missing_key_comes_after_what_does(tmp_path, monkeypatch):
    explained = explained_in(
        "import flask\nfrom flask_dewar import Session\n"
        "app = flask.Flask(__name__)\n"
        "def late():\n    Session(app)\n    app.config['SESSION_REDIS'] = 'redis://127.0.0.1'\n",
        tmp_path,
        monkeypatch,
    )
    assert explained.index("DW0201") < explained.index("DW0912")


def test_what_another_application_or_a_test_says_is_not_told(tmp_path, monkeypatch):
    """Two applications of one folder, of which one imports the other, in a process that runs their tests."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "helper.py").write_text("SESSION_TYPE = 'filesystem'\n")
    (tmp_path / "test_public.py").write_text("import public\nSESSION_TYPE = 'filesystem'\n")
    (tmp_path / "admin.py").write_text(
        "import flask\nSESSION_TYPE = 'memcache'\nadmin = flask.Flask(__name__)\n"
    )
    (tmp_path / "public.py").write_text(
        "from flask import Flask\nimport admin\nSECRET_KEY = 'x'\napp = Flask(__name__)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "tests")
    app = importlib.import_module("test_public").public.app
    importlib.import_module("helper")
    told = {(Path(one.origin).name, one.code) for one in source_findings(app)}
    about_admin = {Path(one.origin).name for one in source_findings(sys.modules["admin"].admin)}
    assert told == {("public.py:3", "DW0911"), ("public.py:3", "DW0915")}
    assert about_admin == {"admin.py:2"}


def test_a_problem_of_the_configuration_is_told_once_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "three.py").write_text(
        "import flask\nfrom flask_dewar import Session\napp = flask.Flask(__name__)\n"
        "app.config['SESSION_TYPE'] = 'memcache'\napp.config['SESSION_ID_LENGTH'] = 2\nSession(app)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="DW0103") as caught:
        importlib.import_module("three")
    text = str(caught.value)
    assert text.count("[DW0103]") == 1
    assert f"app.config, {tmp_path}/three.py:4\n" in text
    assert f"app.config, {tmp_path}/three.py:5\n" in text


def test_the_doctor_is_there_for_an_application_that_never_called_init_app():
    app = str(APPS / "forgotten_init_app" / "app.py")
    command = [sys.executable, "-m", "flask", "--app", app, "dewar", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert "error[DW0913] SESSION_TYPE" in done.stdout, done.stderr
    assert done.returncode == 1


@contextmanager
def served(command, **environment):
    """A server in a process of its own; gives the function that asks it."""
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in command]
    environment = {**os.environ, "PORT": str(port), **environment}
    process = subprocess.Popen(  # noqa: S603
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def ask(path):
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()
            except OSError:
                assert process.poll() is None, process.stdout.read().decode()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)

    try:
        yield ask
    finally:
        process.terminate()
        process.communicate(timeout=30)


GUNICORN = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:PORT", "explaining:app"]
DEV_SERVER = [sys.executable, "-m", "flask", "--app", "explaining", "run", "--port", "PORT"]


@pytest.mark.parametrize("command", [GUNICORN, DEV_SERVER], ids=["gunicorn", "flask run"])
@pytest.mark.parametrize(
    ("name", "place"), [("key_in_main", "app.py:17"), ("module_level_key", "app.py:7")]
)
def test_servers_show_the_mistake_and_the_message_explains_it(command, name, place):
    with served(command, APP_FOLDER=str(APPS / name)) as ask:
        assert ask("/")[0] == 500
        status, text = ask("/why")
    assert status == 200
    assert text.startswith("The session is unavailable because no secret key was set.")
    assert place in text
    assert "fix:" in text


def test_run_as_a_program_the_same_application_works():
    with served([sys.executable, str(APPS / "key_in_main" / "app.py")]) as ask:
        assert ask("/") == (200, "seen")
