"""The committed generated files are up to date with the declarations."""

import json
import re
import zlib
from functools import cache

import pytest
from typer.testing import CliRunner

import osc_schema
from engine.cli.schema import app
from engine.errors import MultiverseError, UsageError
from osc_schema.generate import FILES, ROOT, address_list, json_schema

run = CliRunner().invoke


def content(name: str, data: bytes) -> bytes:
    """The content to compare; a TouchOSC layout is unpacked, because zlib versions compress differently."""
    return zlib.decompress(data) if name.endswith(".tosc") else data


@cache
def fresh(name: str) -> bytes:
    made = FILES[name]()
    return content(name, made.encode() if isinstance(made, str) else made)


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_fresh(name: str) -> None:
    committed = content(name, (ROOT / name).read_bytes())
    assert committed == fresh(name), f"{name} is stale: run `multiverse schema write`"


def test_there_are_no_other_files_among_the_generated_ones() -> None:
    generated = {str(file.relative_to(ROOT)) for file in (ROOT / "osc_schema/generated").iterdir()}
    assert generated == {name for name in FILES if name.startswith("osc_schema/generated/")}


def test_the_list_for_people_has_every_address_with_its_values() -> None:
    text = address_list(osc_schema.AREAS)
    for param in osc_schema.PARAMS:
        families = [re.sub(r"/\d+/", f"/<1-{most}>/", param.address) for most in (2, 4, 8, 12)]
        assert any(f"`{address}`" in text for address in (param.address, *families))
        assert all(f"`{name}`" in text for name in (*param.menu, *param.stops))
    for command in osc_schema.COMMANDS:
        assert f"| `{command.address}` |" in text
    assert "| `/layer/<1-4>/angle` | float | -180..180 deg | 0, 45, 90, 135 | wrapped | 30 ms |" in text
    assert "| `/layer/5/intensity` | float | 0..1 | 0 | clipped |" in text
    assert "| bool | bool, a number (on from 0.5 up)" in text


def test_the_list_for_programs_has_every_default_within_its_own_limits() -> None:
    schema = json.loads(json_schema(osc_schema.AREAS))
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


def test_the_commands_print_the_content_of_the_files(tmp_path) -> None:
    for verb, name in (
        ("markdown", "ADDRESSES.md"),
        ("json", "addresses.schema.json"),
        ("max", "multiverse.maxpat"),
        ("pd", "multiverse.pd"),
        ("osc-layout", "multiverse-open-stage-control.json"),
    ):
        assert run(app, [verb]).stdout.encode() == fresh(f"osc_schema/generated/{name}")
    new = tmp_path / "new"
    assert run(app, ["touchosc", str(new / "a.tosc")]).exit_code == 0
    assert content("a.tosc", (new / "a.tosc").read_bytes()) == fresh("osc_schema/generated/multiverse.tosc")
    assert run(app, ["write", "--folder", str(new)]).exit_code == 0
    for name in FILES:
        assert content(name, (new / name).read_bytes()) == fresh(name)


def test_surfaces_can_be_made_for_an_engine_on_another_machine(tmp_path) -> None:
    there = ["--host", "10.0.0.7", "--port", "9100", "--listen-port", "9200"]
    patch = run(app, ["pd", *there]).stdout
    assert "connect 10.0.0.7 9100;" in patch and "netreceive -u -b 9200;" in patch and "1 9200;" in patch
    patch = run(app, ["max", *there]).stdout
    assert all(text in patch for text in ("udpsend 10.0.0.7 9100", "udpreceive 9200", "/engine/notify 1 9200"))
    session = json.loads(run(app, ["osc-layout", *there]).stdout)
    assert 'send("10.0.0.7:9100", "/engine/notify"' in session["content"]["onCreate"]
    assert "9200" in session["content"]["onCreate"]
    for wrong in ("a;b", "two words", "", "$1"):
        assert isinstance(run(app, ["pd", "--host", wrong]).exception, UsageError)
    (tmp_path / "file").touch()
    assert isinstance(run(app, ["pd", str(tmp_path / "file" / "below.pd")]).exception, MultiverseError)


def test_the_list_command_takes_patterns_and_lists_commands_with_their_arguments() -> None:
    for more, known in (((), osc_schema.PARAMS), (("--commands",), osc_schema.COMMANDS)):
        assert len(run(app, ["list", *more]).stdout.splitlines()) == len(known)
    lines = run(app, ["list", "/layer/*/angle"]).stdout.splitlines()
    assert lines[1].startswith("/layer/2/angle  float -180..180 deg  [45]  ")
    (entry,) = json.loads(run(app, ["list", "--json", "/mirror/mode"]).stdout)
    assert entry["menu"] == ["off", "x", "y", "xy", "kaleidoscope"]
    (line,) = run(app, ["list", "--commands", "/engine/notify"]).stdout.splitlines()
    assert line.startswith("/engine/notify  on:i [port:i] [part:s]  1: subscribes the sender's host")
    entries = json.loads(run(app, ["list", "--commands", "--json", "/engine/*"]).stdout)
    notify = next(entry for entry in entries if entry["address"] == "/engine/notify")
    assert notify["arguments"][1] == {"name": "port", "type": "i", "is_optional": True}
    assert notify["description"] and "/done /engine/notify" in notify["replies"]
    for wrong in (["/layr/1/angle"], ["/layer/["], ["--commands", "/engine/width"], ["--commands", "/engine/["]):
        assert isinstance(run(app, ["list", *wrong]).exception, UsageError)
