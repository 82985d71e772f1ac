"""Commands and switches of the engine itself: size, sinks, smoothing, status, quit.

Commands arrive on an OSC thread. Work for the GL context is posted to the frame loop, which answers
(`/done`, `/fail`).
"""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import osc_schema
from engine.audio.input import AudioStatus
from engine.children.spec import ChildStatus
from engine.config import Config
from engine.control import CommandTable, OscCounters, Reply
from engine.control.commands import CommandContext
from engine.control.commands.preset import PresetControl
from engine.control.commands.shader_slots import ShaderStatus
from engine.control.commands.timecode import TimecodeStatus
from engine.control.commands.window import WindowControl
from engine.control.dmx.universe import DmxStatus
from engine.control.latency import LatencyMs
from engine.control.link.messages import LinkStatus
from engine.control.midi.ports import MidiStatus
from engine.errors import ConfigError, MultiverseError, SinkError
from engine.params import Autosave, Slew, Snapshot
from engine.params.crossfade import BY as FADE
from engine.params.fade_time import FadeTime
from engine.params.macros import BY as MACRO
from engine.params.tempo import TempoStatus
from engine.render.master import FlashGuardState
from engine.sinks.registry import available_kinds
from engine.sinks.second_output import SecondStatus
from engine.sinks.sink import RecordingStatus, SinkSpec, SinkStatus
from engine.sinks.sink_set import SinkSet
from engine.sinks.window import query_displays
from engine.sinks.window_messages import DisplayAnswer
from engine.sources.source import SourceStatus
from engine.system.daemon_worker import call_on_thread
from engine.system.file_names import clean_name
from engine.system.telemetry import FrameFaults, FrameMs
from osc_schema.fixture import CHANNELS
from osc_schema.outputs import SECOND
from osc_schema.sinks import KINDS

OscValue = int | float | str

SYSTEM_SINK = {"darwin": "syphon", "win32": "spout"}  # elsewhere: shared memory
SIZE = ("/engine/width", "/engine/height")
_FIXTURE = tuple(
    channel.address for channel in CHANNELS if channel.param is not None and channel.param.is_look
)
"""The parameters of the look that a lighting desk moves."""
SINK_SWITCHES = tuple(param.address for param in osc_schema.match("/sink/*/enable"))
_SWITCHES = tuple(param for param in osc_schema.PARAMS if param.type is osc_schema.ParamType.BOOL)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    seconds: float
    frames: int
    standing_s: float
    """Seconds since the last picture while none is drawn; 0 while pictures are drawn."""
    standing_in: str
    """The step in which the frame loop stands, with its shaders; "" while pictures are drawn."""
    fps: float
    """Frames per second over the last two seconds."""
    target_fps: float
    frame_ms: FrameMs
    """Frame times over the last 600 frames."""
    late: int
    dropped: int
    """Due times without a picture, including those of a frame that is still being drawn."""
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
    autopilot_waits_s: float | None
    """Seconds until the autopilot plays again after a hand; 0 while it plays, None while it is
    off."""
    camera: SourceStatus | None
    children: tuple[ChildStatus, ...]
    sinks: tuple[SinkStatus, ...]
    second: SecondStatus | None
    recordings: tuple[RecordingStatus, ...]
    shaders: tuple[ShaderStatus, ...]
    latency_ms: LatencyMs
    osc: OscCounters | None
    dmx: DmxStatus | None
    """None without `--dmx`."""
    midi: MidiStatus | None
    """None without `--midi`."""
    link: LinkStatus | None
    """None in an offline run."""
    unavailable: Mapping[str, str]
    """Address of each switch that this run cannot turn on, with the reason and the next step."""
    warnings: tuple[str, ...]
    """The newest logged lines, oldest first."""
    told: tuple[str, ...]
    """The lines of `warnings` that are not warnings, such as a child's recovery; not to be
    counted."""
    warning_counts: dict[str, int]

    def osc_lines(self) -> list[tuple[str, tuple[OscValue, ...]]]:
        """The status as OSC messages (address, values), one per item; values are int, float and
        string only."""
        guard = self.flash_guard
        guard_state = "limiting" if guard.is_limiting else "watching" if guard.is_on else "off"
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
            ("/engine/status/flash_guard", (guard_state, guard.held_share, guard.lately_share)),
            ("/engine/status/audio", (self.audio.state, self.audio.description)),
        ]
        monitor = self.audio.monitor
        if monitor is not None and monitor.state != "none":
            lines.append(
                ("/engine/status/monitor", (monitor.state, monitor.description, monitor.delay_ms))
            )
        beat = self.beat
        lines.append(
            ("/engine/status/beat", (beat.source, beat.state, beat.bpm, beat.heard_confidence))
        )
        if self.timecode.source != "off":
            time = self.timecode
            lines.append(
                (
                    "/engine/status/timecode",
                    (time.source, time.state, time.position, time.rate, time.speed),
                )
            )
        waits_s = self.autopilot_waits_s
        if waits_s is not None:
            lines.append(("/engine/status/autopilot", ("waits" if waits_s else "plays", waits_s)))
        if self.osc is not None:
            for name in ("messages", "replaced", "discarded", "lost"):
                lines.append((f"/engine/status/osc/{name}", (getattr(self.osc, name),)))
        if self.camera is not None:
            lines.append(("/engine/status/camera", (self.camera.state, self.camera.description)))
        for child in self.children:
            lines += _child_lines(child)
        for sink in self.sinks:
            lines.append(
                (f"/engine/status/sink/{sink.label}", (sink.name, sink.state, sink.detail))
            )
        if self.second is not None:
            lines.append(("/engine/status/output/2", tuple(self.second)))
        for shader in self.shaders:
            if shader.file:
                values = (shader.file, shader.state, shader.detail, shader.draw_ms)
                lines.append((f"/engine/status/shader/{shader.slot}", values))
        if self.dmx is not None:
            for each in self.dmx.universes:
                lines.append(
                    (
                        f"/engine/status/dmx/{each.number}",
                        (each.state, each.source, each.packets_hz),
                    )
                )
            if self.dmx.shared_ports:
                lines.append(("/engine/status/dmx/shared", self.dmx.shared_ports))
        if self.midi is not None:
            lines.append(
                (
                    "/engine/status/midi",
                    (len(self.midi.devices), " ".join(self.midi.waiting), self.midi.detail),
                )
            )
            for device in self.midi.devices:
                counts = (
                    int(device.is_read),
                    int(device.is_sent_to),
                    device.messages,
                    device.left_out,
                )
                lines.append((f"/engine/status/midi/{device.name}", counts))
        if self.link is not None:
            link = self.link
            lines.append(("/engine/status/link", (link.state, link.peers, link.bpm, link.detail)))
        for line in self.warnings[-3:]:
            lines.append(("/engine/status/warning", (line,)))
        return lines


def _child_lines(child: ChildStatus) -> list[tuple[str, tuple[OscValue, ...]]]:
    at = f"/engine/status/child/{child.name}"
    return [
        (f"{at}/state", (child.state,)),
        (f"{at}/coming", (child.coming,)),
        (f"{at}/last_fault", (child.detail,)),
        (f"{at}/pid", (child.pid,)),
        (f"{at}/heartbeat_age_s", (child.heartbeat_age_s,)),
        (f"{at}/restarts", (child.restarts,)),
        (f"{at}/results", (child.results, child.ms_a_result)),
        *((f"{at}/quarantined", (what,)) for what in child.quarantined),
        *((f"{at}/{name}", (value,)) for name, value in child.facts.items()),
    ]


@dataclass(slots=True, kw_only=True)
class Hooks:
    """The part of the frame loop that commands use."""

    post: Callable[[Callable[[], None]], None]
    stop: Callable[[], None]
    set_format: Callable[[int, int], None]
    """Set width and height together; raises RenderError if the renderer refuses them."""
    status: Callable[[], EngineStatus]


class ShowControl:
    """Executes the engine's own commands and switches."""

    def __init__(
        self, context: CommandContext, *, slew: Slew, sinks: SinkSet, presets: PresetControl
    ) -> None:
        self._store = context.store
        self._notify = context.notify
        self._report = context.report
        self._slew = slew
        self._sinks = sinks
        self._presets = presets
        self._hooks: Hooks
        self._unavailable_sinks = {
            f"/sink/{info.kind}/enable": info.reason
            for info in available_kinds()
            if not info.is_available
        }
        self._takes: object = 0
        self._windows = WindowControl(context.store, sinks, context.report)
        self._display_lock = threading.Lock()  # only one process at a time lists the displays
        self._number = 0
        self._before: Snapshot | None = None
        """The snapshot of the last frame."""
        self._switches: dict[str, object] = {}

    def connect(self, hooks: Hooks) -> None:
        """Connect the frame loop, which needs this object first. Before the first command."""
        self._hooks = hooks

    def add_commands(self, table: CommandTable) -> None:
        table.add("/engine/status", self._on_status, is_listing=True)
        table.add("/engine/size", self._on_size)
        table.add("/engine/quit", self._on_quit)
        table.add("/sink/start", self._on_sink_start)
        table.add("/sink/stop", self._on_sink_stop)
        table.add("/smooth", self._on_smooth)
        table.add("/window/list", self._on_window_list, is_listing=True)
        # it lists the displays, too
        table.add("/window/open", self._on_window_open, is_listing=True)

    # -- before the first frame ----------------------------------------------------------------

    def unavailable_switches(self) -> dict[str, str]:
        """Address -> reason, for each switch that cannot be on in this run. Any thread."""
        reasons = dict(self._unavailable_sinks)
        for param in _SWITCHES:
            try:
                self._store.require(param, True)
            except osc_schema.Rejected as rejection:
                reasons.setdefault(param.address, str(rejection).removeprefix(f"{param.address}: "))
        return reasons

    def set_first_values(
        self,
        config: Config,
        fps: float,
        autosave: Autosave,
        model_values: Iterable[tuple[str, object]] = (),
    ) -> None:
        """Set the initial values: the last run's, then the preset's, then the configuration's.
        Errors are fatal.

        `model_values`: the values that follow from the live models' configuration."""
        if config.resume:
            self._presets.resume(autosave.load())
        if config.preset is not None:
            # the values after it hold
            self._presets.load(config.preset, is_by_hand=False, may_wait=False)
        first_values = [
            ("/engine/width", config.width),
            ("/engine/height", config.height),
            ("/engine/fps", fps),
        ]
        for result in self._store.set_many(
            [*first_values, *model_values, *config.params.items()], by="configuration"
        ):
            if isinstance(result, osc_schema.Rejected):
                raise ConfigError(str(result))

    def start_first_sinks(self, specs: tuple[str, ...] | None) -> None:
        """Start the given sinks (errors are fatal, but not of output 2), or by default the system's
        texture sharing."""
        self._sinks.values = self._store.snapshot()
        if specs is None:
            kind = SYSTEM_SINK.get(sys.platform, "shared")
            try:
                self._sinks.start(SinkSpec(kind=kind), may_wait=True)
            except SinkError as error:
                self._report(
                    f"sink.{kind}",
                    f"{error}; no texture is published; the page still shows the picture",
                )
        else:
            for spec in map(SinkSpec.parse, specs):
                try:
                    self._sinks.start(spec, may_wait=True)
                except SinkError as error:
                    if spec.picture != SECOND.name:
                        raise
                    self._report(
                        f"sink.{spec.label}", f"{error}; output 2 stays off, output 1 goes on"
                    )
        self.show_sinks()

    # -- the render thread -------------------------------------------------------------------------

    def follow(self, snapshot: Snapshot) -> None:
        """React to switches and triggers that changed since the last frame."""
        self._presets.current.step(snapshot)
        for address in SINK_SWITCHES:
            is_on = snapshot[address]
            if is_on != self._switches.get(address, False):
                self._switches[address] = is_on
                self._switch_sink(address, bool(is_on), snapshot)
        number = snapshot["/preset/number"]
        if number != self._number and isinstance(number, int):
            self._number = number
            self._load_numbered(number, snapshot)
        self._before = snapshot
        if snapshot["/sink/snapshot/take"] != self._takes:
            self._takes = snapshot["/sink/snapshot/take"]
            self._take_snapshot(str(snapshot["/sink/snapshot/file"]))
        if self._windows.follow(snapshot):
            self.show_sinks()

    def _load_numbered(self, number: int, snapshot: Snapshot) -> None:
        """Load the preset; parameters that a lighting desk moved in the same frame are applied to
        the new look."""
        name = self._presets.numbered(number) if number else None
        if name is None:
            if number:
                hint = f"name a preset {number} and more, such as '{number} Finale'"
                self._report(
                    "preset.number", f"/preset/number: no preset has number {number}; {hint}"
                )
            return
        fade_s = snapshot.number("/preset/fade_s")
        since = snapshot.version if self._before is None else self._before.version
        changes = [
            change
            for change in self._store.changes_since(since)[0]
            if change.by not in (MACRO, FADE)
        ]
        moved = [(change.address, change.value) for change in changes if change.address in _FIXTURE]
        try:
            begun = partial(self._store.set_many, moved, by="fixture")
            self._presets.load(name, FadeTime(fade_s), begun=begun)
        except MultiverseError as error:
            self._report("preset.number", f"/preset/number {number}: {error}")

    def _take_snapshot(self, file: str) -> None:
        """Write a snapshot to the file of that name, or to the running snapshot sinks."""
        try:
            if file:
                self._sinks.take_snapshot(self._path_in_folder("snapshot", file))
            elif not self._sinks.take_snapshot():
                self._start_sink("snapshot", "")
                self._sinks.take_snapshot()
        except MultiverseError as error:
            self._report("sink.snapshot", str(error))

    def _switch_sink(self, address: str, is_on: bool, snapshot: Snapshot) -> None:
        kind = address.split("/")[2]
        # the engine set the switch itself, to show this state
        if is_on == (kind in self._sinks.kinds):
            return
        if not is_on:
            self._sinks.stop(kind)
            return
        addresses = (f"/sink/{kind}/name", f"/sink/{kind}/file", f"/{kind}/display")
        argument = next((snapshot[each] for each in addresses if snapshot.get(each)), "")
        try:
            self._start_sink(kind, str(argument))
        except MultiverseError as error:
            self._report(f"sink.{kind}", str(error))
            self._store.set(address, False, by="engine")

    def _start_sink(self, label: str, argument: str) -> None:
        """Start a sink over OSC: `record`, or `PICTURE:record` for an extra picture."""
        spec = SinkSpec.labelled(label, argument)
        if argument and KINDS[spec.kind].writes_files:
            spec = SinkSpec.labelled(label, self._path_in_folder(label, argument))
        self._sinks.start(spec)
        self.show_sinks()

    def _path_in_folder(self, kind: str, name: str) -> str:
        """The path of that name in the recordings folder, the only folder that OSC may write to."""
        try:
            name = clean_name(name)
        except ValueError as reason:
            raise SinkError(
                f"{kind}: {name!r}: {reason}; over OSC, files are written to the recordings "
                "folder only"
            ) from None
        return str(self._sinks.output_format.record_folder / name)

    def show_sinks(self) -> None:
        """Set the switches to match the running sinks, for every control surface. Render thread."""
        running = self._sinks.kinds
        for address in SINK_SWITCHES:
            self._store.set(address, address.split("/")[2] in running, by="engine")

    # -- OSC threads ---------------------------------------------------------------------------

    def _on_status(self, reply: Reply) -> None:
        for address, values in self._hooks.status().osc_lines():
            reply.send(address, *values)
        reply.done()

    def _on_size(self, reply: Reply, width: int, height: int) -> None:
        def resize() -> None:
            self._hooks.set_format(width, height)
            self._store.set_many(zip(SIZE, (width, height), strict=True), by="/engine/size")
            reply.done(width, height)

        self._hooks.post(partial(reply.attempt, resize))

    def _on_quit(self, reply: Reply) -> None:
        reply.done()
        self._hooks.stop()

    def _on_sink_start(self, reply: Reply, kind: str, argument: str) -> None:
        def start() -> None:
            self._start_sink(kind, argument)
            reply.done(kind)

        self._hooks.post(partial(reply.attempt, start))

    def _on_sink_stop(self, reply: Reply, kind: str, name: str | None) -> None:
        names = () if name is None else (name,)

        def stop() -> None:
            # A file can be named as it was started, or by its path in the status.
            stopped = self._sinks.stop(kind, *names) or self._sinks.stop(
                kind, *(str(self._sinks.output_format.record_folder / name) for name in names)
            )
            self.show_sinks()
            if not stopped:
                raise SinkError(f"no such sink is running: {' '.join((kind, *names))}")
            reply.done(kind, *names)

        self._hooks.post(partial(reply.attempt, stop))

    def _on_window_list(self, reply: Reply) -> None:
        def send_entries() -> None:
            on = self._windows.display
            try:
                with self._display_lock:
                    displays = query_displays()
                    why = ""
            except SinkError as error:
                displays = DisplayAnswer()
                why = f" ({error})"
            reply.send("/window/entry", "none", f"no window{why}", int(not on))
            for name, title in zip(displays.names, displays.titles, strict=True):
                reply.send("/window/entry", name, title, int(name == on))
            reply.done()

        call_on_thread("displays", reply.attempt, send_entries)

    def _on_window_open(self, reply: Reply, entry: str) -> None:
        entry = entry.strip()

        def find() -> None:
            with self._display_lock:
                display = "" if entry == "none" else query_displays(entry).matched_name

            def show() -> None:
                self._windows.show_on(display)
                self.show_sinks()
                self._notify("/window/current", display or "none")
                reply.done(display or "none")

            self._hooks.post(partial(reply.attempt, show))

        call_on_thread("displays", reply.attempt, find)

    def _on_smooth(self, reply: Reply, address: str, smoothing_ms: float) -> None:
        def change() -> None:
            self._slew.set_smoothing(address, smoothing_ms)
            reply.done(address, smoothing_ms)

        self._hooks.post(partial(reply.attempt, change))
