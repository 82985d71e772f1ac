"""The engine's status as one value, for `/engine/status`, the page, the status line and `--json`."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.audio.input import AudioStatus
from engine.children.spec import ChildStatus
from engine.control import OscCounters
from engine.control.commands.shader import ShaderStatus
from engine.control.commands.timecode import TimecodeStatus
from engine.control.dmx import DmxStatus
from engine.control.latency import LatencyMs
from engine.link import LinkStatus
from engine.params.tempo import TempoStatus
from engine.render import FlashGuardState
from engine.sinks import SinkStatus
from engine.sources import SourceStatus
from engine.telemetry import FrameFaults, FrameMs

OscValue = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    seconds: float
    frames: int
    standing_s: float
    """Seconds without a picture so far; 0 while they come."""
    standing_in: str
    """The loop's step meanwhile, with the shaders in it; "" while pictures come."""
    fps: float
    """Over the last two seconds."""
    target_fps: float
    frame_ms: FrameMs
    """Over the last 600 frames."""
    late: int
    dropped: int
    """Due times without a picture, those of a frame that is still standing included."""
    lately: FrameFaults
    width: int
    height: int
    renderer: str
    last_fade: str
    """How the outgoing look of the current or last fade is drawn; "" before the first fade."""
    flash_guard: FlashGuardState
    audio: AudioStatus
    beat: TempoStatus
    timecode: TimecodeStatus
    camera: SourceStatus | None
    children: tuple[ChildStatus, ...]
    sinks: tuple[SinkStatus, ...]
    shaders: tuple[ShaderStatus, ...]
    latency_ms: LatencyMs
    osc: OscCounters | None
    dmx: DmxStatus | None
    """None without `--dmx`."""
    link: LinkStatus | None
    """None in an offline run."""
    unavailable: Mapping[str, str]
    """Address of each switch that this run cannot turn on, with the reason and the next step."""
    warnings: tuple[str, ...]
    """The newest logged lines, oldest first."""
    told: tuple[str, ...]
    """The lines of `warnings` that are not warnings, such as a child's recovery; not to be counted."""
    warning_counts: dict[str, int]

    def osc_lines(self) -> list[tuple[str, tuple[OscValue, ...]]]:
        """One message per item; values are int, float and string only."""
        lines: list[tuple[str, tuple[OscValue, ...]]] = [
            ("/engine/status/seconds", (self.seconds,)),
            ("/engine/status/fps", (self.fps,)),
            ("/engine/status/frame_ms_p50", (self.frame_ms.p50,)),
            ("/engine/status/frame_ms_p99", (self.frame_ms.p99,)),
            ("/engine/status/latency_ms_p50", (self.latency_ms.p50,)),
            ("/engine/status/latency_ms_p99", (self.latency_ms.p99,)),
            ("/engine/status/latency_ms_worst", (self.latency_ms.worst,)),
            ("/engine/status/frames", (self.frames,)),
            ("/engine/status/standing", (self.standing_s, self.standing_in)),
            ("/engine/status/late", (self.late,)),
            ("/engine/status/dropped", (self.dropped,)),
            ("/engine/status/lately", (self.lately.late, self.lately.dropped, self.lately.due)),
            ("/engine/status/size", (self.width, self.height)),
            ("/engine/status/renderer", (self.renderer,)),
            ("/engine/status/fade", (self.last_fade,)),
            ("/engine/status/flash_guard", _flash_guard_values(self.flash_guard)),
            ("/engine/status/audio", (self.audio.state, self.audio.description)),
        ]
        beat = self.beat
        lines.append(("/engine/status/beat", (beat.source, beat.state, beat.bpm, beat.heard_confidence)))
        if self.timecode.source != "off":
            time = self.timecode
            lines.append(("/engine/status/timecode", (time.source, time.state, time.position, time.rate, time.speed)))
        if self.osc is not None:
            lines += _osc_lines(self.osc)
        if self.camera is not None:
            lines.append(("/engine/status/camera", (self.camera.state, self.camera.description)))
        for child in self.children:
            lines += _child_lines(child)
        for sink in self.sinks:
            lines.append((f"/engine/status/sink/{sink.label}", (sink.name, sink.state, sink.detail)))
        for shader in self.shaders:
            if shader.file:
                values = (shader.file, shader.state, shader.detail, shader.draw_ms)
                lines.append((f"/engine/status/shader/{shader.slot}", values))
        if self.dmx is not None:
            for each in self.dmx.universes:
                lines.append((f"/engine/status/dmx/{each.number}", (each.state, each.source, each.packets_hz)))
            if self.dmx.shared_ports:
                lines.append(("/engine/status/dmx/shared", self.dmx.shared_ports))
        if self.link is not None:
            link = self.link
            lines.append(("/engine/status/link", (link.state, link.peers, link.bpm, link.detail)))
        for line in self.warnings[-3:]:
            lines.append(("/engine/status/warning", (line,)))
        return lines


def _flash_guard_values(state: FlashGuardState) -> tuple[OscValue, ...]:
    """State (off, watching or limiting), share of the light held back now, share of the last 10 s with limiting."""
    word = "limiting" if state.is_limiting else "watching" if state.is_on else "off"
    return word, state.held_share, state.lately_share


def _osc_lines(osc: OscCounters) -> list[tuple[str, tuple[OscValue, ...]]]:
    """Messages executed, and those that were not: replaced by newer values, discarded, lost by the system."""
    return [
        ("/engine/status/osc/messages", (osc.messages,)),
        ("/engine/status/osc/replaced", (osc.replaced,)),
        ("/engine/status/osc/discarded", (osc.discarded,)),
        ("/engine/status/osc/lost", (osc.lost,)),
    ]


def _child_lines(child: ChildStatus) -> list[tuple[str, tuple[OscValue, ...]]]:
    at = f"/engine/status/child/{child.name}"
    return [
        (f"{at}/state", (child.state,)),
        (f"{at}/last_fault", (child.detail,)),
        (f"{at}/pid", (child.pid,)),
        (f"{at}/heartbeat_age_s", (child.heartbeat_age_s,)),
        (f"{at}/restarts", (child.restarts,)),
        (f"{at}/results", (child.results, child.ms_a_result)),
        *((f"{at}/quarantined", (what,)) for what in child.quarantined),
        *((f"{at}/{name}", (value,)) for name, value in child.facts.items()),
    ]
