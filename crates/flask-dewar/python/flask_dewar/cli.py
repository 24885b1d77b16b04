"""The commands `flask dewar …`: doctor, key, sessions. Data goes to stdout, messages to stderr."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import click
from flask import Flask, current_app
from flask.cli import AppGroup, ScriptInfo, with_appcontext

from . import diagnosis, doctor
from .carriers.base import CarrierError
from .errors import ConfigurationError, StoreError

#: Characters of a handle: enough to tell sessions apart, and of no use to log in.
HANDLE = 12

#: The findings in the source that are about keys.
ABOUT_KEYS = ("DW0915", "DW0916")

#: What is printed of each session.
Entries: TypeAlias = "list[dict[str, object]]"

#: How many records a step looks at.
STEP = 500


class Store(Protocol):
    """What the commands need of a store; carriers and the engine's own stores have it."""

    def load(self, key: str) -> object: ...

    def delete(self, key: str) -> None: ...

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]: ...

    def list(
        self, prefix: str, cursor: Any, limit: int
    ) -> tuple[list[tuple[str, int | None, float | None]], Any] | None: ...


@contextmanager
def told() -> Iterator[None]:
    """Ends a command with what a store that fails says, without a traceback."""
    try:
        yield
    except (StoreError, CarrierError) as error:
        raise click.ClickException(str(error)) from error


def register(app: Flask) -> None:
    """Adds `flask dewar` to an application, once."""
    if "dewar" not in app.cli.commands:
        app.cli.add_command(commands)


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def examine_command(context: click.Context, as_json: bool) -> None:
    """Find out why sessions do not work, or that they do."""
    try:
        app = context.ensure_object(ScriptInfo).load_app()
    except (ConfigurationError, StoreError) as error:
        show(doctor.not_started(error), as_json)
    else:
        with app.app_context():
            show(doctor.examine(app), as_json)


def show(found: doctor.Examination, as_json: bool) -> None:
    """Prints an examination; exits with 1 if something is bad."""
    if as_json:
        document = {
            "problems": [finding.as_dict() for finding in found.findings],
            "findings": [
                {"check": check.name, "verdict": check.verdict, "message": check.message}
                | ({"next": check.next} if check.next else {})
                for check in found.checks
            ],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for finding in found.findings:
            click.echo(f"{finding}\n")
        for check in found.checks:
            click.echo(str(check))
        if found.checks:
            click.echo()
        click.echo(verdict(found))
    if found.bad:
        raise SystemExit(1)


def verdict(found: doctor.Examination) -> str:
    """The last line of an examination."""
    if found.bad:
        return f"bad: {found.bad} to put right first, {found.doubtful} to look at; each says how"
    if any(check.name == "store" and check.verdict == "doubtful" for check in found.checks):
        return f"doubtful: the store was not tried; {found.doubtful} to look at"
    if found.doubtful:
        return f"good: sessions work; {found.doubtful} to look at"
    return "good: sessions work"


@click.group("key")
def key_group() -> None:
    """Make and check secret keys."""


@key_group.command("new")
@click.option(
    "--format",
    "form",
    type=click.Choice(["hex", "env", "python"]),
    default="hex",
    show_default=True,
)
def new_key(form: str) -> None:
    """Print a new secret key of 32 random bytes."""
    key = secrets.token_hex(32)
    line = {"hex": key, "env": f"FLASK_SECRET_KEY={key}", "python": f"SECRET_KEY = {key!r}"}[form]
    click.echo(line)


@key_group.command("check")
@with_appcontext
def check_key() -> None:
    """Check the application's secret key and its fallbacks; no key is shown."""
    app = current_app
    findings = doctor.key_findings(app.config)
    findings += [one for one in diagnosis.source_findings(app) if one.code in ABOUT_KEYS]
    if app.config.get("SECRET_KEY") is None:
        click.echo("bad: SECRET_KEY is not set")
        click.echo("hint: make one with: flask dewar key new", err=True)
        raise SystemExit(1)
    for finding in findings:
        place = f" ({finding.origin})" if finding.origin else ""
        click.echo(f"bad: {finding.key}{place}: {finding.what}")
        click.echo(f"hint: {finding.fix}", err=True)
    if findings:
        raise SystemExit(1)
    click.echo("good: SECRET_KEY")


@click.group("sessions")
def sessions_group() -> None:
    """List, delete and clean up the sessions in the store."""


@sessions_group.command("list")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--ids", is_flag=True, help="Show session ids: whoever has one is logged in.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@with_appcontext
@told()
def list_sessions(limit: int | None, ids: bool, as_json: bool) -> None:
    """List sessions, by handles that are of no use to log in."""
    store, prefix = opened()
    shown: Entries = []
    for key, size, expires in entries(store, prefix):
        if limit is not None and len(shown) >= limit:
            break
        entry: dict[str, object] = {
            "handle": handle(key),
            "bytes": size,
            "expires": as_text(expires),
        }
        if ids:
            entry["id"] = key.removeprefix(prefix)
        shown.append(entry)
        if not as_json:
            size_text = "" if size is None else f"{size:>8} bytes"
            identity = f"  {entry['id']}" if ids else ""
            click.echo(f"{entry['handle']} {size_text:>14}  expires {entry['expires']}{identity}")
    if as_json:
        click.echo(json.dumps(shown, indent=2))
    click.echo(f"{len(shown)} session{'' if len(shown) == 1 else 's'}", err=True)


@sessions_group.command("delete")
@click.argument("sessions", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Delete all sessions: everybody is logged out."
)
@click.confirmation_option("--yes", prompt="Delete for good?", help="Do not ask.")
@with_appcontext
@told()
def delete_sessions(sessions: tuple[str, ...], everything: bool) -> None:
    """Delete sessions, by handle or by id: whoever has one is logged out."""
    if bool(sessions) == everything:
        raise click.UsageError("name sessions by handle or id, or give --all")
    store, prefix = opened()
    absent = 0
    for key in (
        [key for key, _, _ in entries(store, prefix)]
        if everything
        else found(store, prefix, sessions)
    ):
        if key is None or (not everything and store.load(key) is None):
            absent += 1
            continue
        store.delete(key)
        click.echo(f"deleted {handle(key)}")
    if absent:
        click.echo(
            f"warning: {absent} session{'' if absent == 1 else 's'} not there, or expired", err=True
        )
        raise SystemExit(1)


@sessions_group.command("purge")
@with_appcontext
@told()
def purge_sessions() -> None:
    """Remove expired sessions from a store that does not do that by itself."""
    store, _ = opened()
    total, more, now = 0, True, time.time()
    while more:
        removed, more = store.delete_expired(now, STEP)
        total += removed
    click.echo(f"removed {total} expired session{'' if total == 1 else 's'}")


def opened() -> tuple[Store, str]:
    """The application's store and the prefix of its keys."""
    interface: Any = current_app.session_interface
    store: Store | None = getattr(interface, "store", None)
    if store is None:
        raise click.ClickException(
            "the sessions of this application are in no store: SESSION_TYPE names none, or Session(app) was not called"
        )
    return store, interface.key_prefix


def entries(store: Store, prefix: str) -> Iterator[tuple[str, int | None, float | None]]:
    """All sessions of a store, once each."""
    cursor: Any = None
    seen: set[str] = set()
    while True:
        page = store.list(prefix, cursor, STEP)
        if page is None:
            raise click.ClickException("this store cannot list its sessions")
        for entry in page[0]:
            if entry[0] not in seen:
                seen.add(entry[0])
                yield entry
        cursor = page[1]
        if cursor is None:
            return


def found(store: Store, prefix: str, sessions: Iterable[str]) -> Iterator[str | None]:
    """The keys that a person means by handles and ids; None for a handle that is none."""
    handles: dict[str, str] | None = None
    for text in sessions:
        if len(text) == HANDLE and not text.strip("0123456789abcdef"):
            if handles is None:
                handles = {handle(key): key for key, _, _ in entries(store, prefix)}
            yield handles.get(text)
        else:
            yield prefix + text.removeprefix(prefix)


def handle(key: str) -> str:
    """What stands for a session where its id must not be shown; the same as the `dewar` command's."""
    return hashlib.sha256(key.encode()).hexdigest()[:HANDLE]


def as_text(expires: float | None) -> str:
    """A time, as people read it."""
    if expires is None:
        return "never"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(expires))


#: `flask dewar`: an entry point of the package, so that an application that never called `init_app` can be examined.
commands = AppGroup("dewar", help="Sessions: examine them, make keys, list and delete.")
commands.add_command(examine_command)
commands.add_command(key_group)
commands.add_command(sessions_group)
