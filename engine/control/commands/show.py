"""Commands and switches of the engine itself: size, sinks, smoothing, status, quit.

Commands arrive on an OSC thread. Work that needs the GL context is posted to the frame loop, which then answers
(`/done`, `/fail`).
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import osc_schema
from engine.config import Config
from engine.control import Args, CommandTable, Reply
from engine.control.commands.preset import PresetControl
from engine.control.commands.status import EngineStatus
from engine.errors import ConfigError, MultiverseError, SinkError
from engine.params import Autosave, ParamStore, Slew, Snapshot
from engine.sinks import SinkSet, SinkSpec, available_kinds
from engine.system.file_names import clean_name
from engine.system.reporting import Report

SYSTEM_SINK = {"darwin": "syphon", "win32": "spout"}  # elsewhere: shared memory

SINK_SWITCHES = tuple(
    param.address
    for param in osc_schema.PARAMS
    if param.address.startswith("/sink/") and param.address.endswith("/enable")
)


_SWITCHES = tuple(param for param in osc_schema.PARAMS if param.type is osc_schema.ParamType.BOOL)


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
        self, *, store: ParamStore, slew: Slew, sinks: SinkSet, presets: PresetControl, report: Report
    ) -> None:
        self._store = store
        self._slew = slew
        self._sinks = sinks
        self._presets = presets
        self._report = report
        self._hooks: Hooks
        self._unavailable_sinks = {
            f"/sink/{info.kind}/enable": info.reason for info in available_kinds() if not info.is_available
        }
        self._takes: object = 0
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
        self, config: Config, fps: float, autosave: Autosave, model_values: Iterable[tuple[str, object]] = ()
    ) -> None:
        """Set the initial values: the last run's, overridden by the preset's, overridden by the configuration's. Errors
        are fatal.

        `model_values`: the values that follow from the live models' configuration.
        """
        if config.resume:
            self._presets.resume(autosave.load())
        if config.preset is not None:
            self._presets.load(config.preset)
        stage = [("/engine/width", config.width), ("/engine/height", config.height), ("/engine/fps", fps)]
        for result in self._store.set_many([*stage, *model_values, *config.params.items()], by="configuration"):
            if isinstance(result, osc_schema.Rejected):
                raise ConfigError(str(result))

    def start_first_sinks(self, specs: tuple[str, ...] | None) -> None:
        """Start the given sinks (errors are fatal), or by default the system's texture sharing."""
        if specs is None:
            kind = SYSTEM_SINK.get(sys.platform, "shared")
            try:
                self._sinks.start(SinkSpec(kind=kind), may_wait=True)
            except SinkError as error:
                self._report(f"sink.{kind}", f"{error}; no texture is published; the page still shows the picture")
        else:
            for spec in specs:
                self._sinks.start(SinkSpec.parse(spec), may_wait=True)
        self.show_sinks()

    # -- the frame loop's thread ---------------------------------------------------------------

    def follow(self, snapshot: Snapshot) -> None:
        """React to switches and triggers that changed since the last frame."""
        self._presets.step(snapshot)
        for address in SINK_SWITCHES:
            is_on = snapshot[address]
            if is_on != self._switches.get(address, False):
                self._switches[address] = is_on
                self._switch_sink(address, bool(is_on), snapshot)
        if snapshot["/sink/snapshot/take"] != self._takes:
            self._takes = snapshot["/sink/snapshot/take"]
            self._take_snapshot(str(snapshot["/sink/snapshot/file"]))

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
        if is_on == (kind in self._sinks.kinds):  # the engine set the switch itself, to show this state
            return
        if not is_on:
            self._sinks.stop(kind)
            return
        argument = snapshot.get(f"/sink/{kind}/name") or snapshot.get(f"/sink/{kind}/file") or ""
        try:
            self._start_sink(kind, str(argument))
        except MultiverseError as error:
            self._report(f"sink.{kind}", str(error))
            self._store.set(address, False, by="engine")

    def _start_sink(self, label: str, argument: str) -> None:
        """Start a sink over OSC: `record`, or `PICTURE:record` for an extra picture."""
        spec = SinkSpec.labelled(label, argument)
        if argument and spec.kind in ("record", "snapshot"):
            spec = SinkSpec.labelled(label, self._path_in_folder(label, argument))
        self._sinks.start(spec)
        self.show_sinks()

    def _path_in_folder(self, kind: str, name: str) -> str:
        """The file of that name in the recordings folder, the only place that OSC may write to."""
        try:
            name = clean_name(name)
        except ValueError as reason:
            raise SinkError(
                f"{kind}: {name!r}: {reason}; over OSC, files are written to the recordings folder only"
            ) from None
        return str(self._sinks.stage.record_folder / name)

    def show_sinks(self) -> None:
        """Set the switches to match the running sinks, for every control surface. Frame loop's thread."""
        running = self._sinks.kinds
        for address in SINK_SWITCHES:
            self._store.set(address, address.split("/")[2] in running, by="engine")

    # -- OSC threads ---------------------------------------------------------------------------

    def _on_status(self, args: Args, reply: Reply) -> None:
        for address, values in self._hooks.status().osc_lines():
            reply.send(address, *values)
        reply.done()

    def _on_size(self, args: Args, reply: Reply) -> None:
        if len(args) != 2:
            reply.fail("takes width and height in pixels")
            return
        sides = [
            osc_schema.accept(address, side)
            for address, side in zip(("/engine/width", "/engine/height"), args, strict=True)
        ]
        if notes := [side.note for side in sides if side.note]:  # a typo must not become the largest picture
            reply.fail("; ".join(notes))
            return
        width, height = (side.value for side in sides if isinstance(side.value, int))

        def resize() -> None:
            self._hooks.set_format(width, height)
            self._store.set_many([("/engine/width", width), ("/engine/height", height)], by="/engine/size")
            reply.done(width, height)

        self._post(resize, reply)

    def _post(self, action: Callable[[], None], reply: Reply) -> None:
        """Run `action` on the frame loop's thread; its errors are answered with `/fail`."""

        def act() -> None:
            try:
                action()
            except (MultiverseError, osc_schema.Rejected) as error:
                reply.fail(str(error))
            except Exception as error:
                reply.fail(f"internal error: {type(error).__name__} (see the log)")
                raise

        self._hooks.post(act)

    def _on_quit(self, args: Args, reply: Reply) -> None:
        reply.done()
        self._hooks.stop()

    def _on_sink_start(self, args: Args, reply: Reply) -> None:
        if not args:
            kinds = ", ".join(info.kind for info in available_kinds())
            reply.fail(f"takes a kind ({kinds}) and optionally a name or file")
            return
        kind, argument = str(args[0]), str(args[1]) if len(args) > 1 else ""

        def start() -> None:
            self._start_sink(kind, argument)
            reply.done(kind)

        self._post(start, reply)

    def _on_sink_stop(self, args: Args, reply: Reply) -> None:
        if not args:
            reply.fail("takes a kind and, if several of that kind run, a name or file")
            return
        kind, *names = map(str, args[:2])

        def stop() -> None:
            # A file can be named as it was started, or by its path in the status.
            stopped = self._sinks.stop(kind, *names) or self._sinks.stop(
                kind, *(str(self._sinks.stage.record_folder / name) for name in names)
            )
            self.show_sinks()
            if not stopped:
                raise SinkError(f"no such sink is running: {' '.join((kind, *names))}")
            reply.done(kind, *names)

        self._post(stop, reply)

    def _on_smooth(self, args: Args, reply: Reply) -> None:
        if len(args) != 2 or not isinstance(args[1], int | float):
            reply.fail("takes a parameter's address and a time in ms, 0 to 60000")
            return
        address, smoothing_ms = str(args[0]), float(args[1])

        def change() -> None:
            self._slew.set_smoothing(address, smoothing_ms)
            reply.done(address, smoothing_ms)

        self._post(change, reply)
