"""The children of a run, their files and what is made of their results. Raises before anything takes long."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.audio import AudioInput
from engine.audio.input import LiveAudio
from engine.audio.open import open_capture, open_output
from engine.config import Config
from engine.ipc import Gate
from engine.live.rvc import spec as voice_spec
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.link import VoiceLink
from engine.live.sam3 import spec as segmentation_spec
from engine.live.sam3.link import SegmentationLink
from engine.live.sam3.outputs import MaskOutputs
from engine.live.sd.link import DiffusionLink
from engine.live.sd.spec import require_complete, spec_of
from engine.params import ParamStore
from engine.sinks import Picture
from engine.sources import Polled, Source, open_source
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.telemetry import Warnings

SAM3_PICTURES: tuple[Picture, ...] = ("sam3", "sam3_mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What infers beside the engine, and what it is fed from files."""

    sd: DiffusionLink | None
    sam3: SegmentationLink | None
    masks: MaskOutputs | None
    rvc: VoiceLink | None
    voice: VoiceDesk | None
    videos: tuple[Source, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """What this run has beside the main one."""
        return (*(("sd",) if self.sd else ()), *(SAM3_PICTURES if self.sam3 else ()))


def open_inference(
    config: Config,
    *,
    audio: AudioInput,
    has_camera: Callable[[], bool],
    gate: Gate,
    tell: Callable[..., None],
    store: ParamStore,
    clock: Clock,
    warnings: Warnings,
    closing: Closing,
) -> Inference:
    sd, sam3, masks, rvc, voice = None, None, None, None, None
    videos: list[Source] = []

    def video(name: str) -> Source | None:
        """The file of `/sd/source video` or `/sam3/source video`, playing."""
        opened = open_source(name, offline=False, clock=clock, report=warnings.report) if name else None
        if opened is not None:
            videos.append(opened)
            (closing.here if isinstance(opened, Polled) else closing)(opened).start()
        return opened

    if config.sd.model:
        require_complete(spec_of(config.sd, config.sd.model))
        sd = closing(
            DiffusionLink(
                config.sd,
                video=video(config.sd.video),
                has_camera=has_camera,
                gate=gate,
                report=warnings.report,
                set_value=partial(store.set, by="sd"),
            )
        )
    if config.sam3.model:
        segmentation_spec.require_complete(segmentation_spec.spec_of(config.sam3))
        sam3 = closing(
            SegmentationLink(
                config.sam3,
                video=video(config.sam3.video),
                has_camera=has_camera,
                gate=gate,
                report=warnings.report,
                set_values=lambda values: store.set_many(list(values.items()), by="sam3"),
            )
        )
        masks = closing(MaskOutputs(sam3, sd, tell))
    if config.rvc.model:
        voice_spec.require_complete(voice_spec.spec_of(config.rvc))
        rvc = closing(VoiceLink(config.rvc, gate=gate, report=warnings.report, set_value=partial(store.set, by="rvc")))
        voice = _open_desk(config, rvc, audio, clock, warnings, closing)
    return Inference(sd=sd, sam3=sam3, masks=masks, rvc=rvc, voice=voice, videos=tuple(videos))


def _open_desk(
    config: Config, link: VoiceLink, audio: AudioInput, clock: Clock, warnings: Warnings, closing: Closing
) -> VoiceDesk:
    """The voice's way in and out; what it needs of its own is started here, the desk is not."""
    assert isinstance(audio, LiveAudio)  # no voice is converted offline
    capture = audio.capture
    if config.rvc.input != "audio":
        capture = closing(open_capture(config.rvc.input, clock=clock, report=warnings.report))
    output = open_output(config.rvc.output, clock=clock, report=warnings.report)
    if output is not None:
        closing(output)
    link.open_voice(capture.ring.sample_rate_hz)
    desk = closing(VoiceDesk(link, capture, output, clock=clock, report=warnings.report))
    audio.voice = desk.listen(audio.sample_rate_hz)
    if capture is not audio.capture:
        capture.start()
    return desk
