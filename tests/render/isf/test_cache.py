"""The trial of a shader fills the driver's cache: when the engine plays the shader, nothing is compiled again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PLAY = """
import json, os, sys, time
from pathlib import Path
from engine.cli.benches.render import plain_values, tones
from engine.errors import NoGLError
from engine.render.look import Look
from engine.render.opening import open_renderer
from engine.render.picture import PictureInput
from engine.render.isf.isf_file import ShaderSlot
from engine.render.isf.parse import parse_isf
from engine.render.isf.vetter import VetProcess
from engine.values import ChannelFeatures

INVERT = '''/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}], "PASSES": [{"TARGET": "trail"}, {}]}*/
const float own = %s;
void main() { gl_FragColor = own - (PASSINDEX == 0 ? IMG_THIS_PIXEL(inputImage) : IMG_THIS_PIXEL(trail)); }'''

def draw(text=None):
    slots = [] if text is None else [ShaderSlot(slot="1", file=parse_isf(text, path=None), inputs={}, mix=1.0)]
    for number in range(12):
        renderer.draw(
            PictureInput(
                look=Look.from_values(plain_values()), waves=tones(), features=(ChannelFeatures(),) * 4, layer5=None,
                region=None, time_s=number / 30, shaders=tuple(slots),
            )
        )
        renderer.wait()

def files():
    return {each for each in Path(os.environ["MESA_SHADER_CACHE_DIR"]).rglob("*") if each.is_file()}

def settled():
    before = None
    while before != (now := files()):  # Mesa writes on a thread of its own
        before = now
        time.sleep(0.1)
    return now

try:
    renderer = open_renderer("gl", 96, 54)
except NoGLError:
    print(json.dumps(None)); sys.exit()
told = {"is_software": renderer.is_software}
draw()
untried, tried = (INVERT % (1.0 + time.time() % 1000 / 1e5 + more) for more in (0.0, 0.5))  # texts that no cache knows
before = settled()
draw(untried)
told["untried"] = len(settled() - before)
vetting = VetProcess()
assert vetting.vet(tried, path=None, size_px=(96, 54)).ok
before = settled()
vetting.kill()
draw(tried)
told["tried"] = len(settled() - before)
renderer.close()
print(json.dumps(told))
"""


def known_cache(folder: Path) -> Path:
    """A new shader cache with the engine's own shaders from the user's cache, which take ten seconds to compile."""
    folders = (os.environ.get("MESA_SHADER_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME"), str(Path.home() / ".cache"))
    known = Path(next(folder for folder in folders if folder)) / "mesa_shader_cache"
    own = folder / "mesa_shader_cache"
    for part in known.glob("[0-9a-f][0-9a-f]"):
        try:
            shutil.copytree(part, own / part.name, copy_function=os.link)
        except OSError:  # another test writes there, or another disk: these few are compiled
            continue
    return folder


@pytest.mark.only_on("linux", reason="counts the files of Mesa's cache")
def test_putting_in_a_tried_shader_compiles_nothing(tmp_path: Path, require: Callable[[object, str], None]) -> None:
    """Each thing that Mesa's software rasteriser compiles is a file in its cache."""
    environment = {**os.environ, "MESA_SHADER_CACHE_DIR": str(known_cache(tmp_path))}
    done = subprocess.run([sys.executable, "-c", PLAY], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    require(counts and counts.pop("is_software"), "Mesa's software rasteriser (apt-get install libgl1-mesa-dri)")
    assert counts["untried"] >= 2 and counts["tried"] == 0
