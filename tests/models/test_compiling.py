"""What inductor needs on a card is checked before a model is loaded, and named in one line; its
cache is stored."""

import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._inductor.loop_body import InterpreterShim
from torch._inductor.runtime.cache_dir_utils import cache_dir
from torch.utils import _triton

from engine.errors import ModelError
from engine.models.compiling import CACHE, compile_part, require_compiler
from engine.system.installing import install_line

CARD = torch.device("cuda")


@pytest.fixture(autouse=True)
def complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine with all that is needed: Triton, a card that it knows, gcc, and Python's
    headers."""
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(_triton, "has_triton_package", lambda: True)
    monkeypatch.setattr(_triton, "has_triton", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name == "gcc" else None)
    monkeypatch.setattr(sysconfig, "get_path", lambda name, scheme: str(tmp_path))
    monkeypatch.delenv("CC", raising=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, with no folder chosen for inductor."""
    # so that what is set in its place is taken back after the test
    monkeypatch.setenv(CACHE, "unset")
    monkeypatch.delenv(CACHE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_inductor_keeps_compiled_code_in_the_users_cache_folder_or_in_one_of_the_users_choice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "multiverse").touch()
    compile_part(lambda z: z)  # compiles nothing before its first call
    assert home not in Path(cache_dir()).parents, "no place for a folder: torch's own serves"
    (home / "multiverse").unlink()
    monkeypatch.delenv(CACHE, raising=False)
    compile_part(lambda z: z)
    assert Path(cache_dir()) == home / "multiverse" / "inductor" and Path(cache_dir()).is_dir()
    monkeypatch.setenv(CACHE, str(home / "mine"))
    compile_part(lambda z: z)
    assert Path(cache_dir()) == home / "mine"


def test_nothing_is_traced_in_the_compiling_thread_with_the_modules_of_all_threads_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a tracer of torch.fx itself does so, and inductor uses one once; a module called
    meanwhile would fail."""
    InterpreterShim._dummy_gm.cache_clear()
    compile_part(lambda z: z)
    traced: list[Any] = []
    monkeypatch.setattr(torch.fx.Tracer, "trace", lambda *arguments: traced.append(arguments))
    InterpreterShim._dummy_gm()
    assert not traced


def refusal() -> str:
    with pytest.raises(ModelError) as raised:
        require_compiler(CARD, "accelerator inductor")
    return str(raised.value)


def test_a_machine_with_triton_a_compiler_and_headers_can_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_compiler(CARD, "accelerator inductor")
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "/opt/cc" else None)
    monkeypatch.setenv("CC", "/opt/cc")
    require_compiler(CARD, "accelerator inductor")


def test_a_missing_triton_and_a_card_too_old_for_it_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_triton, "has_triton", lambda: False)
    assert refusal().startswith(
        "accelerator inductor: Triton needs a newer card: GTX 16, RTX 20 or later"
    )
    monkeypatch.setattr(_triton, "has_triton_package", lambda: False)
    for system, package in (("linux", "triton"), ("win32", "triton-windows")):
        monkeypatch.setattr(sys, "platform", system)
        assert (
            refusal() == f"accelerator inductor: Triton is not installed; {install_line(package)}"
        )


def test_a_missing_c_compiler_is_named_except_on_windows_where_triton_brings_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert refusal() == (
        "accelerator inductor: gcc or clang, which Triton needs, is not installed; "
        "sudo apt install gcc, or set CC to a C compiler"
    )
    monkeypatch.setenv("CC", "gcc-99")
    assert refusal().startswith("accelerator inductor: CC=gcc-99 is not a program; ")
    monkeypatch.setattr(sys, "platform", "win32")
    require_compiler(CARD, "accelerator inductor")


def test_missing_headers_of_python_are_named_with_their_package(tmp_path: Path) -> None:
    (tmp_path / "Python.h").unlink()
    assert refusal() == (
        f"accelerator inductor: {tmp_path / 'Python.h'}, which Triton needs, is missing; "
        f"sudo apt install python3.{sys.version_info.minor}-dev"
    )
