"""The structure of the code, checked by reading the imports."""

import ast
import gc
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from engine.system.file_names import names_device
from tests.conftest import FILE_LISTS, LONG_FORM

ROOT = Path(__file__).parent.parent
ENGINE = ROOT / "engine"

# From the lowest to the highest: each may import only those before it. A folder in one of NESTED is
# a part of its own.
PARTS = """
    osc_schema errors system values config osc ipc audio params params/mapping control/link sources models/compat
    children render dmx sinks models models/* control/outgoing control/foreign control control/query control/dmx
    control/midi control/commands live/kit live/* live web/serving web outputs frame_loop engine app jobs jobs/kit
    jobs/video jobs/segment jobs/convert cli dataset
""".split()
ORDER = []
"""PARTS with the folders that they stand for: a model is a folder of its own, and is not named
here."""
for _part in PARTS:
    _folders = (
        sorted(path.parent for path in ENGINE.glob(f"{_part}/__init__.py"))
        if "*" in _part
        else [ENGINE / _part]
    )
    ORDER += [
        name
        for path in _folders
        if (name := path.relative_to(ENGINE).as_posix()) not in (*PARTS, *ORDER)
    ] or [_part]
NESTED = {"cli", "control", "jobs", "live", "models", "params", "web"}
USED_BY_THE_DATASET = """
    system.atomic_file system.file_names system.folders system.foreign_data system.installing system.lazy_names
    system.package_version system.picture_size system.plain_text system.power system.python_process system.small_file
    system.translate_errors system.work_folder system.worker_process render.compiled_code render.context
    render.egl_devices render.shader_source cli.doctor_checks cli.job_options cli.probe cli.progress cli.signals
    cli.standard_streams
""".split()
"""What a job of another room may use, beside errors and the face of jobs/kit; the last six are for
its command."""
MAX_BLIND_EXCEPTS = 10  # one of them around TouchDesigner's callbacks
MAX_LINES = {
    "engine": 105_938,
    "dataset": 18_485,
    "tests": 104_600,
}  # of Python; "engine" without "dataset"
ROOT_FILES = "__init__ app config engine errors frame_loop outputs values".split()
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
BOUNDED = set("torch diffusers transformers numba moderngl sounddevice psutil aiohttp".split())
DOCUMENTED = r"""torch\.(nn(\.functional|\.attention|\.modules\.module|\.utils)?|overrides|utils\.flop_counter)\.\w+
    |numba\.extending\.\w+|diffusers\.models\.attention_processor\.(IPAdapter)?AttnProcessor2_0"""
NEVER_IN_THE_ENGINE = {
    "torch",
    "diffusers",
    "transformers",
    "scipy",
    "syphon",
    "accelerate",
    "peft",
}


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


def test_imports_point_down() -> None:
    wrong = []
    for path in engine_files():
        own = part_of(module_of(path))
        assert own in ORDER, f"engine/{own} has no place in ORDER"
        for module, line in imports_of(path):
            other = part_of(module)
            if other is not None and other != own and ORDER.index(other) > ORDER.index(own):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert wrong == []


def test_the_folder_table_of_the_documents_equals_the_tree() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"^\| `([\w/]+)` \|",
        page.partition("## Where things are")[2].partition("\n## ")[0],
        re.MULTILINE,
    )
    there = {part_of(module_of(path)) for path in engine_files()} - {None, *ROOT_FILES}
    assert set(listed) == {
        "osc_schema",
        "touchdesigner",
        "engine",
        *(f"engine/{part}" for part in there),
    }


def test_the_root_holds_what_is_read_first() -> None:
    assert sorted(path.stem for path in ENGINE.glob("*.py")) == sorted(ROOT_FILES)


@pytest.mark.parametrize("wing", ["jobs", "live"])
def test_siblings_in_jobs_and_live_never_import_each_other(wing: str) -> None:
    wrong = []
    for path in engine_files():
        folder, _, own = (part_of(module_of(path)) or "").partition("/")
        if folder != wing or own in ("", "kit"):
            continue
        for module, line in imports_of(path):
            other = part_of(module) or ""
            if other.startswith(f"{wing}/") and other not in (f"{wing}/kit", f"{wing}/{own}"):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert wrong == []


def test_code_shared_by_live_models_names_none_of_them() -> None:
    """A fourth model changes none of these files."""
    model = re.compile(r"(?<![a-z0-9])(sd|sam3|rvc)(?![a-z0-9])")
    shared = [
        ENGINE / f"{name}.py"
        for name in (
            "app",
            "config",
            "engine",
            "frame_loop",
            "values",
            "cli/run",
            "cli/run_options",
        )
    ]
    for (
        folder
    ) in "children control ipc live/kit osc params render sinks sources system web".split():
        shared += sorted((ENGINE / folder).rglob("*.py"))
    naming = {"sd", "sam3", "rvc", "region"}  # `sam3` is an item of /region/mode
    shared += [
        path for path in sorted((ROOT / "osc_schema").glob("*.py")) if path.stem not in naming
    ]
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in shared
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if model.search(line)
    ]
    assert wrong == []


def test_nothing_outgrows_its_total_of_lines() -> None:
    """A change that adds lines first looks what it makes superfluous. Only an issue that names an
    allowance raises a total; a change that takes lines away lowers it."""
    lines = dict.fromkeys(MAX_LINES, 0)
    for path in (*ENGINE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        part = (
            "tests"
            if ENGINE not in path.parents
            else "dataset"
            if "dataset" in path.parts
            else "engine"
        )
        lines[part] += len(path.read_text(encoding="utf-8").splitlines())
    over = {
        part: count - MAX_LINES[part] for part, count in lines.items() if count > MAX_LINES[part]
    }
    assert over == {}, (
        "take so many lines away, or ask for an allowance: docs/contributing.md, Lines"
    )


def test_listed_files_exist_and_the_quick_run_has_some_of_every_folder() -> None:
    tests = ROOT / "tests"
    assert [
        name for names in FILE_LISTS.values() for name in names if not (tests / name).is_file()
    ] == []
    quick = {(tests / name).parent for name in FILE_LISTS["quick"]}
    assert {path.parent for path in tests.rglob("test_*.py")} - quick == set()
    long_tests = [case.partition("[")[0].split("::") for case in LONG_FORM if case[0] != "#"]
    assert [
        name
        for file, name in long_tests
        if f"def {name}(" not in (tests / file).read_text(encoding="utf-8")
    ] == []


def test_no_two_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions and under TYPE_CHECKING count, too."""
    files = [*(ROOT / "osc_schema").rglob("*.py"), *ENGINE.rglob("*.py")]
    known = {module_of(path) for path in files}
    imports = {module_of(path): {name for name, _ in imports_of(path)} & known for path in files}
    leaves = TopologicalSorter({name: others - {name} for name, others in imports.items()})
    leaves.prepare()  # CycleError has the circle


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
    known = set(
        "_exit _asdict _make _replace _current_frames _base_executable _fmt _Unpickler _name".split()
    ) | {
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


def test_the_dataset_is_a_plug_in() -> None:
    """It uses the named modules of the engine, comes in by entry points alone, and nothing else
    names it."""
    used = {"engine.errors", "engine.jobs.kit", *(f"engine.{name}" for name in USED_BY_THE_DATASET)}
    files = [path for path in engine_files() if ENGINE / "dataset" in path.parents]
    imported = {
        module
        for path in files
        for module, _ in imports_of(path)
        if part_of(module) not in (None, "dataset")
    }
    assert imported == used, "one that is new needs a reason, one that is gone leaves the list"
    pattern = re.compile(r"\bdataset\b")
    naming = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in own_files()
        if path not in files and path != ROOT / "osc_schema" / "plugins.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert naming == []
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "entry-points"
    ]
    groups = {
        group
        for group, of in points.items()
        for value in of.values()
        if value.startswith("engine.dataset.")
    }
    assert groups == {"multiverse.commands", "multiverse.checks"}


def test_scenes_know_no_renderer() -> None:
    for path in (ENGINE / "dataset" / "scene").rglob("*.py"):
        for module, line in imports_of(path):
            top = module.split(".")[0]
            is_own = module.startswith(
                ("engine.dataset.scene", "engine.dataset.options", "engine.errors")
            )
            assert is_own or top in {"numpy", "msgspec", *sys.stdlib_module_names}, (
                f"{path}:{line} imports {module}"
            )
    for path in (ENGINE / "dataset" / "layout").rglob("*.py"):
        for module, line in imports_of(path):
            draws = module.startswith(
                tuple(f"engine.dataset.{part}" for part in ("geometry", "raster", "cycles"))
            )
            assert not draws, f"{path}:{line} imports {module}"


def test_the_schema_imports_the_standard_library_only() -> None:
    for path in (ROOT / "osc_schema").rglob("*.py"):
        for module, line in imports_of(path):
            top = module.split(".")[0]
            assert top == "osc_schema" or top in sys.stdlib_module_names, (
                f"{path}:{line} imports {module}"
            )


def imported_with(path: Path, seen: set[Path]) -> set[str]:
    """Modules imported with this one, directly or through our own modules, without functions and
    TYPE_CHECKING."""
    if path in seen:
        return set()
    seen.add(path)
    found: set[str] = set()
    for node in tree_of(path).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for module in [name for name in found if name.startswith("engine.")]:
        file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        file = file if file.is_file() else file.with_suffix("") / "__init__.py"
        found |= imported_with(file, seen) if file.is_file() else set()
    return found


def test_planning_a_model_loads_no_inference_library() -> None:
    seen: set[Path] = set()
    for path in (ENGINE / "models" / "sd" / "plan").glob("*.py"):
        wrong = NEVER_IN_THE_ENGINE & {module.split(".")[0] for module in imported_with(path, seen)}
        assert not wrong, f"{path.name} is imported with {', '.join(wrong)}"
    assert ENGINE / "models" / "locate.py" in seen, "the imports of a plan were followed, too"


def test_how_a_model_is_run_is_decided_in_its_plan_alone() -> None:
    """`load` and the painters use the choices of `plan_model`; names and configurations are read in
    one place."""
    deciding = set(
        "choose_sampler choose_prediction sampler_from_name predicts_picture scheduler_config".split()
    )
    plan = ENGINE / "models" / "sd" / "plan"
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} decides with {alias.name}"
        for path in engine_files()
        if plan not in path.parents
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("engine.models.sd.plan")
        for alias in node.names
        if alias.name in deciding
    ]
    assert wrong == []


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


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_importing_the_package_alone_loads_nothing_heavy_and_the_engine_no_inference_library() -> (
    None
):
    loaded = modules_after("import engine; engine.Config")
    assert {"numpy", "moderngl", "av", "aiohttp", "numba", "cv2", "sounddevice"}.isdisjoint(loaded)
    loaded = modules_after("import engine; [getattr(engine, name) for name in engine.__all__]")
    assert loaded.isdisjoint(NEVER_IN_THE_ENGINE | {"numba", "cv2"}), (
        "OpenGL draws without Numba and OpenCV"
    )
    link = modules_after("import engine.control.link.program")
    assert link.isdisjoint({"numpy", "osc_schema"}), (
        "the GPL process holds no more of the engine (docs/how-to/ableton-link.md)"
    )


def test_the_top_level_holds_only_the_listed_files(require: Callable[[object, str], None]) -> None:
    require(shutil.which("git"), "git")
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    names = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    visible = {name for name in names if not name.startswith(".")}
    assert visible <= {
        *("docs", "engine", "osc_schema", "touchdesigner", "tests"),
        *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "uv.lock"),
    }


def test_every_file_has_a_name_allowed_on_windows_and_mac() -> None:
    """No two names that differ by case only (NTFS, APFS), and none that Windows refuses."""
    paths = [
        path.relative_to(ROOT)
        for folder in ("engine", "osc_schema", "touchdesigner", "tests", "docs")
        for path in (ROOT / folder).rglob("*")
        if "__pycache__" not in path.parts
    ]
    wrong = re.compile(
        r'.*[<>:"|?*\\\x00-\x1f].*|.*[. ]'
    )  # Microsoft: Naming Files, Paths, and Namespaces
    assert [
        str(path)
        for path in paths
        if any(map(wrong.fullmatch, path.parts)) or names_device(str(path))
    ] == []
    assert [
        path for path, count in Counter(str(path).casefold() for path in paths).items() if count > 1
    ] == []


@pytest.mark.parametrize(
    ("module", "category", "fails"),
    [
        *(
            (name, UserWarning, True)
            for name in ("engine", "engine.models.graphs", "osc_schema.sd", __name__)
        ),
        (
            str(ROOT / "engine" / "render" / "numba_renderer"),
            UserWarning,
            True,
        ),  # of a compiled function, by Numba
        ("/usr/lib/python3/site-packages/torch/engine/graph", UserWarning, False),
        *(
            (name, UserWarning, False)
            for name in ("torch.cuda", "transformers.tests", "engineering", "subprocess")
        ),
        ("asyncio.base_events", ResourceWarning, True),
        ("transformers.loading", ResourceWarning, False),
        ("_pytest.threadexception", pytest.PytestUnhandledThreadExceptionWarning, True),
    ],
)
def test_a_warning_fails_a_test_only_if_it_is_ours(
    module: str, category: type[Warning], fails: bool
) -> None:
    """A machine with a GPU has other releases of torch and of its libraries, and those warn about
    each other."""
    failed = False
    try:
        warnings.warn_explicit("old", category, "graph.py", 1, module)
    except category:
        failed = True
    assert failed is fails
