"""The pictures of the two outputs: the first in its shape, and the second, which is drawn with the
time that is left.

The second shows the finished picture (`program`), or another preset in its own renderer on the same
context, with the sound, clock and master of the first. If it does not fit before the next frame is
due, it is left out.
"""

import math
from dataclasses import replace

from engine.control.commands.control_hub import ControlHub
from engine.control.commands.preset import WAITS_FOR
from engine.errors import PresetError, RenderError
from engine.live.kit.drawing import Drawing, deck_picture
from engine.live.kit.scene import Scene
from engine.params import Snapshot
from engine.params.preset_file import LoadedPreset
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.master import with_strobe
from engine.render.output_shape import CORNERS, Corners, OutputShape, is_convex
from engine.render.picture import PictureInput
from engine.render.source_maps import TOLD_AFTER_S
from engine.sinks.second_output import SecondStatus
from engine.sinks.sink_set import SHAPED, SinkSet
from engine.system.clock import Clock
from engine.system.frame_budget import FrameBudget, SpareTime
from engine.system.reporting import Report
from engine.values import AudioFeatures, FrameId, PublishedFrame
from osc_schema.fx import LOOK_SLOTS, file_address
from osc_schema.outputs import NUMBERS, SECOND

_CHANGED = "/output/2/look or its size changes"
_SMALLER = "choose a smaller /output/2/width and height"
TOO_DEAR = f"more than the first leaves: its rate falls; {_SMALLER}, or another look"
MAX_EXPECTED_S = 0.25
"""Limit for any picture beside the first, drawn, read and published: a longer standstill of the
first is seen."""
COPY_S_A_PX = 4e-9  # to publish a pixel, beside drawing and reading it
TRIAL_PX = 512 * 512  # of the program, with which its cost is measured: 10 ms on a processor


class Outputs:
    """Publishes what the two outputs show. Render thread, but `status` on any."""

    def __init__(
        self,
        drawing: Drawing,
        sinks: SinkSet,
        control_hub: ControlHub,
        stopwatch: Clock,
        budget: FrameBudget,
        report: Report,
    ) -> None:
        self._drawing = drawing
        self._decks = drawing.decks
        self._sinks = sinks
        self._control_hub = control_hub
        self._stopwatch = stopwatch
        self._budget = budget
        self._report = report
        self._pins: dict[int, Corners] = {number: CORNERS for number in NUMBERS}
        self._problems: dict[str, str] = {}
        self._second: GuardedRenderer | None = None
        self._drawn_preset: LoadedPreset | None = None
        self._frames = 0
        self._dropped = 0
        self._shows = "program"
        self._began_s = 0.0
        """Name of the preset that was drawn last, and the time at which it came."""
        self._pace = SpareTime()
        self._paced_for = object()
        self._look_s_a_px = 0.0
        self._program_s_a_px = 0.0
        """Seconds that a pixel of the second picture is expected to take; 0 while that is
        unknown."""
        self.status: SecondStatus | None = None
        """None while no sink publishes the second output."""

    def show_first(self, scene: Scene, snapshot: Snapshot, frame_id: FrameId) -> None:
        """Add the first output to the scene if it has a shape."""
        shape = self._shape(snapshot, 1, frame_id)
        if not shape.is_plain:
            scene.extra_pictures[SHAPED] = lambda renderer: renderer.output_picture(shape)

    def publish_second(
        self,
        frame: PublishedFrame,
        snapshot: Snapshot,
        scene: Scene,
        features: AudioFeatures,
    ) -> None:
        """Draw and publish the second output of this frame, if a sink wants it and it fits before
        the next is due."""
        if not self._sinks.wants(SECOND.name):
            self.status = None
            self.close()
            return
        shape = self._shape(snapshot, 2, frame.id)
        preset = self._chosen_preset(snapshot)
        if self._paced_for != (settings := (shape.requested_px, preset)):
            self._pace = SpareTime()
            self._paced_for = settings
            self._look_s_a_px = 0.0
            self._program_s_a_px = 0.0
            if self._problems.get("slots"):
                self.close()  # so that its shader is tried again
        renderer = self._drawing.renderer
        pace = self._pace
        is_offline = self._drawing.is_offline
        of_look = shape.of_look(is_cropped=renderer.shapes_outputs)
        if not is_offline:
            preset, shape = self._affordable(preset, of_look, shape)
        now_s = self._stopwatch.now_s()
        free_s = self._budget.next_due_s - now_s
        if is_offline or pace.allows(now_s, free_s):
            shows = "program"
            if preset is None:
                self.close()
            elif (second := self._second_of(of_look.picture_px)) is not None:
                second.draw(self._picture(preset, snapshot, scene, features, frame))
                state = second.shader_state
                lost = [
                    *state.failures.values(),
                    *(f"the shader in {slot} took too long" for slot in state.overruns),
                ]
                line = (
                    f"output 2: {preset.name}: {lost[0] if lost else ''}; it shows the program "
                    f"until {_CHANGED}"
                )
                self._report_once("slots", line if lost else "")
                if not lost:
                    renderer = second
                    shape = of_look
                    shows = preset.name
            self._sinks.publish_extra(frame, SECOND.name, renderer.output_picture(shape))
            pace.add(now_s, free_s, self._stopwatch.now_s() - now_s)
            self._shows = shows
            self._frames += 1
        else:
            self._dropped += 1
        line = f"output 2: a picture takes {pace.cost_s * 1000:.1f} ms, {TOO_DEAR}"
        self._report_once("pace", line if pace.failures > 1 and not is_offline else "")
        self.status = SecondStatus(
            *shape.size_px, pace.cost_s * 1000, self._frames, self._dropped, self._shows
        )

    def close(self) -> None:
        """Release the second renderer, which is not needed now, or whose context is gone.
        Idempotent."""
        if self._second is not None:
            self._second.close()
        self._second = None
        self._decks.second = None
        self._drawing.sources.other_readers = set()

    renew_context = close

    def _affordable(
        self, preset: LoadedPreset | None, of_look: OutputShape, shape: OutputShape
    ) -> tuple[LoadedPreset | None, OutputShape]:
        """The look that may be drawn, or None for the program, and the shape: neither stops the
        first output. A look is not drawn while it is unknown what looks cost."""
        renderer = self._drawing.renderer
        line = ""
        first_px = math.prod(renderer.size_px)
        if preset is not None:
            if not self._look_s_a_px:
                self._look_s_a_px = self._budget.usual_look_s / first_px
            if cost := _too_dear(of_look.picture_px, self._look_s_a_px):
                line = (
                    f"output 2: {preset.name} {cost}: it shows the program; {_SMALLER}, or "
                    "another look"
                )
            preset = preset if self._look_s_a_px and not line else None
        whole_px = shape.size_px
        if (
            preset is None
            and renderer.shapes_outputs
            and math.prod(whole_px) > max(first_px, TRIAL_PX)
        ):
            self._program_s_a_px = self._program_s_a_px or self._measure(shape.reduced(TRIAL_PX))
            if cost := _too_dear(whole_px, self._program_s_a_px):
                shape = shape.reduced(MAX_EXPECTED_S / (self._program_s_a_px + COPY_S_A_PX))
                whole, less = (f"{width}x{height}" for width, height in (whole_px, shape.size_px))
                line = f"output 2: {whole} of the program {cost}: it has {less}; {_SMALLER}"
        self._report_once("size", line)
        return preset, shape

    def _measure(self, shape: OutputShape) -> float:
        """Seconds that a pixel of the program takes in this shape."""
        self._drawing.renderer.output_picture(
            shape.reduced(1)
        ).read_rgba()  # a driver compiles at the first
        began_s = self._stopwatch.now_s()
        self._drawing.renderer.output_picture(shape).read_rgba()
        return (self._stopwatch.now_s() - began_s) / math.prod(shape.size_px)

    def _shape(self, snapshot: Snapshot, number: int, frame_id: FrameId) -> OutputShape:
        """The shape of an output; corners that cross are reported, and the last ones stay."""
        shape = OutputShape.from_values(
            snapshot, number, self._drawing.renderer.size_px, frame_id.index
        )
        is_valid = shape.pin in (CORNERS, self._pins[number]) or is_convex(shape.pin)
        fault = f"/output/{number}/pin: the four corners cross or lie in a line; the last ones stay"
        self._report_once(f"pin.{number}", "" if is_valid else fault)
        self._pins[number] = shape.pin if is_valid else self._pins[number]
        return replace(shape, pin=self._pins[number])

    def _chosen_preset(self, snapshot: Snapshot) -> LoadedPreset | None:
        """The preset of the second output; None for the program, also instead of one that is
        missing. The one before, while its shader is tested."""
        problem = ""
        preset = None
        if snapshot["/output/2/source"] == "look":
            try:
                preset = self._control_hub.preset_control.cache.get(str(snapshot["/output/2/look"]))
            except PresetError as error:
                problem = f"/output/2/look: {error}; output 2 shows the program"
            last = self._drawn_preset if self._second is not None else None
            shader = (
                ""
                if preset in (None, last)
                else self._control_hub.shaders.awaited_by(preset.by_address())
            )
            if preset is not None and shader:
                problem = (
                    f"output 2: {preset.name}: {WAITS_FOR.format(shader=shader)}; what it "
                    "shows goes on"
                )
                preset = last
        self._report_once("look", problem)
        return preset

    def _second_of(self, size_px: tuple[int, int]) -> GuardedRenderer | None:
        """The second renderer in this size; None if the machine refuses it, which is reported."""
        try:
            if self._second is None:
                self._second = self._drawing.renderer.open_second(size_px, self._report)
            elif self._second.size_px != size_px:
                self._second.resize(*size_px)
        except RenderError as error:
            self._report_once(
                "renderer", f"output 2: no second look here ({error}); it shows the program"
            )
            return None
        self._report_once("renderer", "")
        return self._second

    def _picture(
        self,
        preset: LoadedPreset,
        snapshot: Snapshot,
        scene: Scene,
        features: AudioFeatures,
        frame: PublishedFrame,
    ) -> PictureInput:
        """The renderer's input for the second look."""
        decks = self._decks
        own_values = preset.by_address()
        if preset is not self._drawn_preset or decks.second is None:
            self._drawn_preset = preset
            decks.second = decks.on_air.copy(decks.new_number())
            self._began_s = frame.id.time_s
        second = decks.second
        # What presets do not contain, such as the master, is that of the first.
        values = {**decks.on_air.values, **own_values}
        second.values = values
        second.modulate(features, time_s=frame.id.time_s, beat=frame.beat.beat)
        own_features = features if decks.beside else features.for_outgoing()
        picture = deck_picture(second, own_features, scene, scene.regions, frame.id)
        look = with_strobe(picture.look, second.values, frame.beat.beat, frame.id.time_s)
        lists = self._control_hub.shaders
        is_offline = self._drawing.is_offline
        # Offline the bytes must not depend on when a test ends.
        shaders = () if is_offline else lists.second_shaders(second.values, snapshot)
        files = [str(file) for slot in LOOK_SLOTS if (file := own_values.get(file_address(slot)))]
        faults = [
            f"{file}: plays only live" if is_offline else lists.fault_of(file) for file in files
        ]
        waits = "it is being tested" if frame.id.time_s - self._began_s > TOLD_AFTER_S else ""
        fault = next(filter(None, faults), waits) if len(shaders) < len(files) else ""
        self._report_once(
            "shaders", fault and f"output 2: {preset.name} is drawn without a shader: {fault}"
        )
        second.values = values  # the sound of the next frame is analysed with these
        sources = self._drawing.sources
        sources.other_readers = {each.file.title for each in shaders if each.file.source_maps}
        return PictureInput(
            on_air=replace(picture, look=look), shaders=shaders, source=sources.latest
        )

    def _report_once(self, key: str, line: str) -> None:
        """Report a line once, until it has another text."""
        if line != self._problems.get(key, ""):
            self._problems[key] = line
            if line:
                self._report(f"output.{key}", line)


def _too_dear(size_px: tuple[int, int], s_a_px: float) -> str:
    """Return the cost of a picture of that size, if it would stop the first output; else ""."""
    expected_s = math.prod(size_px) * (s_a_px + COPY_S_A_PX)
    is_too_dear = expected_s > MAX_EXPECTED_S
    return (
        f"would take {expected_s * 1000:.0f} ms a picture and stop the first" if is_too_dear else ""
    )
