"""Mixes two finished pictures with OpenGL: by weight, or by one of the blends (mix.glsl)."""

import moderngl

from engine.render.gl_textures import Target, release_all
from engine.render.shader_source import Pass
from osc_schema.presets import BLENDS


class Mixer:
    """The passes that mix. Render thread, context current."""

    def __init__(self, context: moderngl.Context) -> None:
        self.plain = Pass(context, "mix", u_current=0, u_previous=1)
        """Mixes by weight; also for graphics and the crossfades of layer 5."""
        self._blend = Pass(context, "mix", ("BLEND",), u_current=0, u_previous=1)

    def mix(self, outgoing: Target, incoming: Target, mix: float, into: Target) -> Target:
        """Draw (1 - mix) x outgoing + mix x incoming, alpha too. Returns `into`."""
        return self._run(self.plain, outgoing, incoming, mix, into)

    def blend(
        self, outgoing: Target, incoming: Target, mix: float, into: Target, blend: str, key: float
    ) -> Target:
        """Draw one of BLENDS; `key` as of `OutgoingLook`. Returns `into`."""
        self._blend["u_blend"] = BLENDS.index(blend)
        self._blend["u_key"] = key
        return self._run(self._blend, outgoing, incoming, mix, into)

    def warm_up(self, source: Target, into: Target) -> None:
        """Draw with each pass: drivers finish compiling at the first draw."""
        for each in (self.plain, self._blend):
            self._run(each, source, source, 0.5, into)

    def release(self) -> None:
        release_all(self.plain, self._blend)

    def _run(
        self, program: Pass, outgoing: Target, incoming: Target, mix: float, into: Target
    ) -> Target:
        program["u_fraction"] = mix
        incoming.texture.use(0)
        outgoing.texture.use(1)
        program.draw(into.framebuffer)
        return into
