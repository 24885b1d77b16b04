"""Mistakes in an application's source that end in sessions that do not work, each with file and line.

The source is read, never run. What is found is a `Finding`, of the same shape as those of the configuration's check.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

#: Configuration keys of Flask, Flask-Session and Dewar that decide whether sessions work.
KEYS = frozenset(
    """
    SECRET_KEY SECRET_KEY_FALLBACKS PERMANENT_SESSION_LIFETIME SESSION_COOKIE_NAME SESSION_COOKIE_DOMAIN
    SESSION_COOKIE_PATH SESSION_COOKIE_HTTPONLY SESSION_COOKIE_SECURE SESSION_COOKIE_PARTITIONED
    SESSION_COOKIE_SAMESITE SESSION_REFRESH_EACH_REQUEST SESSION_TYPE SESSION_PERMANENT SESSION_USE_SIGNER
    SESSION_KEY_PREFIX SESSION_ID_LENGTH SESSION_SERIALIZATION_FORMAT SESSION_CLEANUP_N_REQUESTS SESSION_FILE_DIR
    SESSION_FILE_MODE SESSION_FILE_THRESHOLD SESSION_REDIS SESSION_MEMCACHED SESSION_CACHELIB SESSION_MONGODB
    SESSION_MONGODB_DB SESSION_MONGODB_COLLECT SESSION_SQLALCHEMY SESSION_SQLALCHEMY_TABLE
    SESSION_SQLALCHEMY_SEQUENCE SESSION_SQLALCHEMY_SCHEMA SESSION_SQLALCHEMY_BIND_KEY SESSION_POSTGRESQL
    SESSION_POSTGRESQL_TABLE SESSION_POSTGRESQL_SCHEMA SESSION_DYNAMODB SESSION_DYNAMODB_TABLE
    SESSION_DYNAMODB_TABLE_EXISTS SESSION_MYSQL SESSION_SQLITE SESSION_ABSOLUTE_LIFETIME SESSION_DEWAR_CONNECTION
    """.split()  # noqa: SIM905
)

SESSION_TYPES = [
    "null",
    "cookie",
    "memory",
    "filesystem",
    "redis",
    "memcached",
    "mongodb",
    "sqlalchemy",
    "sqlite",
]
SESSION_TYPES += ["postgresql", "mysql", "dynamodb", "cachelib"]

#: What people write, and mean.
OTHER_NAMES = {
    "memcache": "memcached",
    "mongo": "mongodb",
    "postgres": "postgresql",
    "dynamo": "dynamodb",
    "sql": "sqlalchemy",
    "file": "filesystem",
    "mariadb": "mysql",
    "valkey": "redis",
}

NEW_KEY = "flask dewar key new"

#: A file beyond this size, in bytes, is no source that a person wrote.
LARGEST = 1_000_000

#: At most so many files of an application are read.
MOST_FILES = 500


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
        lines.append(f"   fix: {self.fix}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str]:
        """As the `dewar` command prints it with `--json`."""
        return {
            name: getattr(self, name)
            for name in ("code", "severity", "key", "origin", "what", "fix")
        }


def explain_null_session(app: Any) -> str:
    """Why the sessions of this application cannot be written, with file and line where the source tells."""
    findings = [finding for finding in source_findings(app) if finding.severity == "error"]
    if not findings:
        findings = [
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


def source_findings(app: Any) -> list[Finding]:
    """What the source of an application shows, errors first."""
    files = application_files(app)
    return findings_of(files, getattr(app, "config", {}))


def findings_of(files: Iterable[Path], config: Mapping[str, Any]) -> list[Finding]:
    """What these files show, given the configuration that came of them."""
    modules = [module for module in map(Module.read, files) if module is not None]
    program = Program(modules)
    found: set[Finding] = set()
    found.update(unreached_names(program, config))
    found.update(keys_of_main(program, config))
    found.update(hard_coded_keys(program))
    found.update(late_settings(program))
    found.update(forgotten_init_app(program))
    found.update(wrong_types(program))
    return sorted(found)


def application_files(app: Any) -> list[Path]:
    """The Python files of an application: its module, what it has imported from its own folder, and its settings.

    Files that nothing imported are of another program, but for those that are named like settings.
    """
    module = sys.modules.get(getattr(app, "import_name", "") or "")
    start = getattr(module, "__file__", None)
    root = getattr(app, "root_path", None)
    if start:
        folder = Path(start).resolve().parent
    elif root:
        folder = Path(root)
    else:
        return []
    # A package's own folder is not all of it where the application is in a subpackage.
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    files = [Path(start).resolve()] if start else []
    loaded = (getattr(one, "__file__", None) for one in list(sys.modules.values()))
    beside = [folder / name for name in SETTINGS]
    for path in sorted({Path(one).resolve() for one in loaded if one} | set(beside)):
        inside = path.is_relative_to(folder) and not SKIPPED.intersection(
            path.relative_to(folder).parts
        )
        if path.is_relative_to(OWN):
            continue
        if inside and path.suffix == ".py" and path not in files and path.exists():
            files.append(path)
    return files[:MOST_FILES]


#: This package, where it lies within an application's folder.
OWN = Path(__file__).resolve().parent

SETTINGS = ("config.py", "settings.py", "default_settings.py")

#: Folders whose files are not the application's own.
SKIPPED = {"node_modules", "site-packages", "dist-packages", ".venv", "venv"}


@dataclass(frozen=True)
class Setting:
    """A value given to a configuration key."""

    key: str
    value: ast.expr | None
    line: int
    #: `app` of `app.config[…]`.
    app: str
    in_main: bool


@dataclass(frozen=True)
class Name:
    """A module-level name that looks like a configuration key."""

    key: str
    value: ast.expr
    line: int
    in_main: bool


@dataclass
class Module:
    """What one file says about sessions."""

    path: Path
    names: list[Name] = field(default_factory=list)
    class_names: list[Name] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    #: (name of the variable, line) of each `x = Session()`.
    unbound: list[tuple[str, int]] = field(default_factory=list)
    #: (line, function it is in, name of the app) of each `Session(app)` and `session.init_app(app)`.
    bound: list[tuple[int, int, str]] = field(default_factory=list)
    #: Names on which `init_app` is called.
    initialized: set[str] = field(default_factory=set)
    #: Line and function of each setting, to compare with `bound`.
    scopes: dict[int, int] = field(default_factory=dict)
    #: The arguments of `from_object`, `from_pyfile`, `from_prefixed_env` and their like.
    loads: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> Module | None:
        """The file's facts, or None where it is no Python that this version reads."""
        try:
            if path.stat().st_size > LARGEST:
                return None
            tree = ast.parse(path.read_bytes(), str(path))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        module = cls(path)
        Reader(module).read(tree.body)
        return module

    def given(self) -> list[tuple[str, ast.expr | None, int]]:
        """Key, value and line of all settings and of all names that look like one."""
        settings = [(one.key, one.value, one.line) for one in self.settings]
        names = [*self.names, *self.class_names]
        return settings + [(one.key, one.value, one.line) for one in names]

    def at(self, line: int) -> str:
        """A place as errors show it."""
        try:
            path = self.path.resolve().relative_to(Path.cwd())
        except ValueError:
            path = self.path
        return f"{path}:{line}"


@dataclass
class Program:
    """All files of an application."""

    modules: list[Module]

    @property
    def initialized(self) -> set[str]:
        """Names on which `init_app` is called, wherever that is."""
        return {name for module in self.modules for name in module.initialized}

    @property
    def loads(self) -> list[str]:
        """What is loaded into the configuration."""
        return [load for module in self.modules for load in module.loads]

    @property
    def keys(self) -> set[str]:
        """Keys that are set on a configuration outside of `__main__`."""
        return {one.key for module in self.modules for one in module.settings if not one.in_main}


class Reader:
    """Collects a module's facts, top-down, knowing in which function it is."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.sessions: set[str] = set()
        self.scope = 0

    def read(self, body: list[ast.stmt], in_main: bool = False, level: str = "module") -> None:
        for statement in body:
            self.statement(statement, in_main, level)

    def statement(self, node: ast.stmt, in_main: bool, level: str) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            outer, self.scope = self.scope, node.lineno
            self.read(node.body, in_main, "function")
            self.scope = outer
            return
        if isinstance(node, ast.ClassDef):
            self.read(node.body, in_main, "class")
            return
        if isinstance(node, ast.If):
            self.read(node.body, in_main or is_main(node.test), level)
            self.read(node.orelse, in_main, level)
            return
        if isinstance(node, ast.ImportFrom) and node.module in ("flask_session", "flask_dewar"):
            for alias in node.names:
                if alias.name == "Session":
                    self.sessions.add(alias.asname or alias.name)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.module.imports.update(alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            self.assignment(node, in_main, level)
        for block in ("body", "orelse", "finalbody"):
            self.read(getattr(node, block, []), in_main, level)
        for handler in getattr(node, "handlers", []):
            self.read(handler.body, in_main, level)
        for call in calls(node):
            self.call(call, in_main)

    def assignment(self, node: ast.Assign | ast.AnnAssign, in_main: bool, level: str) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is None:
            return
        for target in targets:
            if isinstance(target, ast.Name):
                if level in ("module", "class") and is_key(target.id):
                    names = self.module.names if level == "module" else self.module.class_names
                    names.append(Name(target.id, node.value, target.lineno, in_main))
                if self.is_session(node.value) and not node.value.args:  # type: ignore[attr-defined]
                    self.module.unbound.append((target.id, target.lineno))
            elif isinstance(target, ast.Subscript) and is_config(target.value):
                key = constant(target.slice)
                if isinstance(key, str):
                    self.setting(key, node.value, target.lineno, owner(target.value), in_main)
            elif isinstance(target, ast.Attribute) and target.attr == "secret_key":
                app = ast.unparse(target.value)
                self.setting("SECRET_KEY", node.value, target.lineno, app, in_main)

    def call(self, call: ast.Call, in_main: bool) -> None:
        if self.is_session(call) and call.args:
            self.bound(call, call.args[0])
        function = call.func
        if not isinstance(function, ast.Attribute):
            return
        if function.attr == "init_app":
            name = ast.unparse(function.value)
            self.module.initialized.add(name.rpartition(".")[2])
            if call.args and self.is_session_name(function.value):
                self.bound(call, call.args[0])
        elif is_config(function.value):
            if function.attr in ("update", "from_mapping"):
                self.mapping(call, owner(function.value), in_main)
            elif function.attr.startswith("from_"):
                argument = call.args[0] if call.args else None
                self.module.loads.append("" if argument is None else ast.unparse(argument))
            elif function.attr == "setdefault" and call.args:
                key = constant(call.args[0])
                if isinstance(key, str):
                    value = call.args[1] if len(call.args) > 1 else None
                    self.setting(key, value, call.lineno, owner(function.value), in_main)

    def mapping(self, call: ast.Call, app: str, in_main: bool) -> None:
        for keyword in call.keywords:
            if keyword.arg:
                self.setting(keyword.arg, keyword.value, keyword.value.lineno, app, in_main)
        for argument in call.args:
            if isinstance(argument, ast.Dict):
                for key, value in zip(argument.keys, argument.values, strict=True):
                    name = constant(key)
                    if isinstance(name, str):
                        self.setting(name, value, value.lineno, app, in_main)
            else:
                self.module.loads.append(ast.unparse(argument))

    def setting(self, key: str, value: ast.expr | None, line: int, app: str, in_main: bool) -> None:
        self.module.settings.append(Setting(key, value, line, app, in_main))
        self.module.scopes[line] = self.scope

    def bound(self, call: ast.Call, app: ast.expr) -> None:
        self.module.bound.append((call.lineno, self.scope, ast.unparse(app)))

    def is_session(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Name):
            return node.func.id in self.sessions
        return ast.unparse(node.func) in ("flask_session.Session", "flask_dewar.Session")

    def is_session_name(self, node: ast.expr) -> bool:
        name = ast.unparse(node)
        return name in {one for one, _ in self.module.unbound} or "sess" in name.lower()


def calls(node: ast.stmt) -> Iterator[ast.Call]:
    """The calls in a statement, but not in the statements within it."""
    waiting: list[ast.AST] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Call):
            yield one
        waiting.extend(
            child
            for child in ast.iter_child_nodes(one)
            if not isinstance(child, (ast.stmt, ast.ExceptHandler))
        )


def is_key(name: str) -> bool:
    """Whether a name is that of a configuration key about sessions."""
    return name in KEYS


def is_main(test: ast.expr) -> bool:
    """Whether this is the test `__name__ == "__main__"`."""
    return (
        isinstance(test, ast.Compare)
        and "__name__" in ast.unparse(test)
        and "__main__" in ast.unparse(test)
    )


def is_config(node: ast.expr) -> bool:
    """Whether this is `….config`."""
    return isinstance(node, ast.Attribute) and node.attr == "config"


def owner(config: ast.expr) -> str:
    """The `app` of `app.config`."""
    return ast.unparse(config.value) if isinstance(config, ast.Attribute) else ""


def constant(node: ast.AST | None) -> Any:
    """The value of a literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


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
                    f"{one.key} is set only under if __name__ == '__main__', which neither gunicorn nor flask run runs",
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
        given = module.given()
        for key, value, line in given:
            name = constant(value)
            if key != "SESSION_TYPE" or not isinstance(name, str) or name.lower() in SESSION_TYPES:
                continue
            meant = nearest_type(name)
            yield Finding(
                "error",
                "DW0103",
                key,
                module.at(line),
                f"there is no session type {name!r}",
                f"write {meant!r}" if meant else f"write one of: {', '.join(SESSION_TYPES)}",
            )


def nearest_type(name: str) -> str | None:
    """The session type that was probably meant."""
    lower = name.strip().lower()
    if lower in OTHER_NAMES:
        return OTHER_NAMES[lower]
    return next(iter(difflib.get_close_matches(lower, SESSION_TYPES, 1, 0.75)), None)


def calling_place() -> str:
    """File and line of the application that called into this package."""
    package = os.path.dirname(__file__)
    frame = inspect.currentframe()
    while frame is not None:
        if not frame.f_code.co_filename.startswith(package):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
