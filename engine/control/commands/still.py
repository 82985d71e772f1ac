"""`/still/take` and `/still/to`: put a still of the program on a pad.

A shader with one picture, which a preset plays, shows it."""

import json
from collections import deque
from functools import partial
from itertools import count
from typing import Final

import numpy as np

import osc_schema
from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.control.commands.bank import BankControl
from engine.control.commands.shader import ShaderControl
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.isf_file import MAX_IMPORT_PX
from engine.sinks.snapshot import encode_png
from engine.system import folders
from engine.system.atomic_file import write_atomic
from osc_schema import Rejected, Value
from osc_schema.fx import GENERATOR, file_address
from osc_schema.look_changes import handy_macros

_SHADER: Final = """/*%s*/
void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * aspect / (1.0 + 3.0 * zoom);
    float s = sin(6.28318531 * turn), k = cos(6.28318531 * turn);
    p = mat2(k, s, -s, k) * p;
    p = p / aspect + 0.04 * ripple * sin(25.0 * p.yx + TIME) + 0.5;
    vec3 grey = vec3(0.57735), c = IMG_NORM_PIXEL(still, abs(mod(p + 1.0, 2.0) - 1.0)).rgb;
    c = mix(grey * dot(grey, c), c, cos(6.28318531 * hue)) + sin(6.28318531 * hue) * cross(grey, c);
    gl_FragColor = vec4(c, 1.0);
}
"""
_MOVES: Final = {"zoom": 2, "turn": 3, "ripple": 4, "hue": 5}
"""The macro that moves each input; the others move what all pictures have."""
_PLAIN: Final = {
    param.address: param.default for param in osc_schema.DECLARED if param.is_look and param.stored
}


class StillControl:
    """The command. On OSC's threads; `step` on the render thread."""

    def __init__(
        self,
        context: CommandContext,
        renderer: GuardedRenderer,
        shaders: ShaderControl,
        banks: BankControl,
    ) -> None:
        self._store = context.store
        self._folder = folders.stills_folder()
        self._renderer = renderer
        self._catalog = shaders.catalog
        self._banks = banks
        self._disk = context.disk.open("stills", self._folder)
        self._requested: deque[tuple[int, Reply]] = deque()
        self._written: deque[tuple[str, int, Reply]] = deque()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/still/take", self._take)
        table.add("/still/to", self._take)

    def close(self) -> None:
        self._disk.close()

    def _take(self, reply: Reply, pad: int = 0) -> None:
        """Take a still for that pad; 0: for the next free one."""
        if not self._renderer.shader_driver:
            raise Rejected(
                "a still is shown by a shader, which needs OpenGL (multiverse doctor says how to "
                "get it)"
            )
        if self._requested or self._disk.waiting:
            raise Rejected("the last still is not written yet: try again in a moment")
        self._requested.append((pad, reply))

    def step(self) -> None:
        """Read the picture that was drawn, without a blackout, and make presets of stills whose
        shader is listed."""
        while self._requested:
            pad, reply = self._requested.popleft()
            pixels = self._renderer.behind_reader(min(MAX_IMPORT_PX, max(self._renderer.size_px)))()
            self._disk.post(partial(self._write, pixels, pad, reply), reply.fail)
        for name, pad, reply in tuple(self._written):  # a copy: the disk's thread appends
            if self._catalog.find(name) is None:
                continue
            self._written.remove((name, pad, reply))
            look = _PLAIN | {file_address(GENERATOR): name, f"/fx/{GENERATOR}/mix": 1.0}
            # black until it is tested
            look |= {f"/layer/{number}/intensity": 0.0 for number in range(1, 5)}
            macros: dict[str, Value] = {"/macro/moves/6": "/post/glow 0 1", "/macro/name/6": "Haze"}
            for number, (each, macro) in enumerate(_MOVES.items(), start=1):
                macros[f"/macro/moves/{macro}"] = f"/fx/{GENERATOR}/{number} 0 1"
                macros[f"/macro/name/{macro}"] = "Colour" if each == "hue" else each.capitalize()
            look |= handy_macros(look | macros)
            values = self._store.snapshot().to_dict() | dict(look)
            reply.attempt(partial(self._banks.save, name, values, pad, reply))

    def _write(self, pixels: np.ndarray, pad: int, reply: Reply) -> None:
        """Write the picture and its shader. The disk's thread."""
        self._folder.mkdir(parents=True, exist_ok=True)
        names = (f"Still {number}" for number in count(1))
        name = next(
            name
            for name in names
            if not ((self._folder / f"{name}.fs").exists() or self._banks.has_preset(name))
        )
        write_atomic(self._folder / f"{name}.png", encode_png(pixels))
        header: dict[str, object] = {
            "ISFVSN": "2",
            "DESCRIPTION": "A still.",
            "IMPORTED": {"still": {"PATH": f"{name}.png"}},
        }
        header["INPUTS"] = [
            {"NAME": each, "TYPE": "float", "DEFAULT": 0, "MIN": 0, "MAX": 1} for each in _MOVES
        ]
        write_atomic(self._folder / f"{name}.fs", _SHADER % json.dumps(header))
        self._written.append((name, pad, reply))
