"""`multiverse isf check`: what a script and a person read."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Cli

GOOD = """/*{"INPUTS": [{"NAME": "level", "TYPE": "float", "MAX": 2, "LABEL": "Level"}]}*/
void main() { gl_FragColor = vec4(isf_FragNormCoord, level, 1.0); }"""

TRANSITION = """/*{"INPUTS": [{"NAME": "startImage", "TYPE": "image"}, {"NAME": "endImage", "TYPE": "image"},
{"NAME": "progress", "TYPE": "float"}]}*/
void main() { gl_FragColor = mix(IMG_THIS_PIXEL(startImage), IMG_THIS_PIXEL(endImage), 0.5); }"""
CHECK = ["isf", "check", "--size", "64x36"]


def test_a_script_gets_one_object_and_the_exit_code(
    tmp_path: Path,
    cli: Cli,
    require: Callable[[object, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.fs").write_text(GOOD, encoding="utf-8")
    (tmp_path / "broken.fs").write_text(
        "/*{}*/\nvoid main() { gl_FragColor = 1; }", encoding="utf-8"
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "fade.fs").write_text(TRANSITION, encoding="utf-8")
    (tmp_path / "other" / "good.fs").write_text(GOOD, encoding="utf-8")
    still = TRANSITION.replace("progress", "amount")
    colours = still.replace("image", "color").replace("IMG_THIS_PIXEL", "")
    for name, text in (("still", still), ("two colours", colours)):
        (tmp_path / f"{name}.fs").write_text(text, encoding="utf-8")
    files = ["broken.fs", "good.fs", "missing.fs", "still.fs", "two colours.fs", "other"]
    done = cli(*CHECK, *files, "--json", "--thumbnails", "seen")
    broken, good, missing, without, two_colours, transition, _ = json.loads(done.out)["files"]
    require("OpenGL" not in broken["reason"], "OpenGL")
    assert (done.code, done.err) == (1, "")
    assert good["ok"] and good["reason"] == "" and good["file"].endswith("good.fs")
    assert good["draw_ms"] > 0 or sys.platform == "win32", (
        "processor time has steps of 15.6 ms there"
    )
    assert good["inputs"] == [
        {"name": "level", "type": "float", "label": "Level", "default": 1.0, "min": 0.0, "max": 2.0}
    ]
    assert (
        not broken["ok"]
        and broken["line"] == 2
        and not missing["ok"]
        and "missing.fs" in missing["reason"]
    )
    seen = np.array(Image.open(tmp_path / "seen" / "good.png"))
    assert seen.shape == (36, 64, 3) and seen[0, 0, 1] > 240 > seen[-1, 0, 1]
    names = {"good.png", "fade.png", "other good.png", "still.png", "two colours.png"}
    assert {each.name for each in (tmp_path / "seen").iterdir()} == names
    assert transition["ok"] and "/preset/transition plays it" in transition["note"]
    assert (
        not without["ok"]
        and "it needs the images startImage and endImage, and a float progress" in without["reason"]
    )
    assert two_colours["ok"] and "transition" not in two_colours["note"], (
        "as the engine says: it is a generator"
    )
    table = cli(*CHECK, tmp_path / "good.fs")
    assert (
        table.code == 0
        and table.out.startswith("ok")
        and "level" in table.out
        and "1 of 1" in table.err
    )
    (tmp_path / "empty").mkdir()
    refused = cli(*CHECK, tmp_path / "empty")
    assert refused.code == 2 and str(tmp_path / "empty") in refused.err


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "good.fs").write_text(GOOD, encoding="utf-8")
    (tmp_path / "seen").touch()
    code, out, err = cli(*CHECK, tmp_path / "good.fs", "--thumbnails", tmp_path / "seen")
    assert (code, out) == (1, "")
    assert (
        err == f"multiverse: {tmp_path / 'seen'}: File exists; something is in the way: move or "
        "rename it\n"
    )
