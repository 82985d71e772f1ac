"""The size and the density of the code: `python -m tests.architecture.size` prints them.

A node is one of the syntax tree, without the contexts Load, Store and Del. A line of code holds a
token, and is no comment and no docstring. Few nodes are little code; few nodes a line are code with
air.
"""

import ast
import io
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.architecture.source_tree import ENGINE, ROOT, nodes_of, tree_of

# A change that takes away lowers nothing here: what it leaves is room for others. An issue with an
# allowance raises one.
MAX_NODES = {"engine": 547_929, "dataset": 121_923, "tests": 670_000}
"""Nodes of each part; `engine` is without `dataset`."""
HEADROOM = 0.02
MAX_LINES_A_FILE = 600
MAX_NODES_A_LINE = 6.0
MIN_LINES = 40  # of code: the density of a shorter file says little
_CONTEXTS = ast.Load, ast.Store, ast.Del
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
_WITH_DOCSTRING = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a file."""

    path: Path
    nodes: int

    @property
    def lines(self) -> int:
        """Lines of code. Counted on demand: to read the tokens takes longer than the rest."""
        return lines_of(self.path)

    @property
    def nodes_a_line(self) -> float:
        return self.nodes / max(self.lines, 1)


def size_of(path: Path) -> Size:
    nodes = sum(not isinstance(node, _CONTEXTS) for node in nodes_of(path))
    return Size(path=path, nodes=nodes)


@cache
def lines_of(path: Path) -> int:
    """Lines of code in the file."""
    lines: set[int] = set()
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _SILENT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstring_lines(path))


def _docstring_lines(path: Path) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, _WITH_DOCSTRING) or not node.body:
            continue
        match node.body[0]:
            case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                found |= set(range(first, last + 1))
    return found


def sizes() -> dict[str, list[Size]]:
    """The sizes of all files by part, as in MAX_NODES."""
    engine = [size_of(path) for path in sorted(ENGINE.rglob("*.py"))]
    dataset = [each for each in engine if ENGINE / "dataset" in each.path.parents]
    return {
        "engine": [each for each in engine if each not in dataset],
        "dataset": dataset,
        "tests": [size_of(path) for path in sorted((ROOT / "tests").rglob("*.py"))],
    }


def room(part: str, files: Iterable[Size]) -> int:
    """Nodes that may still be added to a part."""
    return round(MAX_NODES[part] * (1 + HEADROOM)) - sum(each.nodes for each in files)


def main() -> None:
    for part, files in sizes().items():
        nodes = sum(each.nodes for each in files)
        lines = sum(each.lines for each in files)
        print(
            f"{part}: {nodes} nodes, room for {room(part, files)}; {lines} lines of code, "
            f"{nodes / lines:.2f} nodes a line"
        )
        long_files = [each for each in files if each.lines >= MIN_LINES]
        for each in sorted(long_files, key=lambda size: -size.nodes_a_line)[:5]:
            print(f"  {each.nodes_a_line:4.1f} {each.path.relative_to(ROOT).as_posix()}")


if __name__ == "__main__":
    main()
