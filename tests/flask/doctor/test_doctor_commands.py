"""`flask dewar doctor`, `key` and `sessions`, over stores in memory; nothing that is printed shows a secret."""

from __future__ import annotations

import json
import time
from importlib import metadata

import flask
import pytest
from cachelib import SimpleCache
from flask.sessions import SecureCookieSessionInterface
from flask_dewar import cli, doctor
from flask_dewar.carriers.base import CarrierError
from flask_dewar.clients import connection

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


def test_purge_removes_what_has_expired(app):
    records = app.session_interface.store.records
    for at in range(3):
        records[f"session:old{at}"] = (b"x", time.time() - 1)
    assert run(app, "sessions", "purge").stdout == "removed 3 expired sessions\n"
    assert len(records) == 6


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
        ("a" * 40, "1 different"),
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


def test_a_type_without_an_address_is_found(app):
    app.config.update(SESSION_TYPE="redis")
    result = run(app, "doctor", "--json")
    assert "DW0901" in {problem["code"] for problem in json.loads(result.stdout)["problems"]}


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    finding = doctor.library_finding("memcached", {"SESSION_MEMCACHED": None})
    assert finding.code == "DW0904"
    assert "flask-dewar[memcached]" in finding.fix
    assert doctor.library_finding("memcached", {"SESSION_MEMCACHED": "memcached://h"}) is None


def test_versions_that_do_not_fit_are_found():
    versions = {"flask": "2.3.2", "werkzeug": "3.0.0rc1", "redis": "4.9", "sqlalchemy": "2.1"}

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    assert [finding.key for finding in doctor.version_findings(version)] == ["flask", "redis"]
    assert doctor.version_findings() == []


def test_the_doctor_is_content_with_a_good_application(app):
    result = run(app, "doctor")
    assert result.stdout.endswith("good: sessions work\n"), result.output
    assert result.exit_code == 0
