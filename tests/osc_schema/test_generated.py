"""The committed generated files are up to date with the declarations."""

import json
import zlib
from functools import cache

import pytest
from typer.testing import CliRunner

import osc_schema
from engine.cli.schema import app
from engine.errors import MultiverseError, UsageError
from osc_schema.generate import FILES, ROOT

run = CliRunner().invoke


def content(name: str, data: bytes) -> bytes:
    """The content to compare; a TouchOSC layout is unpacked, because zlib versions compress
    differently."""
    return zlib.decompress(data) if name.endswith(".tosc") else data


@cache
def fresh(name: str) -> bytes:
    text = FILES[name]()
    return content(name, text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_fresh(name: str) -> None:
    committed = content(name, (ROOT / name).read_bytes())
    assert committed == fresh(name), f"{name} is stale: run `multiverse schema write`"


def test_there_are_no_other_files_among_the_generated_ones() -> None:
    generated = {
        file.relative_to(ROOT).as_posix() for file in (ROOT / "osc_schema/generated").iterdir()
    }
    assert generated == {name for name in FILES if name.startswith("osc_schema/generated/")}


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
    assert content("a.tosc", (new / "a.tosc").read_bytes()) == fresh(
        "osc_schema/generated/multiverse.tosc"
    )
    assert run(app, ["write", "--folder", str(new)]).exit_code == 0
    for name in FILES:
        assert content(name, (new / name).read_bytes()) == fresh(name)


def test_surfaces_can_be_made_for_an_engine_on_another_machine(tmp_path) -> None:
    there = ["--host", "10.0.0.7", "--port", "9100", "--listen-port", "9200"]
    patch = run(app, ["pd", *there]).stdout
    assert (
        "connect 10.0.0.7 9100;" in patch
        and "netreceive -u -b 9200;" in patch
        and "1 9200;" in patch
    )
    patch = run(app, ["max", *there]).stdout
    assert all(
        text in patch
        for text in ("udpsend 10.0.0.7 9100", "udpreceive 9200", "/engine/notify 1 9200")
    )
    session = json.loads(run(app, ["osc-layout", *there]).stdout)
    assert 'send("10.0.0.7:9100", "/engine/notify"' in session["content"]["onCreate"]
    assert "9200" in session["content"]["onCreate"]
    for wrong in ("a;b", "two words", "", "$1"):
        assert isinstance(run(app, ["pd", "--host", wrong]).exception, UsageError)
    (tmp_path / "file").touch()
    assert isinstance(
        run(app, ["pd", str(tmp_path / "file" / "below.pd")]).exception, MultiverseError
    )


def test_the_list_command_takes_patterns_and_lists_commands_with_their_arguments() -> None:
    for more, known in (((), osc_schema.PARAMS), (("--commands",), osc_schema.COMMANDS)):
        assert len(run(app, ["list", *more]).stdout.splitlines()) == len(known)
    lines = run(app, ["list", "/layer/*/angle"]).stdout.splitlines()
    assert lines[1].startswith("/layer/2/angle  float -180..180 deg  [45]  ")
    (entry,) = json.loads(run(app, ["list", "--json", "/mirror/mode"]).stdout)
    assert entry["menu"] == ["off", "x", "y", "xy", "kaleidoscope"]
    (line,) = run(app, ["list", "--commands", "/engine/notify"]).stdout.splitlines()
    assert line.startswith(
        "/engine/notify  on:i [port:i] [part:s]  1: subscribes the sender's host"
    )
    entries = json.loads(run(app, ["list", "--commands", "--json", "/engine/*"]).stdout)
    notify = next(entry for entry in entries if entry["address"] == "/engine/notify")
    port = {"name": "port", "type": "i", "is_optional": True, "low": 1, "high": 65535}
    assert notify["arguments"][1].items() >= port.items()
    assert notify["description"] and "/done /engine/notify" in notify["replies"]
    for wrong in (
        ["/layr/1/angle"],
        ["/layer/["],
        ["--commands", "/engine/width"],
        ["--commands", "/engine/["],
    ):
        assert isinstance(run(app, ["list", *wrong]).exception, UsageError)
