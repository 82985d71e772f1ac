"""The wheel, installed elsewhere, works without the checkout."""

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile
from packaging.requirements import Requirement

from engine.params.presets import FACTORY_NAMES
from tests.support.long_form import IS_SOAK
from tests.support.needed import needs, quick_renderer

ROOT = Path(__file__).parent.parent
PACKAGES = "engine", "osc_schema", "touchdesigner"
ONE_PICTURE = ("--renderer", quick_renderer(), "--web", "off", "--osc", "off", "--frames", "1")
LIGHT_COMMANDS = (
    ("run", "--sd", "SD", *ONE_PICTURE),
    ("convert", "SOUND", "out.wav", "--model", "VOICE", "--content", "CONTENT"),
    ("sd", "PICTURE", "out.png", "--model", "SD", "--prompt", "a"),
    ("run", "--sam3", "SAM3", *ONE_PICTURE),
    ("run", "--rvc", "VOICE", "--rvc-content", "CONTENT", *ONE_PICTURE),
    ("video", "PICTURE", "out.mp4", "--model", "SD", "--prompt", "a"),
    ("segment", "PICTURE", "out.png", "--model", "SAM3", "--prompt", "a"),
)[: None if IS_SOAK else 2]

HAS_LINKS = pytest.mark.only_on(
    "linux", "darwin", reason="Windows makes links only with a permission, Wine 8 none"
)

# Runs commands one after another: a process for each would load the engine as often. Tells [exit
# code, out, error].
REPORT_SCRIPT = """
import contextlib, io, json, sys
from engine.cli.main import main
said = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["multiverse", *words]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    said.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(said))
"""
NEAREST_SCRIPT = """
import numpy as np
from engine.dataset.sensor.kernels import pick_nearest
numbers, fractions = np.zeros((2, 2, 2), np.uint16)
depth_m, coordinates = np.ones((2, 2), np.float32), np.zeros((2, 2), np.int32)
pick_nearest(numbers, depth_m, numbers, depth_m, coordinates, fractions, 0)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


def new_environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def site_of(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def test_the_test_extra_does_not_install_torchaudio() -> None:
    """The one on PyPI is built for CUDA and does not load with a CPU build of torch. transformers
    imports it if it is installed, so pipelines of diffusers would fail in this environment."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    waiting, reached = [Requirement(line) for line in extras["test"]], set()
    while waiting:
        requirement = waiting.pop()
        if requirement.name == "multiverse-engine":
            waiting += [Requirement(line) for extra in requirement.extras for line in extras[extra]]
        elif str(requirement) not in reached:
            reached.add(str(requirement))
            with suppress(PackageNotFoundError):  # for another system
                waiting += [
                    needed
                    for needed in map(Requirement, requires(requirement.name) or ())
                    if not needed.marker
                    or any(needed.marker.evaluate({"extra": e}) for e in ("", *requirement.extras))
                ]
    names = {Requirement(line).name for line in reached}
    assert {"pytest", "ray", "scipy"} <= names and "torchaudio" not in names


# Column of docs/reference/platforms.md: (sys_platform, platform_machine), as CPython's platform.py
# and pip name it. On Windows it is the processor's name (WMI's Win32_Processor since 3.12),
# independent of the build of Python.
SYSTEMS = {
    "Mac, Apple silicon": ("darwin", "arm64"),
    "Mac, Intel": ("darwin", "x86_64"),
    "Windows, x64": ("win32", "AMD64"),
    "Windows on ARM": ("win32", "ARM64"),
    "Linux, x86-64": ("linux", "x86_64"),
    "Linux, aarch64": ("linux", "aarch64"),
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def pythons_of(requirement: Requirement, sys_platform: str, platform_machine: str) -> str:
    """The cell in docs/reference/platforms.md for a requirement: the Python versions for which pip
    installs it."""
    environment = {"sys_platform": sys_platform, "platform_machine": platform_machine}
    supported = [
        python
        for python in PYTHONS
        if requirement.marker is None
        or requirement.marker.evaluate(
            {**environment, "python_version": python, "python_full_version": f"{python}.0"}
        )
    ]
    return (
        "-"
        if not supported
        else "yes"
        if tuple(supported) == PYTHONS
        else f"{supported[0]} to {supported[-1]}"
    )


def test_the_platforms_page_lists_what_pip_leaves_out_on_each_system() -> None:
    page = (ROOT / "docs" / "reference" / "platforms.md").read_text(encoding="utf-8")
    table = page.partition("<!-- markers -->\n")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table]
    assert rows[0][1:] == list(SYSTEMS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    dependencies = [*project["dependencies"], *project["optional-dependencies"]["models"]]
    requirements = {needed.name: needed for needed in map(Requirement, dependencies)}
    documented = {}
    for names, *cells in rows[2:]:
        for name in names.replace("`", "").split(", "):
            documented[name] = cells
    assert set(documented) == {name for name, needed in requirements.items() if needed.marker}
    for name, cells in documented.items():
        assert cells == [pythons_of(requirements[name], *where) for where in SYSTEMS.values()], name


def test_spout_is_required_only_where_it_has_a_wheel() -> None:
    """PyPI has SpoutGL 0.1.1 as win32 and win_amd64, cp38 to cp313: pip would fail on anything
    else."""
    (spout,) = (
        needed
        for needed in map(
            Requirement,
            tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"],
        )
        if needed.name == "SpoutGL"
    )
    assert pythons_of(spout, "win32", "ARM64") == "-"
    assert pythons_of(spout, "win32", "AMD64") == "3.11 to 3.13"


def run(environment_folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["MULTIVERSE_HOME"] = str(environment_folder / "home")
    return subprocess.run(
        [str(environment_folder / "bin" / arguments[0]), *arguments[1:]],
        capture_output=True, text=True, cwd=environment_folder, env=environment, timeout=120,
    )  # fmt: skip


def test_the_wheel_holds_shaders_page_and_address_list(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "engine/render/shaders/multiverse.glsl" in names
    assert {
        "engine/web/page/index.html",
        "engine/web/page_kit/dom.js",
        "engine/web/page_kit/base.css",
    } <= set(names)
    looks = {
        f"engine/web/page/looks/{name}.{suffix}"
        for name in FACTORY_NAMES
        for suffix in ("jpg", "webp")
    }
    assert looks <= set(names)
    assert {"osc_schema/generated/ADDRESSES.md", "osc_schema/generated/multiverse.maxpat"} <= set(
        names
    )
    assert {"touchdesigner/build_component.py", "touchdesigner/README.md"} <= set(names)
    assert not any(name.startswith("tests/") for name in names)
    assert all(
        ".x86-64-v3." in name for name in names if name.startswith("engine/render/compiled/")
    ), "for any processor"


@needs("git")
def test_the_site_that_the_readme_builds_goes_into_no_package() -> None:
    """hatchling packs what git does not ignore."""
    (folder,) = re.findall(r"sphinx-build docs (\w+)`", (ROOT / "README.md").read_text("utf-8"))
    ignored = subprocess.run(
        ["git", "check-ignore", f"{folder}/index.html"], cwd=ROOT, capture_output=True
    )
    assert ignored.returncode == 0


def test_code_is_compiled_in_advance_by_the_releases_that_run_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
    pins = {
        f"{needed.name}{needed.specifier}"
        for needed in map(Requirement, hook["dependencies"])
        if needed.specifier
    }
    locked = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    assert pins <= {
        f"{package['name']}=={package['version']}" for package in locked if "version" in package
    }
    assert pins <= set((ROOT / ".ci" / "constraints.txt").read_text("utf-8").splitlines())


def test_the_engine_draws_from_a_checkout_that_was_never_installed(tmp_path: Path) -> None:
    code = (
        "import importlib.metadata as metadata\n"
        "found = metadata.Distribution.discover\n"
        "metadata.Distribution.discover = lambda **wanted: (\n"
        "    each for each in found(**wanted) if each.name != 'multiverse-engine'\n"
        ")\n"
        "from engine import Config, open_engine\n"
        f"config = Config(width=64, height=64, audio='demo', renderer='{quick_renderer()}', "
        "offline=True)\n"
        "with open_engine(config) as engine:\n"
        "    print(*[frame.read_rgba().shape for frame in engine.frames(count=2)])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MULTIVERSE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "(64, 64, 4) (64, 64, 4)\n"), done.stderr


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and links to its dependencies without extras, so without
    torch."""
    folder = new_environment(tmp_path_factory.mktemp("light"))
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    subprocess.run(
        [*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)],
        check=True,
        capture_output=True,
    )
    site = site_of(folder)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    waiting, linked = [Requirement(line) for line in project["dependencies"]], set()
    while waiting:
        requirement = waiting.pop()
        needed_here = not requirement.marker or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", "opengl")
        )
        if not needed_here or requirement.name in linked:
            continue
        linked.add(requirement.name)
        found = distribution(requirement.name)
        waiting += [Requirement(line) for line in found.requires or () if "extra ==" not in line]
        for name in {
            file.parts[0]
            for file in found.files or ()
            if file.parts[0] not in ("..", "__pycache__")
        }:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(found.locate_file(name))))
    return folder


@HAS_LINKS
@pytest.mark.parametrize("renderer", [pytest.param("gl", marks=needs("OpenGL")), "numba"])
def test_the_wheel_draws_without_the_models_extra_and_without_compiling(
    light: Path, renderer: str, require: Callable[[object, str], None]
) -> None:
    require(platform.machine() in ("x86_64", "AMD64"), "an x86-64 processor")
    code = (
        "import engine; print(engine.__file__)\n"
        "from engine import Config, open_engine\n"
        "from engine.models.libraries import missing_libraries\n"
        f"config = Config(width=64, height=64, audio='demo', renderer='{renderer}', "
        f"offline={renderer == 'gl'})\n"
        "with open_engine(config) as engine:\n"
        "    for frame in engine.frames(count=15): pass\n"
        "    print(frame.read_rgba()[..., :3].max(), *missing_libraries())\n"
    )
    done = run(light, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert "compiling the renderer" not in done.stderr
    assert ("drawing with code for any processor" in done.stderr) == (renderer == "numba")
    path, brightest, *missing = done.stdout.split()
    assert path.startswith(str(light)), "where the wheel is installed"
    assert int(brightest) > 50, "a picture that is not black"
    assert missing == ["torch", "diffusers", "transformers", "accelerate", "peft", "safetensors"]


@HAS_LINKS
def test_without_the_models_extra_a_command_names_the_fix_and_the_doctor_runs(
    light: Path, tiny_voice: Path
) -> None:
    """Of these files only the voice's is looked at before the libraries are missed."""
    model, picture, sound = light / "model", light / "picture.png", light / "sound.wav"
    model.mkdir()
    paths = {"SD": model, "SAM3": model, "VOICE": tiny_voice / "voice.pth", "CONTENT": model}
    PIL.Image.new("RGB", (64, 64)).save(picture)
    soundfile.write(sound, np.zeros(16_000, np.float32), 16_000)
    paths |= {"PICTURE": picture, "SOUND": sound}
    commands = [[str(paths.get(part, part)) for part in command] for command in LIGHT_COMMANDS]
    done = run(light, "python", "-c", REPORT_SCRIPT, json.dumps([*commands, ["doctor", "--json"]]))
    assert done.returncode == 0, done.stderr
    *results, (code, out, err) = json.loads(done.stdout)
    for command, (refused, _, lines) in zip(commands, results, strict=True):
        assert refused != 0 and "Traceback" not in lines, command
        reason = [line for line in lines.splitlines() if "models need" in line]
        assert len(reason) == 1 and str(light / "bin" / "python") in reason[0], (command, lines)
        assert reason[0].endswith(' "torch<2.14,>=2.11" "transformers<5.24,>=5.17"'), (
            command,
            lines,
        )
    assert code == 0, err
    checks = json.loads(out)["checks"]
    assert "failed" not in {check["state"] for check in checks}
    assert {"OpenGL", "Numba", "torch", "shared memory"} <= {check["name"] for check in checks}


@HAS_LINKS
def test_an_installed_package_stays_as_it_was_installed(light: Path) -> None:
    """What pip has not written it does not remove, and `import engine` would go on after `pip
    uninstall`."""
    before = files_of(light)
    printed = run(
        light,
        "python",
        "-c",
        "from engine.render.compiled_code import own_folder; print(own_folder())",
    )
    assert not Path(printed.stdout.strip()).is_relative_to(light) and printed.returncode == 0
    done = run(light, "multiverse", "schema", "write")
    line = (
        f"{site_of(light)} holds installed packages, which stay as they are: multiverse schema "
        "write --folder FOLDER"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"multiverse: {line}\n")
    assert (
        run(light, "multiverse", "schema", "write", "--folder", str(light / "surfaces")).returncode
        == 0
    )
    assert files_of(light) == before


@HAS_LINKS
def test_nothing_of_the_package_stays_when_it_is_removed(light: Path) -> None:
    """The last test here: the environment of the others is without the package after it."""
    assert run(light, "python", "-c", NEAREST_SCRIPT).stderr == "", (
        "code that Numba compiles and keeps"
    )
    pip = [sys.executable, "-m", "pip", "--python", str(light / "bin" / "python")]
    subprocess.run([*pip, "uninstall", "-y", "multiverse-engine"], check=True, capture_output=True)
    assert [path for path in site_of(light).iterdir() if path.name in PACKAGES] == []
    assert "No module named 'engine'" in run(light, "python", "-c", "import engine").stderr


def files_of(environment: Path) -> set[Path]:
    packages = (site_of(environment) / name for name in PACKAGES)
    return {
        path
        for package in packages
        for path in package.rglob("*")
        if "__pycache__" not in path.parts
    }
