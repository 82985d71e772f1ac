"""The address lists that are committed say what the declarations say."""

import json
import re

import pytest
from typer.testing import CliRunner

import osc_schema
from engine.cli.schema import app
from engine.errors import UsageError
from osc_schema.generate import FILES, FOLDER, address_list


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_fresh(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == FILES[name](), f"osc_schema/generated/{name} is stale: run `multiverse schema write`"


def test_nothing_else_lies_among_the_generated_files() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(FILES)


def test_the_list_for_people_has_every_address_and_what_it_takes() -> None:
    text = address_list(osc_schema.AREAS)
    for param in osc_schema.PARAMS:
        families = [re.sub(r"/\d+/", f"/<1-{most}>/", param.address) for most in (2, 4, 8)]
        assert any(f"`{address}`" in text for address in (param.address, *families))
        assert all(f"`{name}`" in text for name in (*param.menu, *param.stops))
    for command in osc_schema.COMMANDS:
        assert f"| `{command.address}` |" in text
    assert "| `/layer/<1-4>/angle` | float | -180..180 deg | 0, 45, 90, 135 | wrapped | 30 ms |" in text
    assert "| `/layer/5/intensity` | float | 0..1 | 0 | clipped |" in text
    assert "| bool | bool, a number (on from 0.5 up)" in text


def test_the_list_for_programs_has_every_default_within_its_own_limits() -> None:
    schema = json.loads(FILES["addresses.schema.json"]())
    assert list(schema["properties"]) == [param.address for param in osc_schema.PARAMS]
    for entry in schema["properties"].values():
        default = entry["default"]
        if "enum" in entry:
            assert default in entry["enum"]
        elif "minimum" in entry:
            assert entry["minimum"] <= default <= entry["maximum"]
        elif "minLength" in entry:
            assert entry["minLength"] <= len(default) <= entry["maxLength"]
        else:
            assert entry["type"] == "boolean" and type(default) is bool
    commands = {command["address"]: command for command in schema["x-multiverse"]["commands"]}
    assert commands["/engine/notify"]["arguments"][1] == {"name": "port", "type": "i", "optional": True}


def test_the_commands_print_what_the_files_hold(tmp_path) -> None:
    run = CliRunner().invoke
    assert run(app, ["markdown"]).stdout == FILES["ADDRESSES.md"]()
    assert json.loads(run(app, ["json"]).stdout) == json.loads(FILES["addresses.schema.json"]())
    assert run(app, ["write", "--folder", str(tmp_path / "new")]).exit_code == 0
    for name, generate in FILES.items():
        assert (tmp_path / "new" / name).read_text(encoding="utf-8") == generate()


def test_the_list_command_takes_patterns() -> None:
    run = CliRunner().invoke
    assert len(run(app, ["list"]).stdout.splitlines()) == len(osc_schema.PARAMS)
    lines = run(app, ["list", "/layer/*/angle"]).stdout.splitlines()
    assert lines[1].startswith("/layer/2/angle  float -180..180 deg  [45]  ")
    (entry,) = json.loads(run(app, ["list", "--json", "/mirror"]).stdout)
    assert entry["menu"] == ["off", "x", "y", "xy", "kaleidoscope"]
    for wrong in ("/layr/1/angle", "/layer/["):
        assert isinstance(run(app, ["list", wrong]).exception, UsageError)
