"""Every code that the package says is explained in the documentation, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "crates/flask-dewar/python/flask_dewar"


def test_every_code_of_the_package_has_its_row() -> None:
    said = {
        code for path in PACKAGE.rglob("*.py") for code in re.findall(r"DW09\d\d", path.read_text())
    }
    page = (ROOT / "docs/flask-diagnostics.md").read_text()
    explained = re.findall(r"^\| (DW09\d\d) \|", page, re.MULTILINE)
    assert len(said) >= 10
    assert sorted(said) == explained
