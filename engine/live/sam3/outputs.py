"""The outputs derived from the masks: OSC messages, layer 5's matte, the region map, two textures,
a control image.

The same Segmentation object is passed until there is a new result, which is detected by object
identity.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial

import numpy as np

from engine.live.kit.scene import MasksView, Scene, WriteControlImage
from engine.render.guarded_renderer import GuardedRenderer
from engine.system.daemon_worker import DaemonWorker
from engine.values import FrameId, LazyPicture, Segmentation

Notify = Callable[..., None]


class MaskOutputs:
    """Publishes the masks as OSC, pictures and control image, which another thread draws. Render
    thread."""

    def __init__(self, notify: Notify) -> None:
        """`notify(address, *args)` sends an OSC message to every subscriber."""
        self._notify = notify
        self._last_sent: Segmentation | None = None
        self._size_px = (1, 1)
        self._worker = DaemonWorker("sam3 control")
        self._painting: tuple[Segmentation, Future[np.ndarray]] | None = None
        self._painted: tuple[Segmentation | None, np.ndarray] | None = None
        self._last_written: tuple[Segmentation | None, np.ndarray] | None = None

    def close(self) -> None:
        self._worker.shutdown()

    def add_to(self, scene: Scene, view: MasksView, values: Mapping[str, object]) -> None:
        """Add the masks and their two extra pictures to the scene. They are drawn only when a sink
        requests them."""
        scene.masks = view
        if view.picture is not None:
            self._size_px = view.picture.pixels.shape[1], view.picture.pixels.shape[0]
        scene.extra_pictures["sam3"] = partial(self._draw_masks, view, values)
        scene.extra_pictures["sam3_mask"] = lambda drawing: drawing.id_picture(
            view.segmentation, size_px=self._size_px
        )

    def notify_objects(self, view: MasksView) -> None:
        """Send each result once over OSC: the number of objects, then each object, best first; 0
        when the masks end."""
        if view.segmentation is self._last_sent:
            return
        self._last_sent = view.segmentation
        objects = view.segmentation.objects if view.segmentation is not None else ()
        self._notify("/sam3/objects", len(objects))
        for rank, each in enumerate(objects, start=1):
            self._notify(f"/sam3/object/{rank}", each.id, each.prompt, each.score, *each.box)

    def update_control_image(
        self,
        write: WriteControlImage,
        view: MasksView,
        prompts: tuple[str, ...],
        frame: FrameId,
        now_s: float,
    ) -> None:
        """Write the newest result as a control image, black while there are no masks. A separate
        thread draws it."""
        self._paint(view.segmentation, prompts)
        if self._painted is not None and self._painted is not self._last_written:
            picture = (
                self._painted[1]
                if view.segmentation is not None
                else np.zeros_like(self._painted[1])
            )
            if write(picture, frame, now_s):
                self._last_written = self._painted

    def _draw_masks(
        self, view: MasksView, values: Mapping[str, object], drawing: GuardedRenderer
    ) -> LazyPicture:
        opacity = values["/sam3/opacity"]
        is_hard = values["/sam3/mask_edge"] == "hard"
        assert isinstance(opacity, float)
        objects = view.segmentation
        size_px = self._size_px
        return drawing.overlay_picture(
            view.picture, objects, is_hard=is_hard, opacity=opacity, size_px=size_px
        )

    def _paint(self, segmentation: Segmentation | None, prompts: tuple[str, ...]) -> None:
        """Take a finished control image, and start drawing the newest result."""
        if self._painting is not None and self._painting[1].done():
            (painted, picture), self._painting = self._painting, None
            self._painted = painted, picture.result()
        painted_segmentation = None
        if self._painted is not None:
            painted_segmentation, last = self._painted
            if segmentation is None and painted_segmentation is not None:
                self._painted = None, last
        if (
            segmentation is not None
            and segmentation is not painted_segmentation
            and self._painting is None
        ):
            from engine.render.control_picture import segmentation_picture

            self._painting = (
                segmentation,
                self._worker.submit(segmentation_picture, segmentation, prompts),
            )
