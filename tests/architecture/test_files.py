"""The files of the project: their names, the lists of tests, and whose warnings fail a test."""

import re
import shutil
import subprocess
import warnings
from collections import Counter
from collections.abc import Callable

import pytest

from engine.system.file_names import names_device
from tests.architecture.source_tree import ROOT
from tests.conftest import FILE_LISTS, LONG_FORM


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
    # Microsoft: Naming Files, Paths, and Namespaces
    wrong = re.compile(r'.*[<>:"|?*\\\x00-\x1f].*|.*[. ]')
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
