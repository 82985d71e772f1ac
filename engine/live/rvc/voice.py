"""The LiveModel of voice conversion: the link to the child, the desk, and the voice's own audio devices."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from engine.audio.device import DeviceOutput
from engine.audio.feed import Capture
from engine.audio.input import LiveAudio
from engine.audio.open import open_capture, open_output
from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.live.kit.child_link import require_complete
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.kit.scene import Scene
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.entry import RvcConfig
from engine.live.rvc.link import VoiceLink, spec_of
from engine.models.rvc.check import check
from engine.params import Snapshot
from engine.values import PublishedFrame
from osc_schema.rvc import CHILD


class LiveRvc:
    """A LiveModel without pictures: `show` and `feed` do nothing. Closes all parts passed to it."""

    def __init__(
        self, link: VoiceLink, desk: VoiceDesk, *, capture: Capture | None, output: DeviceOutput | None
    ) -> None:
        """`capture`: the voice's own input device; None if the voice is a channel of the run's main input."""
        self.name = link.name
        self.link, self.desk, self._capture, self._output = link, desk, capture, output

    @property
    def supervisor(self) -> Supervisor:
        return self.link.supervisor

    def describe(self, snapshot: Snapshot) -> list[str]:
        lines = [self.link.model]
        if self._output is None and not snapshot["/rvc/channel"]:
            lines.append("(the voice is not heard yet: --rvc-output default plays it, /rvc/channel 1 draws it)")
        return lines

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        return {}

    def start(self, snapshot: Snapshot) -> None:
        self.link.start(snapshot)
        self.desk.start()

    def follow(self, snapshot: Snapshot, values: Mapping[str, object], moved: Mapping[str, float]) -> None:
        self.link.follow(snapshot, moved)
        self.desk.follow(values)

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        return

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        return

    def status(self) -> ChildStatus:
        """Status of the child plus the desk's facts. Any thread."""
        status = self.link.status()
        return replace(status, facts=status.facts | self.desk.facts())

    def ask_to_end(self) -> None:
        self.link.ask_to_end()

    def close(self) -> None:
        for part in (self.desk, self._output, self._capture, self.link):
            if part is not None:
                part.close()


def open_rvc(entry: LiveEntry, around: Surroundings) -> LiveRvc:
    """Open the voice's link, desk and devices. Of these, only the voice's own capture is already started."""
    config: RvcConfig = around.config.models[entry.name]
    audio = around.audio
    assert isinstance(audio, LiveAudio)  # live voice conversion does not run offline
    require_complete(spec_of(config), check)
    with ExitStack() as undo:
        set_value = partial(around.store.set, by=CHILD)
        link = VoiceLink(config, gate=around.gate, report=around.report, set_value=set_value)
        undo.callback(link.close)
        own_capture = None
        if config.input != "audio":
            own_capture = open_capture(config.input, clock=around.clock, report=around.report)
            undo.callback(own_capture.close)
        output = open_output(config.output, clock=around.clock, report=around.report)
        if output is not None:
            undo.callback(output.close)
        capture = own_capture or audio.capture
        link.open_voice(capture.ring.sample_rate_hz)
        desk = VoiceDesk(link, capture, output, clock=around.clock, report=around.report)
        audio.voice = desk.listen(audio.sample_rate_hz)
        if own_capture is not None:
            own_capture.start()
        undo.pop_all()
    return LiveRvc(link, desk, capture=own_capture, output=output)
