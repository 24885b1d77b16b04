"""Examines an application's sessions: source, configuration, versions, and the store itself."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from ._native import Engine
from .base import ServerSideSessionInterface
from .carriers.base import Carrier, describe
from .clients import LIBRARIES, Connection, ConnectionProblem, connection, library_missing
from .diagnosis import Finding, configuration_findings, source_findings
from .errors import ConfigurationError, SessionError, StoreError
from .sqlite_files import shared_file

Verdict = Literal["good", "doubtful", "bad"]

#: The oldest versions that fit, by distribution.
OLDEST = {"flask": (3, 0), "werkzeug": (3, 0)}

#: The same of the libraries whose clients a session type takes.
OLDEST_CLIENTS = {
    "redis": {"redis": (5, 0)},
    "memcached": {"pymemcache": (4, 0)},
    "mongodb": {"pymongo": (4, 0)},
    "dynamodb": {"boto3": (1, 26)},
    "sqlalchemy": {"flask-sqlalchemy": (3, 0), "sqlalchemy": (2, 0)},
    "postgresql": {"psycopg": (3, 1), "psycopg2": (2, 8), "psycopg2-binary": (2, 8)},
    "cachelib": {"cachelib": (0, 10)},
}


@dataclass(frozen=True)
class Check:
    """Something that was tried."""

    verdict: Verdict
    name: str
    message: str
    #: What to do about it.
    next: str = ""

    def __str__(self) -> str:
        first, *more = self.message.splitlines()
        lines = [f"{self.verdict:<9} {self.name:<9} {first}"]
        lines += [f"{'':<20}{line}" for line in more]
        if self.next:
            lines.append(f"{'':<20}next: {self.next}")
        return "\n".join(lines)


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


def examine(app: Any, clock: Callable[[], float] = time.time) -> Examination:
    """Examines an application, and takes a session through its life, in the store that is in use."""
    found = Examination()
    interface = app.session_interface
    in_use = interface if isinstance(interface, ServerSideSessionInterface) else None
    problems = configuration_findings(app.config, {} if in_use is None else in_use._overrides)
    findings = {*problems, *source_findings(app)}
    findings |= unused_key_findings(app.config, problems)
    kind = str(app.config.get("SESSION_TYPE") or "").lower()
    client = app.config.get(f"SESSION_{kind.upper()}")
    if in_use is not None:
        kind, client = in_use.session_type, in_use.client
        # The start has refused what was configured then, and not what was since.
        shared = shared_file(app, in_use._overrides)
        findings |= {shared} if shared is not None else set()
    findings |= set(version_findings(kind, client))
    made: Connection | None = None
    # What is in use may have no client: a cache that is a folder.
    if kind in LIBRARIES and (in_use is None or client is not None):
        library = library_finding(kind, client)
        if library is not None:
            findings.add(library)
        try:
            made = connection(kind, client, app.config)
        except ConnectionProblem as wrong:
            findings.add(wrong.finding)
        except ImportError:
            # The finding about the library says it.
            pass
    if made is not None:
        way = "the engine's own connection" if made.path == "native" else "the application's client"
        found.checks.append(Check("good", "way", f"{way}: {made.why}"))
    found.findings = sorted(findings)
    store = getattr(interface, "store", None)
    if in_use is not None:
        checks = examined(in_use, app, made)
        found.checks += checks
        works = all(check.verdict == "good" for check in checks)
        if works and made is not None and made.carrier is not None and made.path == "client":
            found.checks += tried(made.carrier, app, address_of(made, client), clock)
    elif made is not None and made.carrier is not None:
        found.checks += tried(made.carrier, app, address_of(made, client), clock)
    elif store is not None:
        found.checks += asked(store, app, address_of(made, client))
    elif kind in ("", "null", "cookie") and app.config.get("SECRET_KEY"):
        found.checks.append(Check("good", "cookie", "sessions live in signed cookies"))
    elif kind in ("", "null"):
        found.checks.append(
            Check("bad", "sessions", "sessions live nowhere: they read as empty, and writing fails",
                  "set SECRET_KEY (flask dewar key new), or SESSION_TYPE for a store")
        )  # fmt: skip
    return found


def not_started(error: ConfigurationError | StoreError) -> Examination:
    """What an application has that does not start: what it was refused for."""
    found = Examination()
    for part in str(error).split("\n\n"):
        finding = Finding.parse(part)
        if finding is not None:
            found.findings.append(finding)
        elif not part.startswith("the configuration has "):
            found.checks.append(Check("bad", "start", f"the application does not start: {part}"))
    return found


def examined(
    interface: ServerSideSessionInterface, app: Any, made: Connection | None
) -> list[Check]:
    """Takes a session through its life in the store that is in use, unless that would leave what the application cannot
    open."""
    client = interface.client if made is None or made.url is None else made.url
    path = files_of(interface, client)
    if path is None:
        memory = interface.session_type == "memory"
        return lived(interface, app, "this process" if memory else address_of(made, client))
    strange = stranger(path)
    if strange is None:
        return lived(interface, app, named(path))
    other, me = user(strange.stat().st_uid), user(os.geteuid())
    return [
        Check(
            "doubtful",
            "store",
            f"{named(strange)} belongs to {other}, and this command runs as {me}: no session was written, since the "
            "application could not open what this command leaves there",
            "run it as the user of the application",
        )
    ]


def lived(interface: ServerSideSessionInterface, app: Any, place: str) -> list[Check]:
    """Makes, saves, reads and removes a session of its own, as requests do."""
    # An application may want to go on without its store; here it is to say why it fails.
    settings = {**interface._overrides, "SESSION_ON_STORE_FAILURE": "fail"}
    store = interface._store
    data: dict[str, Any] = {}
    try:
        engine = Engine(app.config, settings, store)
        session = engine.open(None, data)
    except ConfigurationError as error:
        # What was configured after the start.
        return [unreachable("open", place, error, [])]
    data["doctor"] = 1
    key = f"{interface.key_prefix}{session.sid}"

    def attempt(name: str, do: Callable[[], object], message: str) -> Check:
        started = time.perf_counter()
        try:
            do()
        except Exception as error:  # noqa: BLE001
            return unreachable(name, place, error, [key])
        return Check("good", name, f"{message}, after {milliseconds_since(started):.1f} ms")

    def read() -> None:
        if store.load(key) is None:
            raise StoreError(f"{place}: the session that was just saved is not there")

    done: list[Check] = []
    try:
        save = partial(session.close, engine, data, False, True, True)
        done.append(attempt("save", save, f"a session is saved in {place}"))
        if done[-1].verdict == "good":
            done.append(attempt("load", read, "it is read back"))
    finally:
        removed = attempt("delete", partial(store.delete, key), "it is removed")
    # What could not be saved or read need not be said once more.
    return [*done, removed] if done[-1].verdict == "good" else done


def milliseconds_since(started: float) -> float:
    """How long ago that was, by the performance counter."""
    return (time.perf_counter() - started) * 1000


def files_of(interface: ServerSideSessionInterface, client: object) -> Path | None:
    """The folder or the file that sessions are kept in, where they are in files of this machine."""
    kind = interface.session_type
    path: object = None
    if kind == "filesystem" or (kind == "cachelib" and client is None):
        path = interface._setting("SESSION_FILE_DIR")
    elif kind == "cachelib":
        # A cache in files has its folder under this name.
        path = getattr(client, "_path", client)
    elif isinstance(client, str) and client.startswith("sqlite:"):
        path = client.partition(":///")[2].partition("?")[0]
    elif kind == "sqlite":
        path = client
    if not isinstance(path, (str, os.PathLike)) or path in ("", ":memory:"):
        return None
    return Path(path).absolute()


def named(path: Path) -> str:
    """A folder or file in words."""
    return f"the {'folder' if path.is_dir() else 'file'} {path}"


def stranger(path: Path) -> Path | None:
    """The folder or file, or something in it, if that belongs to another user than this process'."""
    me = os.geteuid()
    try:
        # Root can write anywhere, also into a folder of its own that an application may use.
        inside = list(islice(path.iterdir(), 100)) if me == 0 and path.is_dir() else []
        return next((one for one in (path, *inside) if one.stat().st_uid != me), None)
    except OSError:
        return None


def user(number: int) -> str:
    """A user, by name where there is one."""
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"


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
        expect(
            "load",
            found is None,
            f"{address} answers, after {milliseconds_since(started):.1f} ms",
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
        done.append(unreachable("store", address, error, [key]))
    return done


def asked(store: Readable, app: Any, address: str) -> list[Check]:
    """Asks a store for a session that is not there."""
    key = f"{app.config.get('SESSION_KEY_PREFIX', 'session:')}doctor-{secrets.token_hex(16)}"
    try:
        started = time.perf_counter()
        store.load(key)
    except Exception as error:  # noqa: BLE001
        return [unreachable("store", address, error, [key])]
    took = milliseconds_since(started)
    return [Check("good", "load", f"{address} answers, after {took:.1f} ms")]


def unreachable(name: str, address: str, error: BaseException, secrets_: list[object]) -> Check:
    """The check of a store that did not answer as it should."""
    if isinstance(error, (SessionError, ConfigurationError)):
        # The engine's own words: without secrets, and with the address and what to do.
        return Check("bad", name, str(error))
    answered = describe(error, secrets_)
    return Check(
        "bad",
        name,
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
    if "://" not in url:
        # Words of a driver may hold a password.
        return "the store" if set("=@").intersection(url) else url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the store"
    hosts = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme} at {hosts or parts.path}{parts.path if hosts and parts.path != '/' else ''}"


def library_finding(kind: str, client: object) -> Finding | None:
    """The finding for a client library that is not installed; a URL needs none."""
    _, modules = LIBRARIES[kind]
    if client is not None or any(importlib.util.find_spec(module) for module in modules):
        return None
    return library_missing(kind)


def version_findings(
    kind: str, client: object, version: Callable[[str], str] = metadata.version
) -> list[Finding]:
    """The findings for distributions that are too old, of those that sessions of this type use. A URL needs none, and what the
    application has for its own ends may be as old as it likes."""
    given = client is not None and not isinstance(client, str)
    found = []
    for name, oldest in {**OLDEST, **(OLDEST_CLIENTS.get(kind, {}) if given else {})}.items():
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


def key_findings(config: Mapping[str, Any]) -> list[Finding]:
    """The findings for the secret key and its fallbacks, as if cookies were signed with them; no key is shown."""
    keys = {name: config.get(name) for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS")}
    findings = configuration_findings({**keys, "SESSION_TYPE": "cookie"})
    return [one for one in findings if one.key in keys and one.code != "DW0202"]


def unused_key_findings(config: Mapping[str, Any], known: Container[Finding]) -> set[Finding]:
    """What is wrong with a key that signs no session, and signs something else if it is there at all."""
    return {
        replace(finding, severity="warning")
        for finding in key_findings(config)
        if finding not in known
    }
