"""The engine's end of the SAM3 child: pictures in, parameters in, masks out, each with the picture it was found in.

All of it runs on the frame loop's thread and waits for nothing; see `engine.live.sd.link`, which is made alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.config import Sam3Config
from engine.errors import SharedMemoryError
from engine.ipc import Gate
from engine.ipc.segmentation_sheet import read_sheet
from engine.live.kit.fed_pictures import FedPictures
from engine.live.kit.finished_picture import finished_picture
from engine.live.kit.output_ring import OutputRing
from engine.live.kit.requests import Requests
from engine.live.kit.sent_values import NOTHING, ToldValues
from engine.live.kit.source_rings import SourceRings
from engine.live.sam3.settings import PRELOAD
from engine.live.sam3.spec import AS_DECLARED, BUILT, built, spec_of
from engine.params import Snapshot
from engine.sources import Source
from engine.system.daemon_worker import DaemonWorker
from engine.system.reporting import Report
from engine.values import FINISHED, FrameId, Segmentation, VideoFrame
from osc_schema.sam3 import CHILD, PROMPTS

LOOP = "engine.live.sam3.loop:run"
REPEAT_S = 0.1  # a still picture is looked at again so often at most: prompts change under it


@dataclass(frozen=True, slots=True, kw_only=True)
class MasksView:
    """What there is to see of SAM3 at one frame."""

    found: Segmentation | None
    """None: as if there were no SAM3. The same object until the next result."""
    picture: VideoFrame | None
    """That it was found in; without masks the newest picture that SAM3 would look at."""

    @property
    def is_of_finished(self) -> bool:
        """It was found in the finished picture, not in one that layer 5 may show, cropped and mirrored."""
        return self.picture is not None and self.picture.source == FINISHED


class SegmentationLink:
    """Frame loop's thread, but for `supervisor` and `status`."""

    def __init__(
        self,
        config: Sam3Config,
        *,
        video: Source | None,
        has_camera: Callable[[], bool],
        gate: Gate,
        report: Report,
        set_values: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """`set_values(values)` puts parameters back that could not be had. Any thread."""
        import cv2  # noqa: F401  0.1 s, before the first frame is due: finished_picture uses it

        self._config = config
        self._spec = spec_of(config)
        self._video = video
        self._has_camera = has_camera
        self._report = report
        self._set_values = set_values
        self.supervisor = Supervisor(
            ChildSpec(name=CHILD, loop=LOOP, settings=self._settings(AS_DECLARED), preload=PRELOAD),
            report=report,
            gate=gate,
        )
        self.supervisor.on_swap = self._on_swap
        self._builds: Requests[dict[str, Any]] = Requests(AS_DECLARED)
        """Values of `BUILT`, by address."""
        self._worker = DaemonWorker("sam3 rings")
        connect = partial(self.supervisor.connect_input, "source")
        self._input = SourceRings("sam3 source", self._worker, connect, report)
        self._output = OutputRing(self.supervisor, "objects")
        self._told = ToldValues(CHILD)
        self._values: Snapshot | None = None
        self._found: Segmentation | None = None
        self._picture: VideoFrame | None = None
        """That `_found` was found in."""
        self._fed = FedPictures()
        self._fed_count = 0
        self._fed_s = 0.0
        self._newest: VideoFrame | None = None
        """What SAM3 would look at now."""
        self._prompts: tuple[str, ...] = ()
        self._is_loop = False

    def start(self, values: Snapshot) -> None:
        """Begin to load the model as these values have it."""
        build = self._built_as(values)
        self._builds.begin(build)
        self.supervisor.swap(self._settings(build))
        self.supervisor.start()

    def ask_to_end(self) -> None:
        """Begin to end without waiting: the child is asked to stop."""
        self.supervisor.on_swap = None  # one that is under way now fails nobody
        self.supervisor.ask_to_end()

    def close(self) -> None:
        self.ask_to_end()
        self._worker.shutdown()
        self.supervisor.close()
        self._output.close()
        self._input.close()

    def status(self) -> ChildStatus:
        """Any thread. After `close`: what the child last said of itself."""
        return self.supervisor.status()

    # -- parameters ----------------------------------------------------------------------------

    def follow(self, values: Snapshot, moved: Mapping[str, float] = NOTHING) -> None:
        """Tell the child what has changed since the last frame; another build is a planned swap."""
        self._values = values
        news = self._told.news(values, moved)
        plain = {address: value for address, value in news.items() if address not in BUILT.values()}
        if plain:
            self.supervisor.set_values(plain)
            self._prompts = tuple(str(values[f"/sam3/prompt/{n}"]) for n in PROMPTS)
        if not news.keys().isdisjoint(BUILT.values()) and (build := self._built_as(values)) != self._builds.newest:
            self._builds.begin(build)
            self.supervisor.swap(self._settings(build))

    @property
    def prompts(self) -> tuple[str, ...]:
        """The four of them, "" where there is none."""
        return self._prompts

    def _on_swap(self, is_done: bool, reason: str) -> None:
        """The supervisor's thread: of the swaps under way the first has ended."""
        _, is_last = self._builds.end(is_done)
        if not is_done and is_last:  # else it was given up for the next; why, the supervisor has told
            self._set_values(self._builds.in_force)

    @staticmethod
    def _built_as(values: Snapshot) -> dict[str, Any]:
        return {address: values[address] for address in BUILT.values()}

    def _settings(self, build: Mapping[str, Any]) -> dict[str, Any]:
        config = self._config
        return {
            "spec": asdict(built(self._spec, build)),
            "device": config.device,
            "dtype": config.dtype,
            "threads": config.threads,
        }

    # -- pictures in ---------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """Where the pictures come from: /sam3/source with `auto` decided."""
        assert self._values is not None
        chosen = str(self._values["/sam3/source"])
        return chosen if chosen != "auto" else "camera" if self._has_camera() else "multiverse"

    def feed(
        self,
        tick: FrameId,
        now_s: float,
        *,
        camera: VideoFrame | None,
        sd: VideoFrame | None,
        read_picture: Callable[[], np.ndarray],
    ) -> None:
        """Hand the child a picture if it wants one. `read_picture` reads back what was drawn last, RGBA."""
        is_wanted = self.is_enabled and self.supervisor.wants_frame
        self._fed.follow_wish(is_wanted)
        self._warn_of_loop()
        if self.source != "multiverse":
            frame = {"camera": camera, "sd": sd, "video": self._latest_of_video()}[self.source]
        elif is_wanted or (self.is_enabled and self._shows_source):
            frame = finished_picture(read_picture(), tick)
        elif self.is_enabled:
            return
        else:
            frame = None  # the last one would stand there, frozen, until it is switched on again
        self._newest = frame
        if frame is None or not is_wanted:
            return
        is_new = frame is not self._fed.newest
        if is_new or now_s - self._fed_s >= REPEAT_S:
            number = FrameId(index=self._fed_count, time_s=tick.time_s)
            if self._input.write(frame.pixels, number, now_s):
                self._fed.add(self._fed_count, frame)
                self._fed_count += 1
                self._fed_s = now_s

    def _warn_of_loop(self) -> None:
        """Said once each time it begins: what is cut away is not found in the finished picture, and comes back."""
        assert self._values is not None
        is_loop = self.is_enabled and self.source == "multiverse" and self._values["/layer/5/matte"] != "all"
        if is_loop and not self._is_loop:
            self._report(
                "sam3.loop",
                "/layer/5/matte cuts what SAM3 finds in the finished picture: it sees its own cut; "
                "choose another /sam3/source",
            )
        self._is_loop = is_loop

    def _latest_of_video(self) -> VideoFrame | None:
        return None if self._video is None else self._video.latest_frame()

    # -- masks out -----------------------------------------------------------------------------

    def view(self) -> MasksView:
        """What is seen of SAM3 now. Takes the newest result."""
        self._take_newest()
        if not self.is_enabled:  # what was seen before a pause, or as it began, is not shown after it
            self._found = self._picture = None
        if not self.is_enabled or self._shows_source:
            return MasksView(found=None, picture=self._newest)
        return MasksView(found=self._found, picture=self._picture)

    @property
    def is_enabled(self) -> bool:
        return self._values is not None and bool(self._values["/sam3/enable"])

    @property
    def _shows_source(self) -> bool:
        """Without masks: because there are none yet, or because the child is away and nobody wants the last ones."""
        assert self._values is not None
        is_away = self._values["/sam3/fallback"] == "source" and self.supervisor.status().is_away
        return self._found is None or is_away

    def _take_newest(self) -> None:
        sheet = self._output.newest()
        if sheet is None:
            return
        try:
            self._found = read_sheet(sheet.pixels, index=sheet.index, time_s=sheet.time_s)
        except SharedMemoryError as error:
            self._report("sam3.masks", f"sam3: {error}; the last masks stay")
            return
        self._picture = self._fed.answered(sheet.index) or self._newest
