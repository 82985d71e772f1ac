"""The command that installs what this installation lacks: a checkout, a wheel, a tool of pipx or
uv.

No index has our package: a checkout is installed again with an extra, elsewhere the extra's
packages are named.
"""

import importlib.metadata
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any, Final

from engine.system.package_version import SOURCE, package_version
from engine.system.small_file import read_toml

CHECKOUT: Final = Path(__file__).parents[2]
"""The folder of the source; of an installed package that of all packages."""
TORCH_INDEX: Final = "https://download.pytorch.org/whl/"
CUDA: Final = "cu130"
PIPX: Final = "pipx_metadata.json"  # in the environment of each of its tools
WITH_TORCH: Final = ("[models]", "[fcpe]", "torch", "torchvision")


def install_line(*packages: str) -> str:
    """The command that installs `packages`, requirements of pip; "[midi]" is an extra of ours. It
    can be pasted into a shell in any folder. Of a tool of pipx or uv it is the tool's own command,
    whose packages stay after an upgrade; but with pip's options, as in "--force-reinstall numba",
    it mends what is there."""
    environment = Path(sys.prefix)
    adds = not any("--" in package for package in packages)
    is_pipx = adds and (environment / PIPX).is_file()
    receipt = environment / "uv-receipt.toml"
    is_uv_tool = adds and receipt.is_file()
    parts = [
        f"pipx inject {environment.name}"
        if is_pipx
        else "uv tool install"
        if is_uv_tool
        else pip_install()
    ]
    options = []
    if any(package.split()[0] in WITH_TORCH for package in packages) and (build := torch_build()):
        is_uv = parts[0].startswith("uv ")
        options.append(
            f"--torch-backend {build}" if is_uv else f"--extra-index-url {TORCH_INDEX}{build}"
        )
    constraints = CHECKOUT / ".ci" / "constraints.txt"
    if constraints.is_file():
        options.append(f"-c {quoted(constraints)}")
    if is_pipx:
        options = [f'--pip-args="{" ".join(options)}"'] if options else []
    if is_uv_tool:
        return " ".join([*parts, *options, _made_again(receipt, packages)])
    for package in packages:
        if not package.startswith("["):
            parts.append(package)
        elif is_checkout() and not is_pipx:
            parts.append(f'-e "{CHECKOUT}{package}"')
        else:
            named = importlib.metadata.requires("multiverse-engine") or []
            end = f"extra == {package[1:-1]!r}"
            parts += (f'"{each.partition(";")[0]}"' for each in named if each.endswith(end))
    return " ".join([parts[0], *options, *parts[1:]])


def _made_again(receipt: Path, packages: tuple[str, ...]) -> str:
    """Arguments that make this tool of uv with `packages` and all that it has by its receipt: uv
    forgets the rest. The receipt's first requirement is the tool itself."""
    own, *others = read_toml(receipt)["tool"]["requirements"]
    own["extras"] = [
        *own.get("extras", []),
        *(each[1:-1] for each in packages if each.startswith("[")),
    ]
    added = [*map(_requirement, others), *(each for each in packages if not each.startswith("["))]
    return " ".join(
        [*(f"--with {each}" for each in added), f"{'-e ' * ('editable' in own)}{_requirement(own)}"]
    )


def _requirement(entry: dict[str, Any]) -> str:
    """A requirement of uv's receipt, as its command line takes it."""
    extras = f"[{','.join(dict.fromkeys(entry['extras']))}]" if entry.get("extras") else ""
    if "git" in entry:
        return f'"{entry["name"]}{extras} @ git+{entry["git"]}"'
    origins = [entry[key] for key in ("editable", "directory", "path", "url") if key in entry]
    return f'"{origins[0] if origins else entry["name"]}{extras}{entry.get("specifier", "")}"'


def is_checkout() -> bool:
    """True if this is the project's folder; False for an installed package."""
    return (CHECKOUT / "pyproject.toml").is_file()


def pip_install() -> str:
    """The command, without packages, that installs into this Python's environment. PowerShell does
    not run a program whose path is quoted, and cmd does not accept `&` before it: so a path with a
    blank is given relative to the current folder, if that removes the blank."""
    python = PurePath(sys.executable)
    if (Path(sys.prefix) / PIPX).is_file():
        return f"pipx runpip {Path(sys.prefix).name} install"
    if find_spec("pip") is None:
        return f"uv pip install --python {quoted(python)}"
    if " " in str(python) and python.is_relative_to(Path.cwd()) and python.parent != Path.cwd():
        python = python.relative_to(Path.cwd())
    return f"{quoted(python)} -m pip install"


def torch_build() -> str:
    """The part of TORCH_INDEX with the build of PyTorch that this machine has or should have; "" if
    that is PyPI's."""
    version = package_version("torch")
    if version != SOURCE:
        # that of NVIDIA's containers, 5228986c39.nv25.6, has no index
        build = version.partition("+")[2]
        return build if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+|xpu", build) else ""
    if sys.platform == "win32":
        return CUDA if nvidia_card() else ""
    return "" if sys.platform == "darwin" or nvidia_card() else "cpu"


def nvidia_card() -> str:
    """The NVIDIA card's name from its driver, without torch; empty if there is none."""
    return (
        answer_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
        .partition("\n")[0]
        .strip()
    )


def answer_of(*command: str) -> str:
    """The output of a program of the system; empty if there is none or it fails."""
    try:
        result = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if result.returncode else result.stdout.strip()


def quoted(path: PurePath | str) -> str:
    """Quote a path for a shell."""
    return f'"{path}"' if " " in str(path) else str(path)
