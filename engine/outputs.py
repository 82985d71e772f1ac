"""The pictures of the two outputs: the first in its shape, and the second, which is drawn with the
time that is left.

The second shows the finished picture (`program`), or another preset (live/kit/second_look.py). If
it does not fit before the next frame is due, it is left out.
"""

import math
from dataclasses import replace

from engine.control.commands.control_hub import ControlHub
from engine.live.kit.drawing import Drawing
from engine.live.kit.scene import Scene
from engine.live.kit.second_look import SecondLook
from engine.params import Snapshot
from engine.params.preset_file import LoadedPreset
from engine.render.output_shape import CORNERS, Corners, OutputShape, is_convex
from engine.sinks.second_output import SecondStatus
from engine.sinks.sink_set import SHAPED, SinkSet
from engine.system.clock import Clock
from engine.system.frame_budget import FrameBudget, SpareTime
from engine.system.reporting import Report, ReportOnce
from engine.values import AudioFeatures, FrameId, PublishedFrame
from osc_schema.outputs import NUMBERS, SECOND

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
        self._sinks = sinks
        self._stopwatch = stopwatch
        self._budget = budget
        self._report_once = ReportOnce(report)
        self._pins: dict[int, Corners] = {number: CORNERS for number in NUMBERS}
        self._second = SecondLook(drawing, control_hub, report)
        self._costs = _PixelCosts()
        self._spare = SpareTime()
        self._settings: object = None
        """Size and preset of the second output, which its costs belong to."""
        self._frames = 0
        self._dropped = 0
        self._shows = "program"
        self.status: SecondStatus | None = None
        """None while no sink publishes the second output."""

    def show_first(self, scene: Scene, snapshot: Snapshot, frame_id: FrameId) -> None:
        """Add the first output to the scene if it has a shape."""
        shape = self._shape(snapshot, 1, frame_id)
        if not shape.is_plain:
            scene.extra_pictures[SHAPED] = lambda renderer: renderer.output_picture(shape)

    def publish_second(
        self, frame: PublishedFrame, snapshot: Snapshot, scene: Scene, features: AudioFeatures
    ) -> None:
        """Draw and publish the second output of this frame, if a sink wants it and it fits before
        the next is due."""
        if not self._sinks.wants(SECOND.name):
            self.status = None
            self.close()
            return
        shape = self._shape(snapshot, 2, frame.id)
        preset = self._second.chosen_preset(snapshot)
        self._follow_settings(shape, preset)
        of_look = shape.of_look(is_cropped=self._drawing.renderer.shapes_outputs)
        is_offline = self._drawing.is_offline
        if not is_offline:
            preset, look_line = self._affordable_preset(preset, of_look)
            shape, program_line = self._affordable_shape(shape, preset)
            self._report_once("output.size", program_line or look_line)
        now_s = self._stopwatch.now_s()
        free_s = self._budget.next_due_s - now_s
        if is_offline or self._spare.allows(now_s, free_s):
            self._publish(frame, snapshot, scene, features, preset, shape, of_look)
            self._spare.add(now_s, free_s, self._stopwatch.now_s() - now_s)
            self._frames += 1
        else:
            self._dropped += 1
        cost_ms = self._spare.cost_s * 1000
        is_too_dear = self._spare.failures > 1 and not is_offline
        line = f"output 2: a picture takes {cost_ms:.1f} ms, {TOO_DEAR}"
        self._report_once("output.pace", line if is_too_dear else "")
        self.status = SecondStatus(
            *shape.size_px, cost_ms, self._frames, self._dropped, self._shows
        )

    def close(self) -> None:
        """Release the second renderer, which is not needed now, or whose context is gone.
        Idempotent."""
        self._second.close()

    renew_context = close

    def _follow_settings(self, shape: OutputShape, preset: LoadedPreset | None) -> None:
        """Forget all costs when the second output's size or look changes."""
        settings = (shape.requested_px, preset)
        if settings != self._settings:
            self._settings = settings
            self._spare = SpareTime()
            self._costs = _PixelCosts()
            self._second.try_again()

    def _publish(
        self,
        frame: PublishedFrame,
        snapshot: Snapshot,
        scene: Scene,
        features: AudioFeatures,
        preset: LoadedPreset | None,
        shape: OutputShape,
        of_look: OutputShape,
    ) -> None:
        """Publish the preset, or the program without one or while it cannot be drawn."""
        renderer = None
        if preset is None:
            self.close()
        else:
            size_px = of_look.picture_px
            renderer = self._second.draw(preset, size_px, snapshot, scene, features, frame)
        if preset is not None and renderer is not None:
            self._sinks.publish_extra(frame, SECOND.name, renderer.output_picture(of_look))
            self._shows = preset.name
        else:
            program = self._drawing.renderer.output_picture(shape)
            self._sinks.publish_extra(frame, SECOND.name, program)
            self._shows = "program"

    def _affordable_preset(
        self, preset: LoadedPreset | None, of_look: OutputShape
    ) -> tuple[LoadedPreset | None, str]:
        """The preset that may be drawn, or None for the program: it must not stop the first output.
        It is not drawn while it is unknown what looks cost. Second, the line that says why it may
        not, or ""."""
        if preset is None:
            return None, ""
        if not self._costs.look_s:
            first_px = math.prod(self._drawing.renderer.size_px)
            self._costs.look_s = self._budget.usual_look_s / first_px
        cost = _too_dear(of_look.picture_px, self._costs.look_s)
        line = f"output 2: {preset.name} {cost}: it shows the program; {_SMALLER}, or another look"
        may_draw = bool(self._costs.look_s) and not cost
        return preset if may_draw else None, line if cost else ""

    def _affordable_shape(
        self, shape: OutputShape, preset: LoadedPreset | None
    ) -> tuple[OutputShape, str]:
        """This shape, or a smaller one if the program in it would stop the first output. Second,
        the line that says so, or ""."""
        renderer = self._drawing.renderer
        whole_px = shape.size_px
        largest_px = max(math.prod(renderer.size_px), TRIAL_PX)
        line = ""
        if preset is None and renderer.shapes_outputs and math.prod(whole_px) > largest_px:
            if not self._costs.program_s:
                self._costs.program_s = self._measure(shape.reduced(TRIAL_PX))
            cost = _too_dear(whole_px, self._costs.program_s)
            if cost:
                shape = shape.reduced(MAX_EXPECTED_S / (self._costs.program_s + COPY_S_A_PX))
                whole, less = (f"{width}x{height}" for width, height in (whole_px, shape.size_px))
                line = f"output 2: {whole} of the program {cost}: it has {less}; {_SMALLER}"
        return shape, line

    def _measure(self, shape: OutputShape) -> float:
        """Seconds that a pixel of the program takes in this shape."""
        renderer = self._drawing.renderer
        renderer.output_picture(shape.reduced(1)).read_rgba()  # a driver compiles at the first
        began_s = self._stopwatch.now_s()
        renderer.output_picture(shape).read_rgba()
        return (self._stopwatch.now_s() - began_s) / math.prod(shape.size_px)

    def _shape(self, snapshot: Snapshot, number: int, frame_id: FrameId) -> OutputShape:
        """The shape of an output; corners that cross are reported, and the last ones stay."""
        picture_px = self._drawing.renderer.size_px
        shape = OutputShape.from_values(snapshot, number, picture_px, frame_id.index)
        last = self._pins[number]
        is_valid = shape.pin in (CORNERS, last) or is_convex(shape.pin)
        fault = f"/output/{number}/pin: the four corners cross or lie in a line; the last ones stay"
        self._report_once(f"output.pin.{number}", "" if is_valid else fault)
        self._pins[number] = shape.pin if is_valid else last
        return replace(shape, pin=self._pins[number])


class _PixelCosts:
    """Seconds that a pixel of the second picture is expected to take; 0 while that is unknown."""

    def __init__(self) -> None:
        self.look_s = 0.0
        self.program_s = 0.0


def _too_dear(size_px: tuple[int, int], s_a_px: float) -> str:
    """Return the cost of a picture of that size, if it would stop the first output; else ""."""
    expected_s = math.prod(size_px) * (s_a_px + COPY_S_A_PX)
    if expected_s <= MAX_EXPECTED_S:
        return ""
    return f"would take {expected_s * 1000:.0f} ms a picture and stop the first"
