"""The rules that all code keeps, checked in its syntax trees."""

import ast
import re
from pathlib import Path
from typing import Any

from tests.architecture.source_tree import (
    ENGINE,
    ROOT,
    engine_files,
    matches,
    nodes_of,
    own_files,
    tree_of,
)

MAX_BLIND_EXCEPTS = 10  # one of them around TouchDesigner's callbacks
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
BOUNDED = set("torch diffusers transformers numba moderngl sounddevice psutil aiohttp".split())
DOCUMENTED = r"""
    torch\.(nn(\.functional|\.attention|\.modules\.module|\.utils)?|overrides)\.\w+
    |torch\.utils\.flop_counter\.\w+
    |numba\.extending\.\w+|diffusers\.models\.attention_processor\.(IPAdapter)?AttnProcessor2_0"""


def test_json_is_printed_as_ascii() -> None:
    """Standard output may have any encoding, and a file's name any bytes: other JSON could not be
    read back."""

    def is_other(node: Any) -> bool:
        return isinstance(node, ast.Call) and any(
            keyword.arg == "ensure_ascii" for keyword in node.keywords
        )

    assert matches((ENGINE / "cli").rglob("*.py"), is_other) == []


def test_docstrings_begin_with_what_an_engineer_would_say() -> None:
    """With an imperative or a noun phrase; nobody searches for "Whether ..."."""

    def begins_otherwise(node: Any) -> bool:  # of modules, classes, functions and attributes
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        return is_text and bool(re.match(r"\s*(What|Whether|Of|Whoever)\b", str(node.value.value)))

    assert matches(own_files(), begins_otherwise) == []


def test_the_constants_of_a_file_are_before_its_first_function_or_class() -> None:
    """Else a reader searches a file for its figures, and two files may have been joined without a
    seam. A constant that is made of what stands above it, such as a table of functions, may follow
    that; so may what ends the file."""
    found = {
        str(path.relative_to(ROOT).with_suffix("")).removeprefix("engine/")
        for path in own_files()
        if late(path)
    }
    assert found == set()


def late(path: Path) -> bool:
    """True if a constant or a second docstring stands between the functions and classes of a
    file."""
    body = tree_of(path).body
    kinds = [
        isinstance(each, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) for each in body
    ]
    if not any(kinds):
        return False
    first, last = kinds.index(True), len(kinds) - 1 - kinds[::-1].index(True)
    above: set[str] = set()
    for before, each in zip(body[first : last + 1], body[first + 1 : last + 1], strict=False):
        above |= {getattr(before, "name", "")}
        used = [node.id for node in ast.walk(each) if isinstance(node, ast.Name)]
        if isinstance(each, ast.Assign | ast.AnnAssign) and above.intersection(used):
            above |= {
                node.id
                for node in ast.walk(each)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            if any(re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name) for name in used):
                return True
        elif isinstance(each, ast.Expr) and not isinstance(before, ast.Assign | ast.AnnAssign):
            return True
    return False


def test_limits_begin_with_max_and_min() -> None:
    def is_other(node: Any) -> bool:
        is_set = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        return is_set and bool(re.match(r"_?(MOST|LONGEST|LARGEST|LEAST|FEWEST)_", node.id))

    assert matches(own_files(), is_other) == []


def test_errors_of_every_kind_are_caught_in_few_places() -> None:
    """At the top of a thread or process, and around code that may fail in any way; never without a
    report."""

    def is_blind(node: Any) -> bool:
        is_any = isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name)
        return (
            is_any
            and node.type.id in ("Exception", "BaseException")
            and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
        )

    blind = matches(own_files(), is_blind)
    assert len(blind) <= MAX_BLIND_EXCEPTS, blind


def declared_callable() -> set[str]:
    """Names of attributes and parameters that are called wherever they are declared, without a
    leading `_`."""
    annotations: dict[str, list[ast.AST]] = {}
    called = {"Callable"}
    for path in own_files():
        for node in nodes_of(path):
            match node:
                case (
                    ast.AnnAssign(
                        target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=annotation
                    )
                    | ast.arg(arg=name, annotation=ast.AST() as annotation)
                ):
                    annotations.setdefault(name.lstrip("_"), []).append(annotation)
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Name(id="Callable"))
                ):
                    called.add(name)
                case ast.ClassDef(name=name, body=body):
                    called |= {
                        name
                        for each in body
                        if isinstance(each, FUNCTION) and each.name == "__call__"
                    }

    def is_called(annotation: ast.AST) -> bool:
        """`Callable[...]`, its alias or such a protocol, or None; but no list of them."""
        match annotation:
            case ast.BinOp(op=ast.BitOr()):
                return is_called(annotation.left) or is_called(annotation.right)
            case ast.Subscript(value=ast.Name(id=name)) | ast.Name(id=name):
                return name in called
        return False

    return {name for name, found in annotations.items() if all(map(is_called, found))}


def test_nobody_sets_a_callable_of_another_object() -> None:
    """Callbacks are given when an object is made, so that it is complete from then on; watchers may
    be added to it."""
    of_libraries = {
        *(
            "input_added",
            "output_added",
            "input_removed",
            "output_removed",
        ),  # libremidi takes them only so
        "showwarning",  # of `warnings`
        *("scale_model_input", "add_noise"),  # those that a scheduler of diffusers lacks
    }
    names, wrong = declared_callable(), []
    assert {"fault_of", "rename_waiting"} <= names, "of a class, and of an __init__"
    for path in engine_files():
        defs = [node for node in nodes_of(path) if isinstance(node, FUNCTION)]
        functions = {
            node.name
            for node in defs
            if not any("property" in ast.unparse(d) for d in node.decorator_list)
        }

        def is_function(value: ast.AST | None, own: set[str] = functions) -> bool:
            match value:
                case ast.Lambda() | ast.Call(func=ast.Name(id="partial")):
                    return True
                case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name):
                    return name in own
            return False

        for node in nodes_of(path):
            match node:
                case ast.Assign(targets=targets, value=value):
                    pairs = [pair for target in targets for pair in together(target, value)]
                case ast.withitem(optional_vars=ast.AST() as target):
                    pairs = together(target, None)
                case ast.Call(
                    func=ast.Name(id="setattr"), args=[owner, ast.Constant(value=str(name)), value]
                ):
                    pairs = [(ast.Attribute(owner, name, lineno=node.lineno), value)]
                case _:
                    continue
            wrong += [
                f"{path.relative_to(ROOT)}:{target.lineno} {ast.unparse(target)}"
                for target, value in pairs
                if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") != "self"
                if target.attr not in of_libraries
                and (target.attr.lstrip("_") in names or is_function(value))
            ]
    assert wrong == []


def test_private_parts_of_libraries_are_used_in_compat_files_only() -> None:
    """There the reason stands beside each, and tests/test_compat.py names it."""
    own = [path for path in engine_files() if ENGINE / "dataset" not in path.parents]
    compat = [
        path for path in own if path.parent.name == "compat" or path.name.startswith("compat_")
    ]
    theirs = {
        name
        for path in compat
        for name in re.findall(r"\b_[a-z]\w+", path.read_text(encoding="utf-8"))
    }
    nodes = [(path, node) for path in own if path not in compat for node in nodes_of(path)]
    of_libraries = (
        "_exit _asdict _make _replace _current_frames _base_executable _fmt _Unpickler _name"
    )
    known = set(of_libraries.split()) | {
        getattr(node, key)  # Python's, and ours: defined, or set
        for _, node in nodes
        for key in ("name", "attr", "id")
        if hasattr(node, key) and isinstance(getattr(node, "ctx", ast.Store()), ast.Store)
    }
    wrong = []
    for path, node in nodes:
        found: list[str] = []
        match node:
            case ast.Attribute(value=value, attr=name) if re.match("_[a-zA-Z]", name):
                is_own = ast.unparse(value) in ("self", "cls", "super()") or (
                    name in known and name not in theirs
                )
                found = [] if is_own else [ast.unparse(node)]
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr" | "setattr"),
                args=[_, ast.Constant(str(name)), *_],
            ):
                found = [name] if re.match("_[a-zA-Z]", name) and name not in known else []
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                found = [full for each in names if is_undocumented(full := module + each.name)]
        wrong += [f"{path.relative_to(ROOT)}:{node.lineno} {each}" for each in found]
    assert wrong == []


def is_undocumented(name: str) -> bool:
    """True for a private name of a library, and for one in a module that its documentation does not
    list."""
    library, *inner = name.split(".")
    is_hidden = (
        library in BOUNDED and len(inner) > 1 and not re.fullmatch(DOCUMENTED, name, re.VERBOSE)
    )
    return library not in ("engine", "osc_schema") and (
        is_hidden or any(each[0] == "_" for each in inner)
    )


def together(target: ast.AST, value: ast.AST | None) -> list[tuple[ast.AST, ast.AST | None]]:
    """Each target of an assignment with its value, None if that is not written there."""
    if not isinstance(target, ast.Tuple):
        return [(target, value)]
    values = value.elts if isinstance(value, ast.Tuple) else []
    is_written = len(values) == len(target.elts) and not any(
        isinstance(each, ast.Starred) for each in values
    )
    return list(zip(target.elts, values if is_written else [None] * len(target.elts), strict=True))


def test_every_python_process_is_started_without_the_current_folder_in_its_path() -> None:
    """In a folder that has an `engine` of its own it would import that one."""

    def may_import_another_engine(node: Any) -> bool:
        if not isinstance(node, (ast.List, ast.Tuple)):
            return False
        arguments = [ast.unparse(each) for each in node.elts]
        return (
            "sys.executable" in arguments[:-1]
            and arguments[arguments.index("sys.executable") + 1] != "'-P'"
        )

    assert not matches(own_files(), may_import_another_engine), (
        "use `command` of system/python_process.py, or -P"
    )


def test_a_public_class_name_is_in_one_module() -> None:
    found: dict[str, list[str]] = {}
    for path in (*ENGINE.rglob("*.py"), *(ROOT / "osc_schema").rglob("*.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_only_the_command_line_prints() -> None:
    silent = [path for path in engine_files() if "cli" not in path.relative_to(ENGINE).parts]
    assert (
        matches(
            silent,
            lambda node: isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print",
        )
        == []
    )


def test_only_the_atomic_file_renames() -> None:
    """Elsewhere a rename would fail on Windows while a virus scanner holds the file."""

    def renames(node: Any) -> bool:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            return False
        # Path.replace and Path.rename take one argument; `replace` of str, datetime and dataclasses
        # never does.
        is_of_a_path = (
            node.func.attr in ("replace", "rename") and len(node.args) == 1 and not node.keywords
        )
        return is_of_a_path or (getattr(node.func.value, "id", ""), node.func.attr) in (
            *(("os", name) for name in ("replace", "rename", "renames")),
            ("shutil", "move"),
        )

    assert (
        matches((path for path in engine_files() if path.name != "atomic_file.py"), renames) == []
    )


def test_a_temporary_folder_that_cannot_be_removed_ends_nothing() -> None:
    """On Windows a file that another program has open cannot be deleted."""

    def may_end(node: Any) -> bool:
        is_call = (
            isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "TemporaryDirectory"
        )
        return is_call and "ignore_cleanup_errors" not in {keyword.arg for keyword in node.keywords}

    assert matches(engine_files(), may_end) == []
