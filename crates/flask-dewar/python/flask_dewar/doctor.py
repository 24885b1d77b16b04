"""Examines an application's sessions: source, configuration, versions, and the store itself."""

from __future__ import annotations

import importlib.util
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from .carriers.base import Carrier, describe
from .clients import LIBRARIES, Connection, ConnectionProblem, connection, library_missing
from .diagnosis import Finding, source_findings

Verdict = Literal["good", "doubtful", "bad"]

#: The oldest versions that fit, by distribution.
OLDEST = {
    "flask": (3, 0),
    "werkzeug": (3, 0),
    "redis": (5, 0),
    "pymemcache": (4, 0),
    "pymongo": (4, 0),
    "boto3": (1, 26),
    "flask-sqlalchemy": (3, 0),
    "sqlalchemy": (2, 0),
    "psycopg": (3, 1),
    "psycopg2": (2, 8),
    "psycopg2-binary": (2, 8),
    "cachelib": (0, 10),
}

#: Keys of tutorials and examples, without anything but letters and digits.
PLACEHOLDERS = {
    "dev", "devkey", "secret", "secretkey", "supersecret", "supersecretkey", "verysecret", "verysecretkey", "mysecret",
    "mysecretkey", "changeme", "changethis", "changethiskey", "changethissecretkey", "yoursecretkey",
    "yoursecretkeyhere",
    "thisissecret", "thisisasecret", "thisisasecretkey", "key", "password", "test", "testkey", "testing", "flask",
    "hardtoguessstring", "youwillneverguess", "todo", "none", "default", "123", "1234", "12345", "123456", "abc",
}  # fmt: skip

#: Keys that Flask's documentation prints as examples of a good one.
PRINTED = {
    b'_5#y2L"F4Q8z\n\xec]/',
    b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    b"192b9bdd45ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
}

#: The bytes of a key that cannot be found by trying.
ENOUGH = 16


@dataclass(frozen=True)
class Check:
    """Something that was tried."""

    verdict: Verdict
    name: str
    message: str
    #: What to do about it.
    next: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict:<9} {self.name:<9} {self.message}"
        return f"{line}\n{'':<20}next: {self.next}" if self.next else line


@dataclass
class Examination:
    """All that was found."""

    findings: list[Finding] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """How many things must be put right."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        return errors + sum(check.verdict == "bad" for check in self.checks)

    @property
    def doubtful(self) -> int:
        """How many things are worth a look."""
        warnings = sum(finding.severity == "warning" for finding in self.findings)
        return warnings + sum(check.verdict == "doubtful" for check in self.checks)


class Readable(Protocol):
    """What the examination needs of a store that is no carrier."""

    def load(self, key: str) -> object: ...


def examine(
    app: Any,
    store: Readable | None = None,
    problems: Iterable[Finding] = (),
    clock: Callable[[], float] = time.time,
) -> Examination:
    """Examines an application; `problems` are those that the configuration's own check found.

    `store` is the one that is in use; without it, the client in the configuration is asked.
    """
    found = Examination()
    findings = {*problems, *source_findings(app), *version_findings(), *key_findings(app)}
    kind = str(app.config.get("SESSION_TYPE") or "").lower()
    made: Connection | None = None
    if kind in LIBRARIES:
        library = library_finding(kind, app.config)
        if library is not None:
            findings.add(library)
        try:
            made = connection(kind, app.config.get(f"SESSION_{kind.upper()}"), app.config)
        except ConnectionProblem as wrong:
            findings.add(wrong.finding)
        except ImportError:
            # The finding about the library says it.
            pass
    if made is not None:
        way = "the engine's own connection" if made.path == "native" else "the application's client"
        found.checks.append(Check("good", "way", f"{way}: {made.why}"))
    found.findings = sorted(findings)
    address = address_of(made, app.config.get(f"SESSION_{kind.upper()}"))
    if made is not None and made.carrier is not None:
        found.checks += tried(made.carrier, app, address, clock)
    elif store is not None:
        found.checks += asked(store, app, address)
    elif kind in ("", "null", "cookie") and app.config.get("SECRET_KEY"):
        found.checks.append(Check("good", "cookie", "sessions live in signed cookies"))
    elif kind in ("", "null"):
        found.checks.append(
            Check("bad", "sessions", "sessions live nowhere: they read as empty, and writing fails",
                  "set SECRET_KEY (flask dewar key new), or SESSION_TYPE for a store")
        )  # fmt: skip
    return found


def tried(carrier: Carrier, app: Any, address: str, clock: Callable[[], float]) -> list[Check]:
    """Does to a session of its own all that requests do to theirs."""
    key = f"{app.config.get('SESSION_KEY_PREFIX', 'session:')}doctor-{secrets.token_hex(16)}"
    one, two = b'{"doctor":1}', b'{"doctor":2}'
    done: list[Check] = []

    def expect(name: str, passed: bool, message: str, failed: str) -> None:
        verdict: Verdict = "good" if passed else "bad"
        done.append(Check(verdict, name, message if passed else failed))

    try:
        started = time.perf_counter()
        found = carrier.load(key)
        took = (time.perf_counter() - started) * 1000
        expect(
            "load",
            found is None,
            f"{address} answers, after {took:.1f} ms",
            "a session is there that nobody made",
        )
        later = clock() + 60
        expect(
            "create",
            carrier.create(key, one, later),
            "a session is created",
            "a session cannot be created",
        )
        again = carrier.create(key, two, later)
        expect(
            "create",
            not again,
            "one that is there is not overwritten",
            "one that is there is overwritten",
        )
        found = carrier.load(key)
        expect("load", found is not None, "it is read back", "it is not read back")
        token = found[1] if found else one
        outcome, _ = carrier.replace(key, two, later, token)
        expect("replace", outcome == "done", "it is replaced", f"it is not replaced: {outcome}")
        outcome, _ = carrier.replace(key, one, later, token)
        expect("conflict", outcome == "conflict", "a write that did not see the last one is noticed",
               f"a write that did not see the last one is not noticed: {outcome}")  # fmt: skip
        expect(
            "touch",
            carrier.touch(key, later + 60),
            "its expiry is moved",
            "its expiry is not moved",
        )
        carrier.delete(key)
        outcome, _ = carrier.replace(key, one, later, token)
        expect("delete", outcome == "gone" and carrier.load(key) is None, "a deleted session stays deleted",
               "a deleted session comes back")  # fmt: skip
    except Exception as error:  # noqa: BLE001
        done.append(unreachable(address, error, [key]))
    return done


def asked(store: Readable, app: Any, address: str) -> list[Check]:
    """Asks a store for a session that is not there."""
    key = f"{app.config.get('SESSION_KEY_PREFIX', 'session:')}doctor-{secrets.token_hex(16)}"
    try:
        started = time.perf_counter()
        store.load(key)
    except Exception as error:  # noqa: BLE001
        return [unreachable(address, error, [key])]
    took = (time.perf_counter() - started) * 1000
    return [Check("good", "load", f"{address} answers, after {took:.1f} ms")]


def unreachable(address: str, error: BaseException, secrets_: list[object]) -> Check:
    """The check of a store that did not answer as it should."""
    answered = describe(error, secrets_)
    return Check(
        "bad",
        "store",
        answered if address in answered else f"{address}: {answered}",
        "is the server running there, and is the address right?",
    )


def address_of(made: Connection | None, client: object) -> str:
    """Where the store is, without user and password."""
    url = made.url if made is not None else client
    if not isinstance(url, str):
        return (
            f"the client ({type(client).__module__}.{type(client).__qualname__})"
            if client is not None
            else "the store"
        )
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the store"
    hosts = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme} at {hosts or parts.path}{parts.path if hosts and parts.path != '/' else ''}"


def library_finding(kind: str, config: Mapping[str, Any]) -> Finding | None:
    """The finding for a client library that is not installed; a URL needs none."""
    _, modules = LIBRARIES[kind]
    if config.get(f"SESSION_{kind.upper()}") is not None or any(
        importlib.util.find_spec(module) for module in modules
    ):
        return None
    return library_missing(kind)


def version_findings(version: Callable[[str], str] = metadata.version) -> list[Finding]:
    """The findings for distributions that are too old."""
    found = []
    for name, oldest in OLDEST.items():
        try:
            installed = version(name)
        except metadata.PackageNotFoundError:
            continue
        if numbers(installed) < oldest:
            found.append(too_old(name, installed, oldest))
    return found


def too_old(name: str, installed: str, oldest: tuple[int, ...]) -> Finding:
    least = ".".join(map(str, oldest))
    what = f"{name} {installed} is installed, and {least} is the oldest that fits"
    return Finding("error", "DW0906", name, "", what, f"pip install '{name}>={least}'")


def numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with."""
    found: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)


def key_findings(app: Any) -> list[Finding]:
    """The findings for the secret key and its fallbacks; no key is shown."""
    given = [("SECRET_KEY", app.config.get("SECRET_KEY"))]
    given += [("SECRET_KEY_FALLBACKS", key) for key in app.config.get("SECRET_KEY_FALLBACKS") or []]
    found = []
    for name, key in given:
        what = weakness(key)
        if key is not None and what is not None:
            fix = "make a new one with: flask dewar key new"
            code = "DW0203" if not key else "DW0204"
            found.append(Finding("warning", code, name, "app.config", what, fix))
    return found


def weakness(key: object) -> str | None:
    """Why a key is no good; None for one that is."""
    if not isinstance(key, (str, bytes)):
        return f"the key is a {type(key).__name__}, neither text nor bytes"
    raw = key.encode() if isinstance(key, str) else key
    folded = "".join(
        letter for letter in raw.decode("utf-8", "replace").lower() if letter.isalnum()
    )
    if not raw:
        return "the key is empty: anybody can sign with it"
    if raw in PRINTED or folded in PLACEHOLDERS:
        return "the key is well known, from tutorials and examples: anybody can sign with it"
    if len(raw) < ENOUGH or len(set(raw)) < 6:
        return f"the key has {len(raw)} bytes, {len(set(raw))} different: it can be found by trying"
    return None
