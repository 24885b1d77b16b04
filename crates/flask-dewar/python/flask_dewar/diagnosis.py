"""Mistakes in an application's source that end in sessions that do not work, each with file and line.

What is found is a `Finding`, of the same shape as those of the configuration's check.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from flask import Flask
from flask.sansio.app import App

from ._native import check
from .source import (
    Module,
    Name,
    Program,
    Setting,
    application_files,
    constant,
    is_key,
    is_random,
    loaded_files,
)

DOCUMENTATION = "https://github.com/dewar-rs/dewar/blob/main/docs"

NEW_KEY = "flask dewar key new"


@dataclass(frozen=True, order=True)
class Finding:
    """Something that was found, where, and how to put it right. Shows no secret."""

    severity: Literal["error", "warning"]
    code: str
    key: str
    origin: str
    what: str
    fix: str

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}] {self.key}: {self.what}"]
        if self.origin:
            lines.append(f"  from: {self.origin}")
        lines += [f"   fix: {self.fix}", f"  page: {self.page}"]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> Finding | None:
        """The finding that errors show as this text; None if it is none."""
        found = FORM.match(text)
        if found is None:
            return None
        severity: Any = found["severity"]
        what, fix = found["what"], found["fix"]
        return cls(severity, found["code"], found["key"], found["origin"] or "", what, fix)

    @property
    def page(self) -> str:
        """Where the documentation explains it."""
        own = self.code.startswith("DW09")
        return f"{DOCUMENTATION}/{'flask-diagnostics' if own else f'diagnostics/{self.code}'}.md"

    def as_dict(self) -> dict[str, str]:
        """As the `dewar` command prints it with `--json`."""
        return {
            name: getattr(self, name)
            for name in ("code", "severity", "key", "origin", "what", "fix")
        }


#: A finding as errors show it, the engine's own and those of this package.
FORM = re.compile(
    r"(?P<severity>error|warning)\[(?P<code>DW\d+)\] (?P<key>\S+): (?P<what>.*?)(\n  from: (?P<origin>.*?))?"
    r"\n   fix: (?P<fix>.*?)\n  page: ",
    re.DOTALL,
)


def configuration_findings(
    config: Mapping[str, Any], overrides: Mapping[str, Any] | None = None
) -> list[Finding]:
    """What the engine's own check of a configuration finds; `overrides` win."""
    problems = check(dict(config), dict(overrides or {}))
    return [Finding(**problem) for problem in problems]  # type: ignore[arg-type]


#: What is said where `Session(app)` is called without a session type.
NO_SESSION_TYPE = Finding(
    "error",
    "DW0905",
    "SESSION_TYPE",
    "",
    "SESSION_TYPE is not set in app.config, so that Session(app) does not know where to keep sessions",
    "set app.config['SESSION_TYPE'] before Session(app) or init_app(app) is called: 'redis', 'memcached', 'filesystem', "
    "'sqlalchemy', 'postgresql', 'mysql', 'sqlite', 'mongodb', 'dynamodb', 'cachelib', 'memory', or 'cookie' for sessions "
    "in signed cookies",
)


def no_session_type(app: Any) -> Finding:
    """The finding for a missing session type, with where it stands instead, if it stands anywhere."""
    if app.config.get("SESSION_TYPE") == "null":
        what = "SESSION_TYPE is 'null', with which nothing can be written to a session"
        return replace(NO_SESSION_TYPE, what=what)
    elsewhere = in_a_class(app) or in_lower_case(app.config) or in_the_environment(os.environ)
    if elsewhere is None:
        return NO_SESSION_TYPE
    origin, what, fix = elsewhere
    return replace(NO_SESSION_TYPE, origin=origin, what=f"{NO_SESSION_TYPE.what}; {what}", fix=fix)


def in_a_class(app: Any) -> tuple[str, str, str] | None:
    """Place, finding and fix of a session type in a class that nobody loads."""
    program = Program(application_modules(app))
    for module in program.modules:
        for name in module.class_names:
            if name.key == "SESSION_TYPE" and not is_named(name.of, program.loads):
                return (
                    module.at(name.line),
                    f"class {name.of} has it, and app.config.from_object({name.of}) is missing",
                    f"call app.config.from_object({name.of}) before Session(app) or init_app(app)",
                )
    return None


def in_lower_case(config: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The same for a key that is not in upper case."""
    for key in config:
        if key != "SESSION_TYPE" and str(key).upper() == "SESSION_TYPE":
            what = f"{key!r} is, which is another key: Flask's are in upper case"
            return f"app.config[{key!r}]", what, "set app.config['SESSION_TYPE']"
    return None


def in_the_environment(environment: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The same for a variable that nobody reads."""
    for variable in sorted(environment):
        found = re.fullmatch(r"(?:(\w+)_)?SESSION_TYPE", variable)
        # That one is the desktop's.
        if found is None or found[1] == "XDG":
            continue
        prefix = "" if found[1] in (None, "FLASK") else repr(found[1])
        fix = f"call app.config.from_prefixed_env({prefix}) before Session(app) or init_app(app)"
        if found[1] is None:
            fix = f"name it FLASK_SESSION_TYPE, and {fix}"
        return (
            f"environment variable {variable}",
            f"the variable {variable} is, and is not read",
            fix,
        )
    return None


def is_named(name: str, loads: Iterable[str]) -> bool:
    """Whether what is loaded into a configuration is called so."""
    return any(name in re.findall(r"\w+", load) for load in loads)


#: What is said at the first request of an application that no `Session()` was given.
FORGOTTEN_INIT_APP = Finding(
    "error",
    "DW0913",
    "SESSION_TYPE",
    "",
    "Session() is made, and its init_app(app) was not called before the first request: sessions are Flask's own",
    "call init_app(app) after the configuration is set, or write Session(app)",
)


def explain_null_session(app: Any) -> str:
    """Why the sessions of this application cannot be written, with file and line where the source tells."""
    findings = [finding for finding in source_findings(app) if finding.severity == "error"]
    # A key that changes does not say why there is none.
    explaining = [finding for finding in findings if finding.code != "DW0916"]
    if not any(finding.key in ("SECRET_KEY", "SESSION_TYPE") for finding in explaining):
        # What else the source shows does not say why there is no key.
        missing = app.config.get("SECRET_KEY") is None
        findings[:0] = [
            Finding(
                "error",
                "DW0201" if missing else "DW0203",
                "SECRET_KEY",
                "",
                f"app.config['SECRET_KEY'] is {'not set' if missing else 'empty'}, and sessions in signed cookies "
                "(app.config['SESSION_TYPE'] is 'cookie', or not set) need one",
                f"set app.config['SECRET_KEY'] (make a key with: {NEW_KEY}), or app.config['SESSION_TYPE'] for a "
                "store, before Session(app)",
            )
        ]
    text = "\n\n".join(str(finding) for finding in findings)
    # The first sentences are Flask's own, which people search for.
    return (
        "The session is unavailable because no secret key was set.  Set the secret_key on the application to something"
        f" unique and secret.\n\n{text}"
    )


def explain_forgotten_init_app(app: Any) -> str:
    """That the sessions of this application are Flask's own, although `Session()` was made."""
    for finding in source_findings(app):
        if finding.code == FORGOTTEN_INIT_APP.code:
            return str(finding)
    return str(FORGOTTEN_INIT_APP)


def explain_configuration(app: Any, problems: str) -> str:
    """What is wrong with a configuration, with file and line where the source tells, and how it came about."""
    modules = application_modules(app)
    places: dict[str, list[str]] = {}
    for module in modules:
        for key, _, line in module.given():
            places.setdefault(key, []).append(module.at(line))

    def placed(match: re.Match[str]) -> str:
        found = places.get(match[1], [])
        return f"{match[0]}, {found[0]}" if len(found) == 1 else match[0]

    problems = re.sub(r"\[DW\d+\] (\w+): .*\n  from: app\.config(?=\n)", placed, problems)
    more = [
        str(finding)
        for finding in findings_in(modules, getattr(app, "config", {}))
        if finding.severity == "error" and f"[{finding.code}] {finding.key}:" not in problems
    ]
    return "\n\n".join([problems, *more])


def source_findings(app: Any) -> list[Finding]:
    """What the source of an application shows, errors first."""
    # An interface that was made by its class says itself what it keeps sessions in.
    interface = getattr(app, "session_interface", None)
    config = {**getattr(app, "config", {}), **getattr(interface, "_overrides", {})}
    return findings_in(application_modules(app), config)


def application_modules(app: Any) -> list[Module]:
    """The modules of an application."""
    names: dict[Path, set[str]] = {}
    for name, path in loaded_files():
        names.setdefault(Path(path).resolve(), set()).add(name)
    own = getattr(app, "import_name", "")
    modules = [
        module
        for module in map(Module.read, application_files(app))
        if module is not None
        and not module.is_of_another_application(names.get(module.path, set()), own)
    ]
    for module in modules:
        for name in names.get(module.path, set()):
            module.forget(other_applications(name, app))
    return modules


def other_applications(module: str, app: Any) -> set[str]:
    """The names that an imported module has for applications other than this one."""
    known = list(vars(sys.modules[module]).items()) if module in sys.modules else []
    own = {name for name, value in known if value is app}
    return {name for name, value in known if isinstance(value, App)} - own


def findings_of(files: Iterable[Path], config: Mapping[str, Any]) -> list[Finding]:
    """What these files show, given the configuration that came of them."""
    modules = [module for module in map(Module.read, files) if module is not None]
    return findings_in(modules, config)


def findings_in(modules: list[Module], config: Mapping[str, Any]) -> list[Finding]:
    """What these modules show, given the configuration that came of them."""
    program = Program(modules)
    found: set[Finding] = set()
    found.update(unreached_names(program, config))
    found.update(keys_of_main(program, config))
    found.update(hard_coded_keys(program))
    found.update(random_keys(program, config))
    found.update(late_settings(program))
    found.update(forgotten_init_app(program))
    found.update(wrong_types(program))
    return sorted(found)


def unreached_names(program: Program, config: Mapping[str, Any]) -> Iterator[Finding]:
    """`SESSION_TYPE = "redis"` in a module that no configuration reads."""
    for module in program.modules:
        for name in module.names:
            if name.in_main or name.key in program.keys or is_loaded(program, module):
                continue
            if config.get(name.key) is not None or mentioned(program, name.key):
                continue
            yield Finding(
                "error",
                "DW0911",
                name.key,
                module.at(name.line),
                f"{name.key} is a name of this module and never reached app.config",
                f"write app.config[{name.key!r}] = … before Session(app), or load the module with "
                "app.config.from_object(__name__)",
            )


def is_loaded(program: Program, module: Module) -> bool:
    """Whether `from_object` and the like may read this module."""
    stem = module.path.parent.name if module.path.stem == "__init__" else module.path.stem
    for load in program.loads:
        if load == "__name__":
            if "__name__" in module.loads:
                return True
        elif stem in load.replace("'", "").replace('"', "").replace("/", ".").split("."):
            return True
    return False


def mentioned(program: Program, key: str) -> bool:
    """Whether some configuration key is set from this very name."""
    for module in program.modules:
        for one in module.settings:
            if one.value is not None and key in {
                node.id if isinstance(node, ast.Name) else node.attr
                for node in ast.walk(one.value)
                if isinstance(node, (ast.Name, ast.Attribute))
            }:
                return True
    return False


def keys_of_main(program: Program, config: Mapping[str, Any]) -> Iterator[Finding]:
    """A key that is set under `if __name__ == "__main__":` only, which gunicorn and `flask run` do not run."""
    for module in program.modules:
        for one in module.settings:
            if one.in_main and is_key(one.key) and one.key not in program.keys:
                if config.get(one.key) not in (None, Flask.default_config.get(one.key)):
                    continue
                if one.key == "SECRET_KEY" and not signs(config):
                    continue
                yield Finding(
                    "error",
                    "DW0914",
                    one.key,
                    module.at(one.line),
                    f"{one.key} is set only under if __name__ == '__main__', which gunicorn, uWSGI and flask run do not run",
                    f"set {one.key} where the application is made, before Session(app)",
                )


def hard_coded_keys(program: Program) -> Iterator[Finding]:
    """A secret key in the source."""
    for module in program.modules:
        for key, value, line in module.given():
            if key == "SECRET_KEY" and isinstance(constant(value), (str, bytes)):
                yield Finding(
                    "warning",
                    "DW0915",
                    key,
                    module.at(line),
                    "the secret key stands in the source: whoever reads the source can make any session",
                    "read it from the environment, app.config['SECRET_KEY'] = os.environ['SECRET_KEY'], and make a "
                    f"new one with: {NEW_KEY}",
                )


def random_keys(program: Program, config: Mapping[str, Any]) -> Iterator[Finding]:
    """A secret key that is drawn when the application starts."""
    if not signs(config) or config.get("SECRET_KEY") in os.environ.values():
        return
    in_classes = [
        name.of
        for module in program.modules
        for name in module.class_names
        if name.key == "SECRET_KEY"
    ]
    for module in program.modules:
        given: list[Setting | Name] = [one for one in module.settings if not one.in_main]
        # Of several classes only one is loaded, and which one need not be seen.
        given += [
            name
            for name in module.class_names
            if len(in_classes) == 1 or is_named(name.of, program.loads)
        ]
        if is_loaded(program, module) or mentioned(program, "SECRET_KEY"):
            given += module.names
        for one in given:
            if one.key == "SECRET_KEY" and is_random(one.value):
                yield Finding(
                    "error",
                    "DW0916",
                    one.key,
                    module.at(one.line),
                    "the secret key is drawn when the application starts: each worker, and each restart, has another one "
                    "and refuses the sessions of the others",
                    f"make one key with: {NEW_KEY}, and read it from the environment, app.config['SECRET_KEY'] = "
                    "os.environ['SECRET_KEY']",
                )


def signs(config: Mapping[str, Any]) -> bool:
    """Whether sessions need a secret key: with a store only if it signs ids."""
    kind = config.get("SESSION_TYPE")
    in_cookies = not isinstance(kind, str) or kind.lower() in ("", "null", "cookie")
    return in_cookies or bool(config.get("SESSION_USE_SIGNER"))


def late_settings(program: Program) -> Iterator[Finding]:
    """A key that is set after `Session(app)`, in the same function or module body."""
    for module in program.modules:
        for line, scope, app in module.bound:
            for one in module.settings:
                late = one.line > line and module.scopes[one.line] == scope and not one.in_main
                if (
                    late
                    and one.app == app
                    and one.key.startswith("SESSION_")
                    and not is_followed(one.key)
                ):
                    yield Finding(
                        "error",
                        "DW0912",
                        one.key,
                        module.at(one.line),
                        f"{one.key} is set after Session was given the application in line {line}, which reads it then",
                        f"move it before line {line}",
                    )


#: Keys that the engine reads anew when they change, beside those of the cookie.
FOLLOWED = {
    "SESSION_ABSOLUTE_LIFETIME",
    "SESSION_PERMANENT",
    "SESSION_REFRESH_AFTER",
    "SESSION_REFRESH_EACH_REQUEST",
}


def is_followed(key: str) -> bool:
    """Whether a key may change while the application runs."""
    return key in FOLLOWED or key.startswith("SESSION_COOKIE_")


def forgotten_init_app(program: Program) -> Iterator[Finding]:
    """`Session()` that no application was given to."""
    for module in program.modules:
        for name, line in module.unbound:
            if name not in program.initialized:
                yield Finding(
                    "error",
                    "DW0913",
                    "SESSION_TYPE",
                    module.at(line),
                    f"{name} = Session() is made, and {name}.init_app(app) is never called: sessions are Flask's own",
                    f"call {name}.init_app(app) after the configuration is set, or write Session(app)",
                )


def wrong_types(program: Program) -> Iterator[Finding]:
    """A `SESSION_TYPE` that is none, such as `memcache`."""
    for module in program.modules:
        for key, value, line in module.given():
            name = constant(value)
            if key != "SESSION_TYPE" or not isinstance(name, str):
                continue
            # The engine knows what there is, and what was probably meant.
            for problem in check({key: name}, {}):
                if problem["code"] == "DW0103":
                    what, fix = problem["what"], problem["fix"]
                    yield Finding("error", "DW0103", key, module.at(line), what, fix)
