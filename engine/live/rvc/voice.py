"""The LiveModel of voice conversion: the link to the child, the pipeline, and the voice's own audio
devices."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from engine.audio.input import LiveAudio
from engine.audio.open import open_capture, open_output
from engine.children.spec import ChildStatus
from engine.live.kit.child_link import require_complete
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.kit.scene import Scene
from engine.live.kit.sent_values import NOTHING
from engine.live.rvc.entry import RvcConfig
from engine.live.rvc.link import VoiceLink, spec_of
from engine.live.rvc.pipeline import VoicePipeline
from engine.models.rvc.check import check
from engine.params import Snapshot
from engine.values import PublishedFrame
from osc_schema.rvc import CHILD


class LiveRvc(VoiceLink):
    """The LiveModel of voice conversion; it has no pictures, so `show` and `feed` do nothing."""

    def __init__(self, entry: LiveEntry, around: Surroundings) -> None:
        """Open the voice's pipeline and devices. Of these, only the voice's own capture is already
        started."""
        config: RvcConfig = around.config.models[entry.name]
        audio = around.audio
        assert isinstance(audio, LiveAudio)  # live voice conversion does not run offline
        require_complete(spec_of(config), check)
        set_value = partial(around.store.set, by=CHILD)
        super().__init__(config, gate=around.gate, report=around.report, set_value=set_value)
        with ExitStack() as undo:
            undo.callback(super().close)
            self._capture = None
            """The voice's own input device; None if the voice is a channel of the run's main
            input."""
            if config.input != "audio":
                self._capture = open_capture(config.input, clock=around.clock, report=around.report)
                undo.callback(self._capture.close)
            self._output = open_output(config.output, clock=around.clock, report=around.report)
            if self._output is not None:
                undo.callback(self._output.close)
            capture = self._capture or audio.capture
            self.open_voice(capture.ring.sample_rate_hz)
            self.pipeline = VoicePipeline(
                self, capture, self._output, clock=around.clock, report=around.report
            )
            audio.voice = self.pipeline.listen(audio.sample_rate_hz)
            if self._capture is not None:
                self._capture.start()
            undo.pop_all()

    def describe(self, snapshot: Snapshot) -> list[str]:
        lines = [self.model]
        if self._output is None and not snapshot["/rvc/channel"]:
            lines.append(
                "(the voice is not heard yet: --rvc-output default plays it, /rvc/channel 1 draws "
                "it)"
            )
        return lines

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        return {}

    def start(self, snapshot: Snapshot) -> None:
        super().start(snapshot)
        self.pipeline.start()

    def follow(
        self,
        snapshot: Snapshot,
        values: Mapping[str, object] = NOTHING,
        moved: Mapping[str, float] = NOTHING,
    ) -> None:
        super().follow(snapshot, values, moved)
        self.pipeline.follow(values)

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        return

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        return

    def status(self) -> ChildStatus:
        """Status of the child plus the pipeline's facts. Any thread."""
        status = super().status()
        return replace(status, facts=status.facts | self.pipeline.facts())

    def close(self) -> None:
        for part in (self.pipeline, self._output, self._capture):
            if part is not None:
                part.close()
        super().close()
