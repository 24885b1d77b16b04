"""What an application's source says about sessions. The source is read, never run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._native import keys

#: Configuration keys that decide whether sessions work.
KEYS = frozenset(key for key in keys() if key.startswith(("SECRET_KEY", "SESSION_", "PERMANENT_")))

#: A file beyond this size, in bytes, is no source that a person wrote.
LARGEST = 1_000_000

#: At most so many files of an application are read.
MOST_FILES = 500


def application_files(app: Any) -> list[Path]:
    """The Python files of an application: its module, what it has imported from its own folder, and its settings.

    Files that nothing imported are of another program, but for those that are named like settings; and so are tests.
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
    beside = [folder / name for name in SETTINGS]
    for path in sorted({Path(path).resolve() for _, path in loaded_files()} | set(beside)):
        inside = path.is_relative_to(folder) and not SKIPPED.intersection(
            path.relative_to(folder).parts
        )
        if path.is_relative_to(OWN) or path.name.startswith(("test_", "conftest.")):
            continue
        if inside and path.suffix == ".py" and path not in files and path.exists():
            files.append(path)
    return files[:MOST_FILES]


def loaded_files() -> list[tuple[str, str]]:
    """Name and file of each module that this process has imported."""
    modules = [(name, getattr(one, "__file__", None)) for name, one in list(sys.modules.items())]
    return [(name, path) for name, path in modules if path]


#: This package, where it lies within an application's folder.
OWN = Path(__file__).resolve().parent

SETTINGS = ("config.py", "settings.py", "default_settings.py")

#: Folders whose files are not the application's own.
SKIPPED = {"node_modules", "site-packages", "dist-packages", ".venv", "venv", "test", "tests"}


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
    """A name of a module, or of a class in it, that looks like a configuration key."""

    key: str
    value: ast.expr
    line: int
    in_main: bool
    #: The class, where it is the name of one.
    of: str = ""


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
    #: The first argument of each `Flask(…)`.
    applications: list[ast.expr] = field(default_factory=list)

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

    def is_of_another_application(self, names: set[str], own: str) -> bool:
        """Whether the module, imported by these names, makes applications, and none with `own` as its import name."""
        made: set[Any] = set()
        for one in self.applications:
            made |= names if ast.unparse(one) == "__name__" else {constant(one)}
        # A name that is computed may be any.
        return bool(made) and own not in made and None not in made

    def forget(self, apps: set[str]) -> None:
        """Drops what is said about these applications of the file."""
        self.settings = [one for one in self.settings if one.app not in apps]
        self.bound = [one for one in self.bound if one[2] not in apps]

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
        self.class_name = ""

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
            outer_class, self.class_name = self.class_name, node.name
            self.read(node.body, in_main, "class")
            self.class_name = outer_class
            return
        if isinstance(node, ast.ImportFrom) and node.module in ("flask_session", "flask_dewar"):
            for alias in node.names:
                if alias.name == "Session":
                    self.sessions.add(alias.asname or alias.name)
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            self.assignment(node, in_main, level)
        within = in_main or (isinstance(node, ast.If) and is_main(node.test))
        self.read(getattr(node, "body", []), within, level)
        for block in ("orelse", "finalbody"):
            self.read(getattr(node, block, []), in_main, level)
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            self.read(part.body, in_main, level)
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
                    of = self.class_name if level == "class" else ""
                    names.append(Name(target.id, node.value, target.lineno, in_main, of))
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
        if ast.unparse(call.func).rpartition(".")[2] in ("Flask", "Quart") and call.args:
            self.module.applications.append(call.args[0])
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
        and isinstance(test.ops[0], ast.Eq)
        and "__name__" in ast.unparse(test)
        and "__main__" in ast.unparse(test)
    )


def is_config(node: ast.expr) -> bool:
    """Whether this is `….config`."""
    return isinstance(node, ast.Attribute) and node.attr == "config"


def owner(config: ast.expr) -> str:
    """The `app` of `app.config`."""
    return ast.unparse(config.value) if isinstance(config, ast.Attribute) else ""


#: What gives something else each time it is called.
CHANCE = {"urandom", "token_bytes", "token_hex", "token_urlsafe", "uuid1", "uuid4"}

#: What gives the same in another form.
FORMS = {"b64encode", "bytes", "hexlify", "repr", "str", "urlsafe_b64encode"}


def is_random(node: ast.AST | None) -> bool:
    """Whether an expression is something else each time: `os.urandom(24)`, `uuid.uuid4().hex`, `str(uuid.uuid4())`.

    One that is random only where something else is missing, such as a variable of the environment, is not.
    """
    if isinstance(node, ast.Attribute):
        return is_random(node.value)
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func).rpartition(".")[2]
    if name in CHANCE:
        return True
    if name in FORMS:
        return any(is_random(argument) for argument in node.args)
    return isinstance(node.func, ast.Attribute) and is_random(node.func.value)


def constant(node: ast.AST | None) -> Any:
    """The value of a literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None
