"""`multiverse isf check`: what a script and a person read."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

GOOD = """/*{"INPUTS": [{"NAME": "level", "TYPE": "float", "MAX": 2, "LABEL": "Level"}]}*/
void main() { gl_FragColor = vec4(isf_FragNormCoord, level, 1.0); }"""


TRANSITION = """/*{"INPUTS": [{"NAME": "startImage", "TYPE": "image"}, {"NAME": "endImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = mix(IMG_THIS_PIXEL(startImage), IMG_THIS_PIXEL(endImage), 0.5); }"""


def run_check(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    code = "import sys; from engine.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "isf", "check", "--size", "64x36", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_script_gets_one_object_and_the_exit_code(tmp_path: Path, require: Callable[[object, str], None]) -> None:
    (tmp_path / "good.fs").write_text(GOOD, encoding="utf-8")
    (tmp_path / "broken.fs").write_text("/*{}*/\nvoid main() { gl_FragColor = 1; }", encoding="utf-8")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "fade.fs").write_text(TRANSITION, encoding="utf-8")
    (tmp_path / "other" / "good.fs").write_text(GOOD, encoding="utf-8")
    done = run_check(
        tmp_path / "broken.fs",
        tmp_path / "good.fs",
        tmp_path / "missing.fs",
        tmp_path / "other",
        "--json",
        "--thumbnails",
        tmp_path / "seen",
    )
    broken, good, missing, transition, _ = json.loads(done.stdout)["files"]
    require("OpenGL" not in broken["reason"], broken["reason"])
    assert done.returncode == 1 and done.stderr == ""
    assert good["ok"] and good["draw_ms"] > 0 and good["reason"] == "" and good["file"].endswith("good.fs")
    assert good["inputs"] == [
        {"name": "level", "type": "float", "label": "Level", "default": 1.0, "min": 0.0, "max": 2.0}
    ]
    assert not broken["ok"] and broken["line"] == 2 and not missing["ok"] and "missing.fs" in missing["reason"]
    seen = np.array(Image.open(tmp_path / "seen" / "good.png"))
    assert seen.shape == (36, 64, 3) and seen[0, 0, 1] > 240 > seen[-1, 0, 1]
    assert {each.name for each in (tmp_path / "seen").iterdir()} == {"good.png", "fade.png", "other good.png"}
    assert transition["ok"] and "no slot plays it" in transition["note"]
    table = run_check(tmp_path / "good.fs")
    assert table.returncode == 0 and table.stdout.startswith("ok") and "level" in table.stdout
    assert "1 of 1" in table.stderr


def test_a_folder_without_shaders_is_a_usage_error(tmp_path: Path) -> None:
    done = run_check(tmp_path)
    assert done.returncode == 2 and str(tmp_path) in done.stderr
