"""Conditions for `/sam3` and for parameters that use its masks: refuse values this run has no model or source for."""

from collections.abc import Callable, Iterator

from engine.config import Sam3Config
from osc_schema import Rejected, Value
from osc_schema.sd import CONTROLNETS

NO_MODEL = (
    "no SAM3 model is configured: start with `multiverse run --sam3 MODEL` (a folder or a Hugging Face id, for example "
    '--sam3 facebook/sam3), or set model = "..." under [sam3] in the configuration'
)
WITHOUT_VIDEO = "no video is configured: start with `multiverse run --sam3-video FILE`, or set video under [sam3]"
WITHOUT_CAMERA = "no camera is open: choose one (/camera/open), or start with `multiverse run --camera INDEX` or a file"
WITHOUT_SD = "no Stable Diffusion is configured: start with `multiverse run --sd MODEL`"

Check = Callable[[Value], None]


def conditions(config: Sam3Config, *, has_camera: Callable[[], bool], has_sd: bool) -> Iterator[tuple[str, Check]]:
    """(address, check) for `ParamStore.add_condition`. Defaults are never refused, because presets contain them."""
    if not config.model:
        needing: tuple[tuple[str, tuple[Value, ...]], ...] = (
            ("/sam3/enable", (True,)),
            ("/region/mode", ("sam3",)),
            ("/layer/5/matte", ("subject", "background")),
            *((f"/sd/controlnet/{n}/source", ("sam3",)) for n in CONTROLNETS),
        )
        for address, words in needing:
            yield address, _refusing(address, dict.fromkeys(words, NO_MODEL))
    missing: dict[Value, str] = {
        "video": "" if config.video else WITHOUT_VIDEO,
        "sd": "" if has_sd else WITHOUT_SD,
    }

    def require_source(source: Value) -> None:
        camera: dict[Value, str] = {"camera": "" if has_camera() else WITHOUT_CAMERA}  # the camera may be opened later
        _refusing("/sam3/source", {**missing, **camera})(source)

    yield "/sam3/source", require_source


def _refusing(address: str, reasons: dict[Value, str]) -> Check:
    """A check that refuses each value in `reasons`."""

    def check(value: Value) -> None:
        if reasons.get(value):
            raise Rejected(f"{address}: {reasons[value]}")

    return check
