"""Reads the tables that this package keeps beside its modules, in TOML."""

import tomllib
from pathlib import Path
from typing import Any


def tables_beside(module_file: str, name: str = "") -> dict[str, Any]:
    """The content of the TOML file beside a module, which has its name, or another `name` without
    suffix. `module_file`: the `__file__` of the module."""
    module = Path(module_file)
    file = module.with_name(f"{name or module.stem}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))
