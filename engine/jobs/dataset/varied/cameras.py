"""Cameras of recipe 2: height, direction, ground sample, window."""

from dataclasses import dataclass

from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.varied.span import Span, between, check_span, parse_span
from engine.jobs.kit.option_range import check_number
from engine.jobs.kit.options import option

ALTITUDE_M: Span = (40.0, 160.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOptions:
    altitude: Span | None = option(None, "Metres above the site. (default: 40..160)", metavar="M", parse=parse_span)

    views: int = option(1, "Pictures of each scene, from other heights and directions.", metavar="N")

    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one another."""
        check_span("--altitude", self.altitude, 5, 500)
        check_number("--views", self.views, 1, 1000)


def draw_cameras(options: SceneOptions, camera: CameraOptions, seed: Seed) -> tuple[SiteCamera, ...]:
    """Draw one camera per view of the scene. The ground under the middle of the views is near the origin."""
    shares = stream(seed, "camera height").random(camera.views).tolist()
    heights = (between(camera.altitude or ALTITUDE_M, share) for share in shares)
    return tuple(SiteCamera(width_px=options.width, height_px=options.height, height_m=each) for each in heights)
