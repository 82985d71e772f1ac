"""How the engine is doing, as one value: for `/engine/status`, the page, the status line and `--json`."""

from dataclasses import dataclass

from engine.audio import AudioStatus
from engine.control import OscCounters
from engine.sinks import SinkStatus
from engine.sources import SourceStatus
from engine.telemetry import FrameMs

OscValue = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    seconds: float
    frames: int
    fps: float
    """Over the latest two seconds."""
    target_fps: float
    frame_ms: FrameMs
    """Over the latest 600 frames."""
    late: int
    dropped: int
    width: int
    height: int
    renderer: str
    audio: AudioStatus
    camera: SourceStatus | None
    sinks: tuple[SinkStatus, ...]
    osc: OscCounters | None
    warnings: tuple[str, ...]
    warning_counts: dict[str, int]

    def osc_lines(self) -> list[tuple[str, tuple[OscValue, ...]]]:
        """One message a fact, values as int, float and string only."""
        lines: list[tuple[str, tuple[OscValue, ...]]] = [
            ("/engine/status/seconds", (self.seconds,)),
            ("/engine/status/fps", (self.fps,)),
            ("/engine/status/frame_ms_p50", (self.frame_ms.p50,)),
            ("/engine/status/frame_ms_p99", (self.frame_ms.p99,)),
            ("/engine/status/frames", (self.frames,)),
            ("/engine/status/late", (self.late,)),
            ("/engine/status/dropped", (self.dropped,)),
            ("/engine/status/size", (self.width, self.height)),
            ("/engine/status/renderer", (self.renderer,)),
            ("/engine/status/audio", (self.audio.state, self.audio.description)),
        ]
        if self.camera is not None:
            lines.append(("/engine/status/camera", (self.camera.state, self.camera.description)))
        for sink in self.sinks:
            lines.append((f"/engine/status/sink/{sink.kind}", (sink.name, sink.state, sink.detail)))
        for line in self.warnings[-3:]:
            lines.append(("/engine/status/warning", (line,)))
        return lines
