"""The command that installs what this installation lacks: a checkout, a wheel, a tool of pipx or uv.

An extra of ours cannot be asked for by name, because no index has the package: a checkout is installed again with the
extra, and elsewhere the extra's packages, which the installed metadata name, are asked for. PyTorch has an index for
each build.
"""

import importlib.metadata
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
"""The folder of the source; of an installed package that of all packages."""
TORCH_INDEX: Final = "https://download.pytorch.org/whl/"
CUDA: Final = "cu130"
WITH_TORCH: Final = ("[models]", "[fcpe]", "torch", "torchvision")


def install_line(*packages: str) -> str:
    """The command that installs `packages`, requirements of pip; "[midi]" is an extra of ours. Without any it can be
    continued. It names everything by its path, so it can be pasted into a shell in any folder."""
    words = [pip_install()]
    if any(package.split()[0] in WITH_TORCH for package in packages) and (build := torch_build()):
        is_uv = words[0].startswith("uv ")
        words.append(f"--torch-backend {build}" if is_uv else f"--extra-index-url {TORCH_INDEX}{build}")
    constraints = CHECKOUT / ".ci" / "constraints.txt"
    if constraints.is_file():
        words.append(f"-c {_in_shell(constraints)}")
    for package in packages:
        if not package.startswith("["):
            words.append(package)
        elif (CHECKOUT / "pyproject.toml").is_file():
            words.append(f'-e "{CHECKOUT}{package}"')
        else:
            words += (f'"{each}"' for each in _packages_of(package[1:-1]))
    return " ".join(words)


def pip_install() -> str:
    """The command, without packages, that installs into this Python's environment.

    PowerShell does not run a program whose path is quoted, and cmd does not accept `&` before it. So a path with a
    blank is given relative to the current folder, if that removes the blank.
    """
    python, environment = PurePath(sys.executable), Path(sys.prefix)
    if (environment / "pipx_metadata.json").is_file():
        return f"pipx runpip {environment.name} install"
    if find_spec("pip") is None:
        return f"uv pip install --python {_in_shell(python)}"
    if " " in str(python) and python.is_relative_to(Path.cwd()) and python.parent != Path.cwd():
        python = python.relative_to(Path.cwd())
    return f"{_in_shell(python)} -m pip install"


def torch_build() -> str:
    """The part of TORCH_INDEX with the build of PyTorch that this machine has or should have; "" if that is PyPI's."""
    try:
        return importlib.metadata.version("torch").partition("+")[2]
    except importlib.metadata.PackageNotFoundError:
        if sys.platform == "win32":
            return CUDA if nvidia_card() else ""
        return "" if sys.platform == "darwin" or nvidia_card() else "cpu"


def nvidia_card() -> str:
    """The NVIDIA card's name from its driver, without torch; empty if there is none."""
    return answer_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").partition("\n")[0].strip()


def answer_of(*command: str) -> str:
    """The output of a program of the system; empty if there is none or it fails."""
    try:
        asked = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if asked.returncode else asked.stdout.strip()


def _packages_of(extra: str) -> list[str]:
    named = importlib.metadata.requires("multiverse-engine") or []
    return [each.partition(";")[0].strip() for each in named if f"extra == '{extra}'" in each.replace('"', "'")]


def _in_shell(path: PurePath) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
