"""What the tests of the doctor share."""

import sys
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "crates" / "flask-dewar" / "python"
try:
    import flask_dewar.diagnosis  # noqa: F401
except ImportError:
    sys.path.insert(0, str(SOURCE))
