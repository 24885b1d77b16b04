"""`flask dewar doctor`, `key` and `sessions`, over stores in memory; nothing that is printed shows a secret."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import flask
import flask_dewar
import pytest
import redis
from cachelib import SimpleCache
from click.testing import CliRunner
from flask.cli import FlaskGroup
from flask.sessions import SecureCookieSessionInterface
from flask_dewar import Session, StoreError, cli, doctor
from flask_dewar.carriers.base import CarrierError
from flask_dewar.clients import connection
from flask_dewar.redis import RedisSessionInterface
from redis.backoff import NoBackoff
from redis.retry import Retry
from shops import PATIENCE
from test_carried import DictCarrier

KEY = "9f3c1e77a05bd2846cf01b9de35a7482f3a91c07hunter2"


class Records:
    """A store in a dict; expired records are those that are in the past."""

    name = "records"

    def __init__(self):
        self.records = {}

    def load(self, key):
        found = self.records.get(key)
        return found and (found[0], found[0])

    def delete(self, key):
        self.records.pop(key, None)

    def delete_expired(self, now, limit):
        past = [key for key, (_, expires) in self.records.items() if expires <= now][:limit]
        for key in past:
            del self.records[key]
        return len(past), len(past) == limit

    def list(self, prefix, cursor, limit):
        keys = sorted(
            key for key in self.records if key.startswith(prefix) and key > (cursor or "")
        )
        page = keys[:2]
        entries = [(key, len(self.records[key][0]), self.records[key][1]) for key in page]
        return entries, (page[-1] if len(keys) > 2 else None)


class Interface(SecureCookieSessionInterface):
    key_prefix = "session:"

    def __init__(self, store):
        self.store = store


@pytest.fixture
def app():
    app = flask.Flask(__name__)
    app.config["SECRET_KEY"] = KEY
    store = Records()
    for at in range(5):
        store.records[f"session:hunter2-{at:040}"] = (b"hunter2", time.time() + 60)
    store.records["other:x"] = (b"x", time.time() + 60)
    app.session_interface = Interface(store)
    cli.register(app)
    cli.register(app)
    return app


def run(app, *arguments):
    result = app.test_cli_runner().invoke(args=["dewar", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_sessions_are_listed_by_handle_page_by_page(app):
    result = run(app, "sessions", "list")
    assert result.exit_code == 0
    assert "hunter2" not in result.output
    assert cli.handle(f"session:hunter2-{3:040}") in result.stdout
    assert "5 sessions" in result.stderr
    assert len(json.loads(run(app, "sessions", "list", "--json").stdout)) == 5
    assert len(json.loads(run(app, "sessions", "list", "--json", "--limit", "3").stdout)) == 3
    assert f"hunter2-{3:040}" in run(app, "sessions", "list", "--ids").stdout


def test_a_handle_is_that_of_the_dewar_command():
    # As crates/dewar-cli/tests/golden/sessions.txt has it.
    assert cli.handle("session:msgpack-session-of-ada-0000000000000000001") == "480c856e1f27"


def test_sessions_are_deleted_by_handle_and_by_id(app):
    records = app.session_interface.store.records
    one, two = (f"session:hunter2-{at:040}" for at in (1, 2))
    result = run(app, "sessions", "delete", "--yes", cli.handle(one), two.removeprefix("session:"))
    assert result.exit_code == 0
    assert one not in records
    assert two not in records
    assert len(records) == 4
    assert "hunter2" not in result.output
    gone = run(app, "sessions", "delete", "--yes", cli.handle(one), "a" * 43)
    assert gone.exit_code == 1
    assert "2 sessions not there" in gone.stderr


def test_all_sessions_are_deleted_only_when_asked_for(app):
    assert run(app, "sessions", "delete", "--yes").exit_code == 2
    assert run(app, "sessions", "delete", "--all").exit_code == 1
    assert len(app.session_interface.store.records) == 6
    assert run(app, "sessions", "delete", "--all", "--yes").exit_code == 0
    assert list(app.session_interface.store.records) == ["other:x"]


@pytest.mark.parametrize("prefix", ["", "shop:"])
def test_sessions_are_found_by_the_prefix_of_the_interface(prefix):
    app = flask.Flask(__name__)
    carrier = DictCarrier()
    app.session_interface = RedisSessionInterface(app, carrier, key_prefix=prefix)
    cli.register(app)
    carrier.create(f"{prefix}{'a' * 43}", b"{}", time.time() + 60)
    assert len(json.loads(run(app, "sessions", "list", "--json").stdout)) == 1
    assert run(app, "sessions", "delete", "--all", "--yes").exit_code == 0
    assert carrier.load(f"{prefix}{'a' * 43}") is None


def test_purge_removes_what_has_expired(app):
    records = app.session_interface.store.records
    for at in range(3):
        records[f"session:old{at}"] = (b"x", time.time() - 1)
    assert run(app, "sessions", "purge").stdout == "removed 3 expired sessions\n"
    assert len(records) == 6


@pytest.mark.parametrize("way", ["native", "client"])
@pytest.mark.parametrize("command", ["list", "delete --yes --all", "delete --yes some-id"])
def test_a_store_that_fails_is_told_without_a_traceback(command, way):
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_DEWAR_CONNECTION=way)
    app.config.update(SESSION_REDIS=redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    Session(app)
    result = app.test_cli_runner().invoke(args=["dewar", "sessions", *command.split()])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("Error: ") and "127.0.0.1" in result.stderr.replace(
        "localhost", "127.0.0.1"
    )


def test_cleanup_tells_of_a_store_that_fails():
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="postgresql", **PATIENCE)
    app.config["SESSION_POSTGRESQL"] = "postgresql://app@127.0.0.1:1/shop"
    Session(app)
    for command in ["session_cleanup", "dewar sessions purge"]:
        result = app.test_cli_runner().invoke(args=command.split())
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
        assert result.stderr.startswith("Error: postgresql at "), result.stderr


def test_without_a_store_the_commands_say_so(app):
    app.session_interface = SecureCookieSessionInterface()
    for command in ("list", "purge"):
        result = run(app, "sessions", command)
        assert result.exit_code == 1
        assert "no store" in result.stderr


def test_new_keys_are_long_and_differ(app):
    one, two = (run(app, "key", "new").stdout.strip() for _ in range(2))
    assert len(one) == 64
    assert one != two
    assert run(app, "key", "new", "--format", "env").stdout.startswith("FLASK_SECRET_KEY=")


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("", "empty"),
        ("dev", "well known"),
        ("CHANGE_ME!", "well known"),
        ("x7Kp", "4 bytes"),
        ("a" * 40, "0 bits"),
    ],
)
def test_bad_keys_are_found_and_not_shown(app, key, what):
    assert run(app, "key", "check").exit_code == 0
    app.config["SECRET_KEY_FALLBACKS"] = [key]
    result = run(app, "key", "check")
    assert result.exit_code == 1
    assert what in result.stdout
    assert "SECRET_KEY_FALLBACKS" in result.stdout
    assert not key or f" {key}" not in result.output.replace("key new", "")


def test_a_missing_key_is_bad(app):
    app.config["SECRET_KEY"] = None
    assert run(app, "key", "check").exit_code == 1


def test_the_doctor_tries_what_requests_do(app):
    class Codec:
        encode = staticmethod(lambda session: json.dumps(session).encode())
        decode = staticmethod(json.loads)

    carrier = connection("cachelib", SimpleCache(), {}, Codec).carrier
    # A cache gives back what it was given, but for the blanks.
    carrier.encode = lambda session: json.dumps(session, separators=(",", ":")).encode()
    checks = doctor.tried(carrier, app, "here", time.time)
    assert {check.verdict for check in checks} == {"good"}, checks
    assert [check.name for check in checks][-1] == "delete"


def test_the_doctor_sees_a_store_that_brings_sessions_back(app):
    class Reviving(Records):
        def create(self, key, data, expires):
            return self.records.setdefault(key, (data, expires)) == (data, expires)

        def replace(self, key, data, expires, token):
            self.records[key] = (data, expires)
            return "done", data

        def touch(self, key, expires):
            return True

    checks = doctor.tried(Reviving(), app, "here", time.time)
    assert [check.name for check in checks if check.verdict == "bad"] == ["conflict", "delete"]


def test_a_store_that_is_not_there_is_named_with_its_answer(app):
    import redis

    app.config.update(
        SESSION_TYPE="redis", SESSION_REDIS=redis.Redis(port=1, password="hunter2", retry=None)
    )
    result = run(app, "doctor")
    assert result.exit_code == 1
    assert "redis at localhost:1" in result.stdout
    assert "Connection refused" in result.stdout
    assert "hunter2" not in result.output
    document = json.loads(run(app, "doctor", "--json").stdout)
    assert document["findings"][-1]["verdict"] == "bad"


def test_a_url_is_asked_by_the_store_in_use_and_shows_no_password(app):
    class Broken:
        def load(self, key):
            raise CarrierError("redis", "loading a session", f"no answer about {key}")

    app.config.update(
        SESSION_TYPE="redis", SESSION_REDIS="redis://ada:hunter2@cache.example:6380/1"
    )
    app.session_interface.store = Broken()
    result = run(app, "doctor")
    assert "redis at cache.example:6380/1" in result.stdout
    assert "hunter2" not in result.output
    assert "doctor-" not in result.output
    assert result.exit_code == 1


def test_the_words_of_a_store_that_fails_are_shown_whole(app):
    class Broken:
        def load(self, key):
            raise StoreError("put them into the URL as redis://user:password@…\nor so")

    app.config.update(SESSION_TYPE="redis", SESSION_REDIS="redis://cache.example")
    app.session_interface.store = Broken()
    result = run(app, "doctor")
    assert (
        "put them into the URL as redis://user:password@…\n                    or so"
        in result.stdout
    )
    (*_, check) = json.loads(run(app, "doctor", "--json").stdout)["findings"]
    assert check["message"].endswith("@…\nor so")


def app_on(**config):
    """An application with the sessions that its configuration asks for."""
    app = flask.Flask(__name__)
    app.config.update({"SECRET_KEY": KEY} | config)
    flask_dewar.Session(app)
    return app


def checks(app):
    """What the doctor tried, by name, and its exit code."""
    result = run(app, "doctor", "--json")
    findings = json.loads(result.stdout)["findings"]
    return {one["check"]: (one["verdict"], one["message"]) for one in findings}, result.exit_code


def sessions_of(app):
    return app.session_interface.store.list("session:", None, 10)[0]


@pytest.mark.parametrize("kind", ["memory", "filesystem", "cachelib", "sqlite"])
def test_the_doctor_takes_a_session_through_its_life(kind, tmp_path):
    folder = str(tmp_path / "sessions")
    app = app_on(SESSION_TYPE=kind, SESSION_FILE_DIR=folder, SESSION_SQLITE=f"sqlite:///{folder}")
    tried, code = checks(app)
    verdicts = {name: tried[name][0] for name in ("save", "load", "delete")}
    assert verdicts == {"save": "good", "load": "good", "delete": "good"} and code == 0
    assert kind == "memory" or folder in tried["save"][1]
    if kind == "cachelib":
        # It lists nothing, and keeps a file for its lock.
        assert [path.name for path in Path(folder).iterdir()] == ["dewar.__wz_cache"]
    else:
        assert sessions_of(app) == []


@pytest.mark.parametrize("more", [{}, {"SESSION_ON_STORE_FAILURE": "read-only"}])
def test_a_store_that_answers_and_takes_nothing_is_bad(more, tmp_path):
    """A database that another process has locked for writing: what is read is there."""
    path = tmp_path / "sessions.db"
    app = app_on(
        SESSION_TYPE="sqlite",
        SESSION_SQLITE=f"sqlite:///{path}",
        SESSION_OPERATION_TIMEOUT=0.1,
        **more,
    )
    lock = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "database.execute('BEGIN IMMEDIATE'); print('locked', flush=True); input()"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", lock, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        assert app.session_interface.store.load("session:none") is None
        tried, code = checks(app)
        holder.communicate(b"\n")
    verdict, message = tried["save"]
    assert verdict == "bad" and code == 1
    assert str(path) in message and "another process has held the file's lock" in message
    assert sessions_of(app) == []


def test_a_session_that_cannot_be_read_back_is_removed(monkeypatch):
    carrier = DictCarrier()
    app = app_on(SESSION_TYPE="redis", SESSION_REDIS=carrier)
    monkeypatch.setattr(DictCarrier, "load", lambda self, key: None)
    tried, code = checks(app)
    assert tried["load"][0] == "bad" and code == 1
    assert carrier.records == {}


@pytest.mark.parametrize("kind", ["filesystem", "cachelib", "sqlite"])
def test_in_a_folder_of_another_user_nothing_is_written(kind, tmp_path, monkeypatch):
    folder = tmp_path / "sessions"
    app = app_on(
        SESSION_TYPE=kind, SESSION_FILE_DIR=str(folder), SESSION_SQLITE=f"sqlite:///{folder}"
    )
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    monkeypatch.setattr("os.geteuid", lambda: 4_242_424)
    tried, code = checks(app)
    assert list(tried) == ["store"] and code == 0
    verdict, message = tried["store"]
    assert verdict == "doubtful" and str(folder) in message and "user 4242424" in message
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert "sessions work" not in run(app, "doctor").stdout


def test_what_was_configured_wrongly_after_the_start_is_said(tmp_path):
    app = app_on(SESSION_TYPE="memory")
    app.config["SESSION_COOKIE_SAMESITE"] = "sometimes"
    tried, code = checks(app)
    assert tried["open"][0] == "bad" and "SESSION_COOKIE_SAMESITE" in tried["open"][1] and code == 1


def run_on_broken(*arguments, **config):
    """Runs a command of an application that does not start."""

    def create_app():
        return app_on(**config)

    # Flask's command line sets it for good; the runner puts back what it is given.
    runner = CliRunner(env={"FLASK_RUN_FROM_CLI": "true"})
    return runner.invoke(FlaskGroup(create_app=create_app), ["dewar", *arguments])


def test_an_application_that_does_not_start_is_examined_without_a_traceback():
    mistakes = {"SESSION_TYPE": "memcache", "SESSION_ID_LENGTH": 2}
    result = run_on_broken("doctor", **mistakes)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert result.stdout.startswith("error[DW0103] SESSION_TYPE: 'memcache' is not known\n")
    assert "error[DW0501] SESSION_ID_LENGTH" in result.stdout
    assert result.stdout.endswith("bad: 2 to put right first, 0 to look at; each says how\n")
    document = json.loads(run_on_broken("doctor", "--json", **mistakes).stdout)
    assert [one["code"] for one in document["problems"]] == ["DW0103", "DW0501"]
    assert "memcached" in document["problems"][0]["fix"] and document["findings"] == []


def test_a_store_that_keeps_an_application_from_starting_is_named():
    mistake = {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": __file__}
    result = run_on_broken("doctor", **mistake)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert result.stdout.startswith("bad       start     the application does not start: ")
    assert __file__ in result.stdout
    document = json.loads(run_on_broken("doctor", "--json", **mistake).stdout)
    assert [one["check"] for one in document["findings"]] == ["start"]


@pytest.mark.parametrize("key", ["dev", "q7Zx", "a" * 40, 5, ""])
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_a_fault_of_a_key_is_found_once(name, key, app):
    app.config[name] = key if name == "SECRET_KEY" else [key]
    for kind in ("cookie", "memory"):
        app.config["SESSION_TYPE"] = kind
        problems = json.loads(run(app, "doctor", "--json").stdout)["problems"]
        assert [one["key"] for one in problems] == [name]


def test_a_key_that_signs_no_session_is_no_error():
    app = app_on(SESSION_TYPE="memory", SECRET_KEY="")
    result = run(app, "doctor")
    assert result.exit_code == 0 and "the key is empty" in result.stdout


def test_a_store_that_was_given_as_an_argument_is_found():
    app = flask.Flask(__name__)
    app.session_interface = RedisSessionInterface(app, DictCarrier())
    app.config["SESSION_TYPE"] = "redis"
    cli.register(app)
    problems = json.loads(run(app, "doctor", "--json").stdout)["problems"]
    assert "DW0901" not in {problem["code"] for problem in problems}


def test_a_type_without_an_address_is_found(app):
    app.config.update(SESSION_TYPE="redis")
    result = run(app, "doctor", "--json")
    assert "DW0901" in {problem["code"] for problem in json.loads(result.stdout)["problems"]}


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    finding = doctor.library_finding("memcached", None)
    assert finding.code == "DW0904"
    assert "flask-dewar[memcached]" in finding.fix
    assert doctor.library_finding("memcached", "memcached://h") is None


def test_versions_that_do_not_fit_are_found():
    versions = {"flask": "2.3.2", "werkzeug": "3.0.0rc1", "redis": "4.9", "sqlalchemy": "2.1"}

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    def keys(kind, client):
        return [finding.key for finding in doctor.version_findings(kind, client, version)]

    assert keys("redis", object()) == ["flask", "redis"]
    # What sessions do not use may be as old as the application wants it.
    assert keys("redis", "redis://127.0.0.1") == keys("filesystem", None) == ["flask"]
    assert doctor.version_findings("redis", object()) == []


def test_the_doctor_is_content_with_a_good_application(app):
    result = run(app, "doctor")
    assert result.stdout.endswith("good: sessions work\n"), result.output
    assert result.exit_code == 0
