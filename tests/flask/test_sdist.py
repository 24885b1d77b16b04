"""The source distribution: what it holds, and what it says about itself. In CI the wheel is built from it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from packaging.metadata import Metadata

#: One of several processes that run the tests makes it.
pytestmark = pytest.mark.xdist_group("sdist")

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crates" / "flask-dewar"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "maturin", "sdist", "--out", str(folder)]
    subprocess.run([*command, "-m", str(PACKAGE / "Cargo.toml")], check=True, capture_output=True)
    (path,) = folder.iterdir()
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            # Every installer unpacks files; not every one a link.
            assert member.isfile() or member.isdir(), member.name
            inside = archive.extractfile(member)
            if inside is not None:
                found[member.name.partition("/")[2]] = inside.read()
    return found


def test_it_holds_all_that_a_build_needs_and_nothing_else(files: dict[str, bytes]) -> None:
    needed = ["Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md"]
    needed += ["python/flask_dewar/_native.pyi", "python/flask_dewar/py.typed"]
    python = PACKAGE / "python"
    needed += [f"python/{path.relative_to(python)}" for path in python.rglob("*.py")]
    for crate in ("dewar", "dewar-stores", "flask-dewar"):
        source = ROOT / "crates" / crate
        needed += [
            f"crates/{crate}/{path.relative_to(source)}" for path in (source / "src").rglob("*.rs")
        ]
    assert not set(needed) - set(files)
    strangers = [
        name for name in files if name.endswith((".so", ".pyc", ".log")) or "target/" in name
    ]
    assert not strangers


def test_its_metadata_is_valid_and_says_what_the_project_says(files: dict[str, bytes]) -> None:
    metadata = Metadata.from_email(files["PKG-INFO"], validate=True)
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    assert metadata.name == project["name"]
    assert metadata.license_expression == project["license"]
    assert metadata.license_files == project["license-files"]
    assert str(metadata.description).strip() == (PACKAGE / "README.md").read_text().strip()
    assert metadata.provides_extra == sorted(project["optional-dependencies"])
    assert str(metadata.requires_python) == project["requires-python"]
