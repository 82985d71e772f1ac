"""`multiverse preset` on a folder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.preset import app
from engine.errors import PresetError
from engine.params import PresetFolder
from engine.params.looks import WORLDS


@pytest.fixture
def run(tmp_path: Path):
    PresetFolder(tmp_path).save(
        "night", {"/mode": "simple", "/layer/1/angle": 45.0, "/layer/1/mute": True}
    )

    def invoke(*arguments: str):
        return CliRunner().invoke(app, [*arguments, "--presets", str(tmp_path)])

    return invoke


def test_list_names_all_presets(run) -> None:
    lines = run("list").stdout.splitlines()
    assert lines[:2] == ["default  (built in)", "VAV original  (built in)"] and lines[-1] == "night"
    assert lines[2:-1] == [
        f"{name}  (built in, {world})" for world, looks in WORLDS.items() for name in looks
    ]
    assert json.loads(run("list", "--json").stdout)[-1] == {
        "name": "night",
        "built_in": False,
        "world": "",
    }


def test_show_prints_every_value(run) -> None:
    assert run("show", "night").stdout == (
        "/mode           simple\n/layer/1/angle  45\n/layer/1/mute   on\n"
    )
    printed = json.loads(run("show", "night", "--json").stdout)
    assert printed == {
        "name": "night",
        "values": {"/mode": "simple", "/layer/1/angle": 45.0, "/layer/1/mute": True},
        "problems": [],
    }


def test_a_preset_is_exported_and_imported_elsewhere(run, tmp_path: Path) -> None:
    file = tmp_path / "mail" / "night.toml"
    assert run("export", "night", "--to", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == run("export", "night").stdout
    file.write_text(file.read_text(encoding="utf-8") + '"/layr/1/angle" = 1\n', encoding="utf-8")
    imported = run("import", str(file), "--name", "day")
    assert imported.stdout == "day\n"
    assert "/layr/1/angle: no such parameter" in imported.stderr
    assert PresetFolder(tmp_path).load("day").values == PresetFolder(tmp_path).load("night").values


def test_an_existing_preset_is_replaced_only_with_overwrite(run, tmp_path: Path) -> None:
    file = tmp_path / "mail.toml"
    file.write_text("a letter")
    for command in (
        ("export", "night", "--to", str(file)),
        ("picture", "night", str(tmp_path / "night.png")),
    ):
        (tmp_path / "night.png").write_bytes(b"a photograph")
        assert (
            str(run(*command).exception)
            == f"{command[-1]}: exists already; --overwrite replaces it"
        )
    assert (file.read_text(), (tmp_path / "night.png").read_bytes()) == (
        "a letter",
        b"a photograph",
    )
    assert run("export", "night", "--to", str(file), "--overwrite").exit_code == 0
    file.write_text(file.read_text(encoding="utf-8").replace("45", "30"), encoding="utf-8")
    assert (
        str(run("import", str(file)).exception)
        == "preset 'night': exists already; --overwrite replaces it"
    )
    assert PresetFolder(tmp_path).load("night").by_address()["/layer/1/angle"] == 45.0
    assert run("import", str(file), "--overwrite").stdout == "night\n"
    assert PresetFolder(tmp_path).load("night").by_address()["/layer/1/angle"] == 30.0


def test_a_built_in_preset_from_elsewhere_needs_another_name(run, tmp_path: Path) -> None:
    file = tmp_path / "built in.toml"
    assert run("export", "VAV original", "--to", str(file)).exit_code == 0
    for more in ((), ("--overwrite",)):
        assert "--name NAME" in str(run("import", str(file), *more).exception)
    assert run("import", str(file), "--name", "mine").stdout == "mine\n"


def test_delete_removes_it_and_a_second_time_says_so(run) -> None:
    assert run("delete", "night").exit_code == 0
    assert isinstance(run("delete", "night").exception, PresetError)
    assert json.loads(run("restore", "night", "--json").stdout) == {"restored": "night"}
    assert run("list").stdout.splitlines()[-1] == "night"
    assert "no overwritten or deleted preset is kept" in str(run("restore", "day").exception)


def test_every_verb_has_a_form_for_scripts(run, tmp_path: Path) -> None:
    assert run("path").stdout.strip() == str(tmp_path)
    assert json.loads(run("path", "--json").stdout) == {"path": str(tmp_path)}
    exported = json.loads(run("export", "night", "--json").stdout)
    assert exported["name"] == "night"
    file = tmp_path / "sent.toml"
    file.write_text(exported["toml"])
    assert json.loads(run("import", str(file), "--name", "day", "--json").stdout) == {
        "name": "day",
        "problems": [],
    }
    assert json.loads(run("delete", "day", "--json").stdout) == {"deleted": "day"}
    assert "day" not in run("list").stdout


def test_a_running_engine_gets_the_time_of_the_fade_and_a_script_plain_json(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []

    def carry_out(address: str, texts: list[str], to: str, *, within_s: float) -> None:
        waited.append(within_s)
        print("/done", address)

    monkeypatch.setattr("engine.cli.osc.carry_out", carry_out)
    done = CliRunner().invoke(app, ["load", "night", "60", "--json"])
    assert json.loads(done.stdout) == {"load": "night"} and "/done" in done.stderr
    assert waited == [65.0]
