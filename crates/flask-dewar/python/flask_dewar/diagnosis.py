"""Mistakes in an application's source that end in sessions that do not work, each with file and line.

What is found is a `Finding`, of the same shape as those of the configuration's check.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ._native import check
from .source import Module, Program, application_files, constant, is_key, loaded_files

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
    if not any(finding.key in ("SECRET_KEY", "SESSION_TYPE") for finding in findings):
        # What else the source shows does not say why there is no key.
        findings[:0] = [
            Finding(
                "error",
                "DW0201",
                "SECRET_KEY",
                "",
                "app.config['SECRET_KEY'] is not set, and sessions in signed cookies (app.config['SESSION_TYPE'] is "
                "'cookie', or not set) need one",
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
    return findings_in(application_modules(app), getattr(app, "config", {}))


def application_modules(app: Any) -> list[Module]:
    """The modules of an application."""
    names: dict[Path, set[str]] = {}
    for name, path in loaded_files():
        names.setdefault(Path(path).resolve(), set()).add(name)
    own = getattr(app, "import_name", "")
    return [
        module
        for module in map(Module.read, application_files(app))
        if module is not None
        and not module.is_of_another_application(names.get(module.path, set()), own)
    ]


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
                if config.get(one.key) is not None and program.loads:
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
                    and not is_flasks(one.key)
                ):
                    yield Finding(
                        "error",
                        "DW0912",
                        one.key,
                        module.at(one.line),
                        f"{one.key} is set after Session was given the application in line {line}, which reads it then",
                        f"move it before line {line}",
                    )


def is_flasks(key: str) -> bool:
    """Whether Flask itself reads a key, at each request."""
    return key.startswith(("SESSION_COOKIE_", "SECRET_KEY", "PERMANENT_", "SESSION_REFRESH_"))


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
