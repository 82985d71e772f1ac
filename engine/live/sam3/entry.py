"""The entry of live SAM3 in the table of live models."""

from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.sam3.conditions import NO_MODEL, conditions
from engine.live.sam3.link import SegmentationLink
from engine.live.sam3.spec import require_complete, spec_of
from osc_schema.sam3 import AREA, CHILD


def open_sam3(around: Surroundings) -> SegmentationLink:
    config = around.config
    require_complete(spec_of(config.sam3))
    return SegmentationLink(
        config.sam3,
        video=around.open_video(config.sam3.video),
        has_camera=around.has_camera,
        gate=around.gate,
        report=around.report,
        set_values=lambda values: around.store.set_many(list(values.items()), by=CHILD),
        tell=around.tell,
        size_px=(config.width, config.height),
    )


ENTRY = LiveEntry(
    name=CHILD,
    no_model=NO_MODEL,
    not_offline="live SAM3 cannot be repeated offline; `multiverse segment` reads files",
    is_configured=lambda config: bool(config.sam3.model),
    open=open_sam3,
    conditions=lambda config, has_camera: conditions(config.sam3, has_camera=has_camera),
    first_values=lambda config: [("/sam3/enable", bool(config.sam3.model))],
    calls={"/sam3/empty_cache": "empty_cache"},
    pictures=AREA.pictures,
)
