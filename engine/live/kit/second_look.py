"""The look of the second output: a preset of its own, drawn in a renderer of its own on the same
context, with the sound, clock and master of the first."""

from dataclasses import replace

from engine.control.commands.control_hub import ControlHub
from engine.control.commands.preset import WAITS_FOR
from engine.errors import PresetError, RenderError
from engine.live.kit.drawing import Drawing, deck_picture
from engine.live.kit.scene import Scene
from engine.params import Snapshot
from engine.params.decks import Deck
from engine.params.preset_file import LoadedPreset
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.isf_file import ShaderSlot
from engine.render.master import with_strobe
from engine.render.picture import PictureInput
from engine.render.source_maps import TOLD_AFTER_S
from engine.system.reporting import Report, ReportOnce
from engine.values import AudioFeatures, PublishedFrame
from osc_schema.fx import LOOK_SLOTS, file_address

_CHANGED = "/output/2/look or its size changes"


class SecondLook:
    """Draws the deck of the second output. Render thread."""

    def __init__(self, drawing: Drawing, control_hub: ControlHub, report: Report) -> None:
        self._drawing = drawing
        self._decks = drawing.decks
        self._control_hub = control_hub
        self._report = report
        self._report_once = ReportOnce(report)
        self._renderer: GuardedRenderer | None = None
        self._drawn_preset: LoadedPreset | None = None
        self._began_s = 0.0
        """Time of the first frame with this preset."""

    def chosen_preset(self, snapshot: Snapshot) -> LoadedPreset | None:
        """The preset that is chosen; None for the program, also instead of one that is missing. The
        one before, while its shader is tested."""
        if snapshot["/output/2/source"] != "look":
            self._report_once("output.look", "")
            return None
        try:
            preset = self._control_hub.preset_control.cache.get(str(snapshot["/output/2/look"]))
        except PresetError as error:
            self._report_once("output.look", f"/output/2/look: {error}; output 2 shows the program")
            return None
        last = self._drawn_preset if self._renderer is not None else None
        shader = ""
        if preset is not last:
            shader = self._control_hub.shaders.awaited_by(preset.by_address())
        waits = WAITS_FOR.format(shader=shader)
        line = f"output 2: {preset.name}: {waits}; what it shows goes on"
        self._report_once("output.look", line if shader else "")
        return last if shader else preset

    def draw(
        self,
        preset: LoadedPreset,
        size_px: tuple[int, int],
        snapshot: Snapshot,
        scene: Scene,
        features: AudioFeatures,
        frame: PublishedFrame,
    ) -> GuardedRenderer | None:
        """Draw the preset in this size. Returns the renderer that has its picture; None if the
        machine refuses it, or one of its shaders fails, which is reported."""
        renderer = self._open(size_px)
        if renderer is None:
            return None
        deck = self._deck_of(preset, frame)
        renderer.draw(self._picture(deck, preset, snapshot, scene, features, frame))
        state = renderer.shader_state
        overruns = [f"the shader in {slot} took too long" for slot in state.overruns]
        reasons = [*state.failures.values(), *overruns]
        reason = reasons[0] if reasons else ""
        line = f"output 2: {preset.name}: {reason}; it shows the program until {_CHANGED}"
        self._report_once("output.slots", line if reasons else "")
        return None if reasons else renderer

    def try_again(self) -> None:
        """Forget a renderer in which a shader has failed, because another look or size was
        chosen."""
        if self._report_once.has("output.slots"):
            self.close()

    def close(self) -> None:
        """Release the renderer, which is not needed now, or whose context is gone. Idempotent."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None
        self._decks.second = None
        self._drawing.sources.other_readers = set()

    def _open(self, size_px: tuple[int, int]) -> GuardedRenderer | None:
        """The renderer in this size; None if the machine refuses it, which is reported."""
        line = ""
        try:
            if self._renderer is None:
                self._renderer = self._drawing.renderer.open_second(size_px, self._report)
            elif self._renderer.size_px != size_px:
                self._renderer.resize(*size_px)
        except RenderError as error:
            line = f"output 2: no second look here ({error}); it shows the program"
        self._report_once("output.renderer", line)
        return None if line else self._renderer

    def _deck_of(self, preset: LoadedPreset, frame: PublishedFrame) -> Deck:
        """The deck of this preset; a new one if another was drawn before."""
        decks = self._decks
        if decks.second is None or preset is not self._drawn_preset:
            decks.second = decks.on_air.copy(decks.new_number())
            self._drawn_preset = preset
            self._began_s = frame.id.time_s
        return decks.second

    def _picture(
        self,
        deck: Deck,
        preset: LoadedPreset,
        snapshot: Snapshot,
        scene: Scene,
        features: AudioFeatures,
        frame: PublishedFrame,
    ) -> PictureInput:
        # What presets do not contain, such as the master, is that of the first.
        set_values = {**self._decks.on_air.values, **preset.by_address()}
        time_s = frame.id.time_s
        beat = frame.beat.beat
        deck.values = set_values
        deck.modulate(features, time_s=time_s, beat=beat)
        own_features = features if self._decks.beside else features.for_outgoing()
        picture = deck_picture(deck, own_features, scene, scene.regions, frame.id)
        look = with_strobe(picture.look, deck.values, beat, time_s)
        shaders: tuple[ShaderSlot, ...] = ()
        # Offline the bytes must not depend on when a test ends.
        if not self._drawing.is_offline:
            shaders = self._control_hub.shaders.second_shaders(deck.values, snapshot)
        self._report_missing(preset, shaders, time_s)
        deck.values = set_values  # the sound of the next frame is analysed with these
        sources = self._drawing.sources
        sources.other_readers = {each.file.title for each in shaders if each.file.source_maps}
        return PictureInput(
            on_air=replace(picture, look=look), shaders=shaders, source=sources.latest
        )

    def _report_missing(
        self, preset: LoadedPreset, shaders: tuple[ShaderSlot, ...], time_s: float
    ) -> None:
        """Report a shader of the preset that is not drawn, with the reason."""
        own_values = preset.by_address()
        files = [str(file) for slot in LOOK_SLOTS if (file := own_values.get(file_address(slot)))]
        fault = ""
        if len(shaders) < len(files):
            faults = [self._fault_of(file) for file in files]
            is_long = time_s - self._began_s > TOLD_AFTER_S
            fault = next(filter(None, faults), "it is being tested" if is_long else "")
        line = f"output 2: {preset.name} is drawn without a shader: {fault}"
        self._report_once("output.shaders", line if fault else "")

    def _fault_of(self, file: str) -> str:
        if self._drawing.is_offline:
            return f"{file}: plays only live"
        return self._control_hub.shaders.fault_of(file)
