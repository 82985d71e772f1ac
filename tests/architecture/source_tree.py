"""The files of the project, their syntax trees and imports, for the tests of the structure."""

import ast
import gc
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "engine"
NESTED = {"cli", "control", "jobs", "live", "models", "params", "web"}
"""Folders whose subfolders are parts of their own."""


def part_of(module: str) -> str | None:
    """`engine.audio.pitch` -> `audio`, `engine.live.sd.link` -> `live/sd`; None for other
    packages."""
    pieces = module.split(".")
    if pieces[0] == "osc_schema":
        return "osc_schema"
    if pieces[0] != "engine" or len(pieces) < 2:
        return None
    if pieces[1] in NESTED and ENGINE.joinpath(*pieces[1:3]).is_dir():
        return "/".join(pieces[1:3])
    return pieces[1]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """All nodes of the file's tree, cached because several tests need them."""
    nodes = list(ast.walk(tree_of(path)))
    # they stay, and looking for garbage among a million of them takes longer than reading them
    gc.freeze()
    return nodes


def imports_of(path: Path) -> list[tuple[str, int]]:
    """(module, line) of every import in the file, inside functions too."""
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports out in full"
            folder = ROOT.joinpath(*str(node.module).split("."))
            modules = (
                {file.removesuffix(".py") for file in os.listdir(folder)}
                if folder.is_dir()
                else set()
            )
            for name in [alias.name for alias in node.names]:
                is_module = name in modules  # not by Path: on Windows `Span` is found as `span`
                found.append(
                    (f"{node.module}.{name}" if is_module else str(node.module), node.lineno)
                )
    return found


def engine_files() -> list[Path]:
    return [path for path in ENGINE.rglob("*.py") if path != ENGINE / "__init__.py"]


def own_files() -> list[Path]:
    return [
        path
        for folder in ("engine", "osc_schema", "touchdesigner")
        for path in (ROOT / folder).rglob("*.py")
    ]


def matches(files: Iterable[Path], is_match: Callable[[Any], bool]) -> list[str]:
    """`file:line` of each node of these files that `is_match` selects."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files
        for node in nodes_of(path)
        if is_match(node)
    ]
