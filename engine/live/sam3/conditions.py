"""Conditions for `/sam3` and `/layer/5/matte`: refuse values that this run has no model or source for."""

from collections.abc import Callable, Iterator, Mapping

from engine.config import Sam3Config
from osc_schema import Rejected, Value

NO_MODEL = (
    "no SAM3 model is configured: start with `multiverse run --sam3 MODEL` (a folder or a Hugging Face id, for example "
    '--sam3 facebook/sam3), or set model = "..." under [sam3] in the configuration'
)
WITHOUT_VIDEO = "no video is configured: start with `multiverse run --sam3-video FILE`, or set video under [sam3]"
WITHOUT_CAMERA = "no camera is open: choose one (/camera/open), or start with `multiverse run --camera INDEX` or a file"

Check = Callable[[Value], None]


def conditions(config: Sam3Config, *, has_camera: Callable[[], bool]) -> Iterator[tuple[str, Check]]:
    """(address, check) for `ParamStore.add_condition`. Defaults are never refused, because presets contain them."""
    if not config.model:
        yield "/sam3/enable", _refusing("/sam3/enable", {True: NO_MODEL})
        yield "/layer/5/matte", _refusing("/layer/5/matte", {"subject": NO_MODEL, "background": NO_MODEL})

    def require_source(source: Value) -> None:
        camera = "" if has_camera() else WITHOUT_CAMERA  # the camera may be opened later
        _refusing("/sam3/source", {"video": "" if config.video else WITHOUT_VIDEO, "camera": camera})(source)

    yield "/sam3/source", require_source


def _refusing(address: str, reasons: Mapping[Value, str]) -> Check:
    """A check that refuses each value with a reason; "" is none."""

    def check(value: Value) -> None:
        if reason := reasons.get(value):
            raise Rejected(f"{address}: {reason}")

    return check
