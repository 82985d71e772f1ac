"""Live voice conversion as the frame loop sees it: the child's link, the desk, and the devices of their own."""

from collections.abc import Mapping
from dataclasses import replace

from engine.audio.input import Capture
from engine.audio.output import DeviceOutput
from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.live.kit.scene import Scene
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.link import VoiceLink
from engine.params import Snapshot
from engine.values import PublishedFrame


class LiveRvc:
    """A LiveModel without pictures: it neither shows nor is fed any. Closes all parts that it was given."""

    def __init__(
        self, link: VoiceLink, desk: VoiceDesk, *, capture: Capture | None, output: DeviceOutput | None
    ) -> None:
        """`capture`: the voice's own input, None if it is a channel of the run's sound."""
        self.name = link.name
        self.link = link
        self.desk = desk
        self._capture = capture
        self._output = output

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
        """The child's, with the facts that only the desk knows. Any thread."""
        status = self.link.status()
        return replace(status, facts=status.facts | self.desk.facts())

    def ask_to_end(self) -> None:
        self.link.ask_to_end()

    def close(self) -> None:
        for part in (self.desk, self._output, self._capture, self.link):
            if part is not None:
                part.close()
