"""The structure of the code, checked by reading the imports."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.source_tree import (
    ENGINE,
    ROOT,
    engine_files,
    imports_of,
    module_of,
    nodes_of,
    own_files,
    part_of,
    tree_of,
)

# From the lowest to the highest: each may import only those before it. A folder in one of NESTED is
# a part of its own.
PARTS = """
    osc_schema errors system values config osc ipc audio params params/mapping control/link sources
    models/compat children render dmx sinks models models/* control/outgoing control/foreign control
    control/query control/dmx control/midi control/commands live/kit live/* live web/serving web
    outputs frame_loop engine app jobs jobs/kit jobs/video jobs/segment jobs/convert cli dataset
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

USED_BY_THE_DATASET = """
    system.atomic_file system.file_names system.folders system.foreign_data system.installing
    system.lazy_names system.package_version system.picture_size system.plain_text system.power
    system.python_process system.small_file system.translate_errors system.work_folder
    system.worker_process render.compiled_code render.context render.egl_devices
    render.shader_source cli.doctor_checks cli.job_options cli.probe cli.progress cli.signals
    cli.standard_streams
""".split()
"""What a job of another room may use, beside errors and the face of jobs/kit; the last six are for
its command."""
ROOT_FILES = "__init__ app config engine errors frame_loop outputs values".split()
NEVER_IN_THE_ENGINE = {
    "torch",
    "diffusers",
    "transformers",
    "scipy",
    "syphon",
    "accelerate",
    "peft",
}


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


def test_no_two_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions and under TYPE_CHECKING count, too."""
    files = [*(ROOT / "osc_schema").rglob("*.py"), *ENGINE.rglob("*.py")]
    known = {module_of(path) for path in files}
    imports = {module_of(path): {name for name, _ in imports_of(path)} & known for path in files}
    leaves = TopologicalSorter({name: others - {name} for name, others in imports.items()})
    leaves.prepare()  # CycleError has the circle


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
    deciding = {
        "choose_sampler",
        "choose_prediction",
        "sampler_from_name",
        "predicts_picture",
        "scheduler_config",
    }
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
