"""A voice's index beside PyTorch: on a Mac a second OpenMP runtime ends the process.

The wheels for macOS of torch 2.13 (torch/lib/libomp.dylib) and of faiss-cpu 1.15
(faiss/.dylibs/libomp.dylib) each contain one, each library is linked to its own, and the one loaded
second aborts: "OMP: Error #15" (kmp_runtime.cpp, __kmp_register_library_startup, of LLVM's openmp).
No other wheel that a child imports contains one.
"""

import ast
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from engine.models.rvc.index_file import read_index
from tests.support.tiny_voice import write_index

ROOT = Path(__file__).parents[2]


def test_an_index_is_read_without_faiss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    vectors = np.random.default_rng(0).standard_normal((50, 256), np.float32)
    write_index(tmp_path / "voice.index", vectors)
    assert np.array_equal(read_index(tmp_path / "voice.index", 256), vectors)


def test_nothing_imports_faiss() -> None:
    importing = set()
    for file in (ROOT / "engine").rglob("*.py"):
        content = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(content)) if "faiss" in content else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            is_call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                "import_module"
            )
            names += [ast.unparse(node.args[0]).strip("'\"")] if is_call else []
            if any(name.partition(".")[0] == "faiss" for name in names):
                importing.add(file.relative_to(ROOT).as_posix())
    assert importing == set()


def test_pip_installs_no_faiss_with_torch_on_a_mac() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "faiss-cpu" not in {Requirement(each).name for each in project["dependencies"]}
    (faiss,) = (
        each
        for each in map(Requirement, project["optional-dependencies"]["test"])
        if each.name == "faiss-cpu"
    )
    assert faiss.marker is not None
    assert not faiss.marker.evaluate({"sys_platform": "darwin"}) and faiss.marker.evaluate(
        {"sys_platform": "linux"}
    )
