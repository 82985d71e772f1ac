"""Identifiers use the terms of the field. One that consists only of `kept`, `told`, `place` or the
like does not say what it names, and a search for it finds everything."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
GLOSSARY: Final = "docs/reading.md"
FOLDERS: Final = ("engine", "osc_schema", "touchdesigner", "tests", "docs")
GENERATED: Final = ROOT / "touchdesigner" / "build_component.py"
OLD_TERMS: Final = frozenset(
    """
    anew asked desk desks drawn fate fates film films flood floods given gone ground grounds heard
    held kept made meant mend mended mends owe owed owes place placed places rival rivals said sham
    share shared_out shares shelf shelves shown sieve sieves stage stages standin taken tell telling
    tells told wanted word words
    """.split()
)
VAGUE_TERMS: Final = frozenset(("found", "known", "left", "seen"))
"""Not of local variables, nor of tests."""
FILLERS: Final = frozenset(
    """
    a after all an and any are as at be before by each ever far first for from here how i in is it
    its itself just k last more most n never new next no not now of old on once one only or other
    others own self so still that the there this to two what when where which who with x y z
    """.split()
)
"""Words that add no meaning to a term: `is_told`, `last_asked` and `words_of` count as well."""
STATUS, REPORT, SCENE = "a key of /status.json", "a key of --json", "a key of a data set's files"
EXCEPTIONS: Final[dict[tuple[str, str], str]] = {
    ("engine/audio/feed.py", "word"): STATUS,
    ("engine/audio/input.py", "place"): STATUS,
    ("engine/control/commands/shader_slots.py", "shown"): STATUS,
    ("engine/control/commands/show.py", "told"): STATUS,
    ("engine/control/midi/ports.py", "wanted"): STATUS,
    ("engine/render/master.py", "held_share"): STATUS,
    ("engine/dataset/layout/ground_cover.py", "ground"): SCENE,
    ("engine/dataset/layout/options.py", "ground"): SCENE,
    ("engine/dataset/scene/description.py", "ground"): SCENE,
    ("engine/dataset/scene/description.py", "share"): SCENE,
    ("engine/dataset/running/report.py", "kept"): REPORT,
    ("engine/dataset/running/report.py", "made"): REPORT,
    ("engine/jobs/convert/report.py", "stages"): REPORT,
    ("engine/jobs/segment/report.py", "stages"): REPORT,
    ("engine/jobs/video/report.py", "kept"): REPORT,
    ("engine/jobs/video/report.py", "stages"): REPORT,
    ("engine/models/rvc/offline.py", "share"): REPORT,
    ("engine/models/rvc/offline.py", "stage"): REPORT,
    ("engine/sources/senders.py", "word"): REPORT,
    ("engine/sinks/movie_file.py", "tell"): "a method of files, which PyAV calls",
}
"""(file, identifier) -> why it stays: an address, an option, a key of a file, an override of
foreign code."""
MAX_EXCEPTIONS: Final = 20

TERM: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*")
STRING_OR_COMMENT: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|#[^\n]*', re.DOTALL
)


@cache
def is_old(identifier: str, is_strict: bool) -> bool:
    """True if it consists of old terms and fillers only. `is_strict`: of vague terms, too."""
    terms = [term for part in TERM.findall(identifier) if (term := part.lower()) not in FILLERS]
    return bool(terms) and all(
        term in OLD_TERMS or (is_strict and term in VAGUE_TERMS) for term in terms
    )


def definitions(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """(identifier, line, True for a local variable) of everything that a file defines or sets."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        parent, is_function = pending.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name, node.lineno, False
                pending.append((node, not isinstance(node, ast.ClassDef)))
                continue
            if isinstance(node, ast.arg):
                yield node.arg, node.lineno, False
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, node.lineno, is_function
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr, node.lineno, False
            pending.append((node, is_function))


def source_files(*folders: str) -> list[Path]:
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != GENERATED
    ]


def old_identifiers() -> dict[tuple[str, str], int]:
    """(file, identifier) -> its first line. A file without such an identifier outside of strings is
    not parsed."""
    lines: dict[tuple[str, str], int] = {}
    for path in source_files(*FOLDERS):
        file = path.relative_to(ROOT).as_posix()
        is_strict = not file.startswith("tests/")
        text = path.read_text(encoding="utf-8")
        code = STRING_OR_COMMENT.sub("", text)
        if not any(is_old(each, is_strict) for each in set(IDENTIFIER.findall(code))):
            continue
        for identifier, line, is_local in definitions(ast.parse(text)):
            if is_old(identifier, is_strict and not is_local):
                lines[file, identifier] = min(line, lines.get((file, identifier), line))
    return lines


def test_identifiers_are_terms_of_the_field() -> None:
    lines = old_identifiers()
    new = [
        f"{file}:{line} {name}"
        for (file, name), line in lines.items()
        if (file, name) not in EXCEPTIONS
    ]
    assert not new, "\n".join([*new, f"{len(new)} identifiers: see the glossary in {GLOSSARY}"])
    assert not EXCEPTIONS.keys() - lines, "these exceptions are not needed any more"
    assert len(EXCEPTIONS) <= MAX_EXCEPTIONS
    assert (ROOT / GLOSSARY).is_file()


def test_public_class_names_are_unique() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in source_files("engine", "osc_schema", "touchdesigner"):
        for name in re.findall(
            r"^class ([A-Z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            homes[name].append(path.relative_to(ROOT).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
