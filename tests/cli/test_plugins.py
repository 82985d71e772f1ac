"""A package with a command and a check is installed, and `multiverse` has them; broken ones cost a
line each."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.live.test_plugins import install, with_packages

PLUGIN = Path(__file__).parent / "plugin"
CHECK = "from engine.cli.doctor_checks import Check, CheckRow\n"
BROKEN = {
    "breaks": "raise RuntimeError('no card\\nin this machine')",
    "leaves": "import sys\nsys.exit(3)",
    "empty": "",
    "untyped": "def untyped(what: list[list[int]]) -> None: ...",
    "schema": "def schema() -> None: ...",
}
"""Commands by name, each in a module of this name."""
WRONG_CHECKS = {
    "text": "ROW = 'a row'",
    "raising": CHECK + "ROW = CheckRow('raising', (), lambda: 1 / 0, '')",
    "asking": CHECK + "def ask(): raise OSError('no bus')\n"
    "ROW = CheckRow('asking', ('asking:ask',), lambda answer: Check('note', '', answer.error), '')",
    "none": CHECK + "def ask(): ...\n"
    "ROW = CheckRow('none', ('none:ask',), lambda answer: Check('note', '', answer.error), '')",
    "odd": CHECK + "ROW = CheckRow('odd', (), lambda: Check('good', '', ''), '')",
    "twice": CHECK + "ROW = CheckRow('odd', (), lambda: None, '')",
    "unnamed": CHECK + "ROW = CheckRow('unnamed', (lambda: 1 / 0,), lambda answer: None, '')",
}
DOCTOR = """
import dataclasses, json
from engine.cli.doctor_checks import added_rows, run_checks
print(json.dumps([dataclasses.astuple(check) for check in run_checks(added_rows())]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With the package and broken ones in a folder on Python's path."""
    packages = tmp_path_factory.mktemp("packages")
    points = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "entry-points"
    ]
    install(
        packages,
        "multiverse_heat",
        (PLUGIN / "multiverse_heat.py").read_text(encoding="utf-8"),
        points,
    )
    for name, text in BROKEN.items():
        install(packages, name, text, {"multiverse.commands": {name: name}})
    for name, text in WRONG_CHECKS.items():
        install(packages, name, text, {"multiverse.checks": {name: f"{name}:ROW"}})
    points = {
        "multiverse.commands": {"ill named": "both", "colon": "os:getcwd"},
        "multiverse.checks": {"first": "both:A", "second": "both:B"},
    }
    install(packages, "both", "", points)
    return with_packages(packages)


def run_cli(
    environment: dict[str, str], folder: Path, *arguments: str
) -> tuple[int, str, list[str]]:
    command = [sys.executable, "-P", "-m", "engine.cli.main", *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr.splitlines()


def test_an_added_command_runs_and_broken_ones_cost_a_line_each(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code, out, err = run_cli(environment, tmp_path, "-h")
    listed = {line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()}
    assert (
        code == 0
        and {"heat", "run", "schema", "dataset"} <= listed
        and not {"breaks", "empty"} & listed
    )
    assert "Tell whether a number is too hot." in out
    reasons = (
        "ill named of multiverse-both is left out: both: its name may have only a-z",
        "breaks of multiverse-breaks is left out: breaks: RuntimeError: no card in this machine",
        "colon of multiverse-both is left out: os:getcwd: TypeError: must name a module",
        "empty of multiverse-empty is left out: empty: AttributeError",
        "leaves of multiverse-leaves is left out: leaves: SystemExit: 3",
        "schema of multiverse-schema is left out: schema: TypeError: there is a command of this "
        "name",
        "untyped of multiverse-untyped is left out: untyped: AssertionError",
    )
    assert len(err) == len(reasons)
    for line, reason in zip(err, reasons, strict=True):
        assert line.startswith(f"multiverse: plug-in {reason}")

    (tmp_path / "number.txt").write_text("90")
    assert run_cli(environment, tmp_path, "heat", "number.txt") == (0, "too hot\n", [])
    assert run_cli(environment, tmp_path, "heat", "number.txt", "--limit-c", "95") == (
        0,
        "fine\n",
        [],
    )
    code, _, (line,) = run_cli(environment, tmp_path, "heat", "none.txt")
    assert code == 1 and line.startswith("multiverse: none.txt: has no number")
    code, _, err = run_cli(environment, tmp_path, "empty")
    assert (code, err[-1]) == (2, "multiverse: No such command 'empty' (multiverse -h)")
    assert sum("empty of multiverse-empty is left out" in line for line in err) == 1


def test_plug_in_commands_can_be_switched_off_but_not_the_engines(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code, out, err = run_cli({**environment, "MULTIVERSE_PLUGINS": "off"}, tmp_path, "-h")
    assert (code, err) == (0, []) and "dataset " in out and "heat" not in out


def test_a_command_of_the_engine_asks_for_no_entry_points(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "import sys; sys.argv[1:] = ['osc', '-h']\nfrom engine.cli.main import main\ntry: main()\n"
        "except SystemExit: pass\nfrom osc_schema import plugins\nassert not "
        "plugins.declared.cache_info().currsize\n"
        "assert 'multiverse_heat' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_added_check_is_a_row_and_a_broken_one_costs_its_own(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DOCTOR],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {name: (state, detail) for state, name, detail, _ in json.loads(done.stdout)}
    expected = {
        "heat": "21.5 degrees",
        "asking": "no bus",
        "none": "none:ask gave a NoneType, not a dict",
        "unnamed": "each question must be named module:function",
    }
    expected["raising"] = "this check has failed (ZeroDivisionError: division by zero)"
    wrong = (
        "this check has failed (TypeError: the judge's answer: its state must be as Check declares)"
    )
    assert {name: rows[name][1] for name in expected} == expected and rows["odd"] == (
        "warning",
        wrong,
    )
    left_out = [detail for name, (_, detail) in rows.items() if name.startswith("plug-in ")]
    reasons = (
        "first of multiverse-both is left out: both:A: AttributeError",
        "second of multiverse-both is left out: both:B: AttributeError",
        "text of multiverse-text is left out: text:ROW: is a str, not a CheckRow",
        "twice of multiverse-twice is left out: twice:ROW: there is another check 'odd'",
    )
    assert len(left_out) == len(reasons)
    for detail, reason in zip(left_out, reasons, strict=True):
        assert detail.startswith(f"plug-in {reason}")
    assert "Blender" in rows, "the room of the synthetic pictures comes in by this door, too"
