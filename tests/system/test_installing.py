"""The command in an error line installs what is missing into this installation, however it was
made."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.system import installing
from engine.system.installing import CHECKOUT, TORCH_INDEX, install_line
from engine.system.package_version import SOURCE
from osc_schema.sinks import KINDS

CONSTRAINTS = f"-c {CHECKOUT / '.ci' / 'constraints.txt'}"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment of an installation whose source is not on this machine."""
    monkeypatch.setattr(installing, "CHECKOUT", tmp_path / "site-packages")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "multiverse-engine"))
    (tmp_path / "multiverse-engine").mkdir()
    return tmp_path / "multiverse-engine"


def without_torch(monkeypatch: pytest.MonkeyPatch, system: str, card: str) -> None:
    monkeypatch.setattr(installing, "package_version", lambda name: SOURCE)
    monkeypatch.setattr(installing, "nvidia_card", lambda: card)
    monkeypatch.setattr(sys, "platform", system)


def test_a_checkout_is_installed_again_with_the_extra_by_this_python_and_within_the_constraints() -> (
    None
):
    assert (
        install_line("[midi]")
        == f'{sys.executable} -m pip install {CONSTRAINTS} -e "{CHECKOUT}[midi]"'
    )
    assert install_line("glfw") == f"{sys.executable} -m pip install {CONSTRAINTS} glfw"


def test_a_wheel_gets_the_packages_of_the_extra(wheel: Path) -> None:
    line = install_line("[midi]")
    assert line.startswith(f"{sys.executable} -m pip install ") and "multiverse-engine[" not in line
    assert line.endswith('-m pip install "pylibremidi>=5.4"')
    assert '"torch<2.14,>=2.11" "transformers<5.24,>=5.17"' in install_line("[models]")
    python = line.split(" -m pip install ")[0].split()
    pip = [*python, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index"]
    done = subprocess.run([*pip, "pylibremidi>=5.4"], capture_output=True, text=True)
    assert "Requirement already satisfied" in done.stdout, done.stderr


def test_what_a_tool_of_pipx_gets_stays_after_its_upgrades(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel / "pipx_metadata.json").touch()
    assert install_line("glfw") == "pipx inject multiverse-engine glfw"
    assert install_line("[midi]") == 'pipx inject multiverse-engine "pylibremidi>=5.4"'
    assert (
        install_line("--force-reinstall av")
        == "pipx runpip multiverse-engine install --force-reinstall av"
    )
    without_torch(monkeypatch, "linux", "")
    index = f'--pip-args="--extra-index-url {TORCH_INDEX}cpu"'
    assert install_line("torch") == f"pipx inject multiverse-engine {index} torch"


SOURCES = {
    'directory = "/home/ann lee/multiverse"': '"/home/ann lee/multiverse[view]"',
    'path = "/tmp/multiverse_engine-0.1.0-py3-none-any.whl"': '"/tmp/multiverse_engine-0.1.0-py3-none-any.whl[view]"',
    'editable = "/home/ann/multiverse"': '-e "/home/ann/multiverse[view]"',
    'git = "https://a.org/m"': '"multiverse-engine[view] @ git+https://a.org/m"',
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_tool_of_uv_gets_stays_after_its_upgrades(
    wheel: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The receipt as uv 0.13.9 writes it. `uv tool install` forgets what its command does not
    name."""
    monkeypatch.setattr(installing, "find_spec", lambda name: None)  # uv's environments have no pip
    own = f'{{ name = "multiverse-engine", extras = ["view"], {source} }}'
    receipt = f'[tool]\nrequirements = [{own}, {{ name = "cyndilib", specifier = ">=0.1" }}]\n'
    (wheel / "uv-receipt.toml").write_text(receipt, encoding="utf-8")
    origin = SOURCES[source]
    assert install_line("glfw") == f'uv tool install --with "cyndilib>=0.1" --with glfw {origin}'
    with_midi = origin.replace("[view]", "[view,midi]")
    assert install_line("[midi]") == f'uv tool install --with "cyndilib>=0.1" {with_midi}'
    assert (
        install_line("--force-reinstall av")
        == f"uv pip install --python {sys.executable} --force-reinstall av"
    )
    without_torch(monkeypatch, "linux", "")
    assert install_line("torch").startswith("uv tool install --torch-backend cpu --with ")


def test_an_environment_of_uv_without_pip_is_shown_uvs_command(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "executable", "/home/ann lee/tools/bin/python")
    assert (
        install_line("glfw")
        == f'uv pip install --python "{Path("/home/ann lee/tools/bin/python")}" glfw'
    )
    without_torch(monkeypatch, "linux", "")
    assert install_line("torch").endswith("--torch-backend cpu torch")


@pytest.mark.parametrize(
    ("system", "card", "build"),
    [
        ("linux", "", "cpu"),
        ("linux", "RTX", ""),
        ("win32", "RTX", "cu130"),
        ("win32", "", ""),
        ("darwin", "", ""),
    ],
)
def test_torch_comes_from_the_index_for_this_machine(
    system: str, card: str, build: str, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(monkeypatch, system, card)
    option = f"--extra-index-url {TORCH_INDEX}{build} " if build else ""
    assert install_line("torch --force-reinstall") == (
        f"{sys.executable} -m pip install {option}torch --force-reinstall"
    )


def test_no_line_and_no_page_asks_for_a_package_that_nobody_can_fetch() -> None:
    """Own texts with `pip install`: the doctor's and Blender's new environments, and what each sink
    needs."""
    own = {
        "engine/system/installing.py",
        "engine/cli/doctor_machine.py",
        "engine/dataset/cycles/finding.py",
    }
    texts = {
        file.relative_to(CHECKOUT).as_posix(): file.read_text(encoding="utf-8")
        for pattern in ("engine/**/*.py", "osc_schema/**/*.py", "docs/*.md", "README.md")
        for file in CHECKOUT.glob(pattern)
    }
    assert not [name for name, text in texts.items() if "multiverse-engine[" in text]
    naming = {
        name
        for name, text in texts.items()
        if name.startswith("engine") and re.search("pip install [^']", text)
    }
    assert naming - own == set()
    assert all("pip install " in remedy for kind in KINDS.values() for _, remedy in kind.packages)
