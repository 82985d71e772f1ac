"""The law of size: what a reader carries has a limit, and no line is folded to fit it
(docs/contributing.md, Size)."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.architecture.size import (
    MAX_LINES_A_FILE,
    MAX_NODES_A_LINE,
    MIN_LINES,
    Size,
    room,
    sizes,
)
from tests.architecture.source_tree import ENGINE, ROOT, matches, nodes_of, own_files

DENSE_FILES = Path(__file__).with_name("dense.txt")
"""Files of the engine that are not yet unfolded. One that has become airy leaves the list."""
GENERATED = ROOT / "touchdesigner" / "build_component.py"
LONG_FILES = {"engine/control/commands/shader.py": "is being split"}
"""Files that are longer still, and why: each leaves the list when it is given parts."""
ONE_THING = [
    set(names.split())
    for names in (
        "width height",
        "x y z",
        "start end",
        "first last",
        "low high",
        "front back",
        "left top right bottom",
        "nodeX nodeY",
        "pts dts",
        "pts time_base",
        "picture before",
        "min max normMin normMax clampMin clampMax",
        "menuNames menuLabels",
    )
]
"""Names of attributes that are one thing together: a size, a range, a time, roles that swap."""


@cache
def all_sizes() -> dict[str, list[Size]]:
    return sizes()


def test_no_part_outgrows_its_nodes() -> None:
    left = {part: room(part, files) for part, files in all_sizes().items()}
    assert all(count >= 0 for count in left.values()), (
        f"room in nodes: {left}; take so many away, or open an issue: docs/contributing.md, Size"
    )


def test_a_file_is_read_in_one_sitting() -> None:
    files = [*own_files(), *(ROOT / "tests").rglob("*.py")]
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in files
        if path != GENERATED
    }
    long_files = {name for name, count in lines.items() if count > MAX_LINES_A_FILE}
    assert long_files - LONG_FILES.keys() == set(), (
        f"at most {MAX_LINES_A_FILE} lines: give a part a file of its own"
    )
    assert LONG_FILES.keys() - long_files == set(), "short now: take them off LONG_FILES"


def listed_as_dense() -> set[str]:
    """The files of dense.txt, from the engine's folder."""
    return {line for line in DENSE_FILES.read_text(encoding="utf-8").splitlines() if line}


def test_code_has_air() -> None:
    listed = listed_as_dense()
    files = all_sizes()["engine"] + all_sizes()["dataset"]
    dense = {
        each.path.relative_to(ENGINE).as_posix()
        for each in files
        if each.lines >= MIN_LINES and each.nodes_a_line > MAX_NODES_A_LINE
    }
    assert dense - listed == set(), (
        f"more than {MAX_NODES_A_LINE:g} nodes a line: write one thing a line, and name what is "
        "computed on the way"
    )
    assert listed - dense == set(), "airy now: take them off tests/architecture/dense.txt"


def test_the_files_that_are_read_first_have_air() -> None:
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    read_first = set(re.findall(r"^\| \d+ \| \[`engine/(.+?)`\]", page, re.MULTILINE))
    assert len(read_first) > 15
    assert read_first & listed_as_dense() == set(), "unfold them: docs/reading.md begins with them"


def test_an_assignment_sets_one_attribute_unless_several_are_one_thing() -> None:
    def sets_several(node: Any) -> bool:
        if not isinstance(node, ast.Assign):
            return False
        targets = [
            each
            for target in node.targets
            for each in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        names = {each.attr.lstrip("_") for each in targets if isinstance(each, ast.Attribute)}
        return len(names) > 1 and not any(names <= together for together in ONE_THING)

    files = [path for path in own_files() if path != GENERATED]
    assert matches(files, sets_several) == []


def test_a_condition_of_several_parts_does_not_begin_with_an_assignment() -> None:
    def begins_with_one(node: Any) -> bool:
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.BoolOp)):
            return False
        first = ast.unparse(node.test.values[0])
        return bool(re.match(r"(not )?\(\w+ := ", first))

    assert matches([path for path in own_files() if path != GENERATED], begins_with_one) == []


def test_a_statement_assigns_at_most_once_within_its_expressions() -> None:
    def assigns_twice(node: Any) -> bool:
        return isinstance(node, ast.stmt) and assignments_within(node) > 1

    files = [path for path in own_files() if path != GENERATED and has_assignment_within(path)]
    assert matches(files, assigns_twice) == [], "give each value a line of its own"


def has_assignment_within(path: Path) -> bool:
    return any(isinstance(node, ast.NamedExpr) for node in nodes_of(path))


def assignments_within(statement: ast.stmt) -> int:
    """How often `:=` stands in a statement, without the statements inside it."""
    count = 0
    left: list[ast.AST] = [statement]
    while left:
        inner = [
            each for each in ast.iter_child_nodes(left.pop()) if not isinstance(each, ast.stmt)
        ]
        count += sum(isinstance(each, ast.NamedExpr) for each in inner)
        left += inner
    return count
