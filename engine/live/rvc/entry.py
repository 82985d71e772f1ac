"""The entry of live voice conversion in the table of live models."""

from contextlib import ExitStack
from functools import partial

from engine.audio.input import LiveAudio
from engine.audio.open import open_capture, open_output
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.rvc.conditions import NO_MODEL, conditions
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.link import VoiceLink
from engine.live.rvc.spec import require_complete, spec_of
from engine.live.rvc.voice import LiveRvc
from osc_schema.rvc import CHILD


def open_rvc(around: Surroundings) -> LiveRvc:
    """Open the voice's link, desk and devices. Of these, only the voice's own capture is already started."""
    config, audio = around.config.rvc, around.audio
    assert isinstance(audio, LiveAudio)  # live voice conversion does not run offline
    require_complete(spec_of(config))
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


ENTRY = LiveEntry(
    name=CHILD,
    no_model=NO_MODEL,
    not_offline="a live voice cannot be repeated offline; `multiverse convert` reads files",
    is_configured=lambda config: bool(config.rvc.model),
    open=open_rvc,
    conditions=lambda config, has_camera: conditions(config.rvc),
    first_values=lambda config: [("/rvc/enable", bool(config.rvc.model))],
    calls={"/rvc/empty_cache": "empty_cache"},
)
