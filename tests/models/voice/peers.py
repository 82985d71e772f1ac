"""Code nobody here wrote, which ours is compared with: synthesiser and RMVPE of the package infer-rvc-python."""

import importlib
import sys
import types
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / ".ci" / "peers"
MISSING = "infer-rvc-python: python -m pip install --no-deps --target .ci/peers infer-rvc-python==1.3.1"


def synthesizers() -> Any | None:
    """The module with its synthesisers; None where the package is not there."""
    return _module("lib.infer_pack.models")


def rmvpe() -> Any | None:
    """The module with RMVPE, which asks for librosa's mel filters."""
    return _module("lib.rmvpe")


def _module(name: str) -> Any | None:
    """The package's own `__init__` asks for libraries that these do without: an empty one stands in for it."""
    package = FOLDER / "infer_rvc_python"
    if not package.is_dir():
        return None
    if "infer_rvc_python" not in sys.modules:
        empty = types.ModuleType("infer_rvc_python")
        empty.__path__ = [str(package)]
        sys.modules["infer_rvc_python"] = empty
    return importlib.import_module(f"infer_rvc_python.{name}")
