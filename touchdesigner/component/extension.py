"""The component's extension: connects its parts with operators and parameters. TouchDesigner's main
thread.

parameters -> on_value, on_pulse -> echo -> osc_out -> engine
engine -> osc_in -> on_message -> echo -> parameters, status, tables of audio and objects, callbacks
frame -> on_frame -> link (heartbeat, subscription), pictures, the engine's process
inputs, timeline -> on_frame -> engine_inputs -> engine
"""

import functools
import time
import traceback
from collections.abc import Callable
from typing import Any

POLL_INTERVAL_S = 2.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FEATURES_RATE = "/audio/features/rate_hz"
FEATURES_HZ = 60.0


def opened(comp: Any) -> "MultiverseExt":
    """Create the component's extension. If it cannot start, the component's error flag and Message
    say why: an extension that raises shows nothing on the component, only a traceback in the
    textport."""
    comp.clearScriptErrors()
    try:
        return MultiverseExt(comp)
    except Exception as error:
        line = (
            f"the component did not start: {described(error)}; build it again with the "
            "build_component.py it is from"
        )
        comp.addScriptError(line)
        comp.par.Message = line
        raise


def described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def guarded(callback: Callable[..., None]) -> Callable[..., None]:
    """Report a callback's first traceback, then count: TouchDesigner would print one 60 times per
    second."""

    @functools.wraps(callback)
    def call(self: "MultiverseExt", *args: Any) -> None:
        try:
            callback(self, *args)
        except Exception as error:
            self._note_fault(callback.__name__, error)

    return call


class MultiverseExt:
    def __init__(self, ownerComp: Any) -> None:
        self.ownerComp = ownerComp
        self._faults: dict[str, int] = {}
        part = self._part
        self._ports = part("receive_ports")
        self._show_message(self._ports.take_free_ports(ownerComp))
        self._layout = part("layout")
        self._link = part("link").EngineLink()
        self._echo = part("echo").Echo()
        self._objects = part("found_objects").ObjectTable()
        self._status = part("status_page").StatusPage(ownerComp, part("status_channels"))
        self._process = part("engine_process").EngineProcess()
        self._tree = part("tree_reader").TreeReader()
        self._pictures = part("picture_inputs").PictureInputs(ownerComp)
        self._inputs = part("engine_inputs").EngineInputs(
            ownerComp, part("rtp_sender").RtpSender(), self.Send, self._put
        )
        self._callbacks = part("callbacks").Callbacks(
            ownerComp, self._note_fault, self._forget_fault
        )
        self._playing = part("callbacks").NowPlaying(self._callbacks)
        self.now_s: Callable[[], float] = time.perf_counter
        self._next_poll_s = float("-inf")
        self._presets: list[str] = []
        self._unanswered_polls = 0
        self._sound_trouble = ""
        self._is_new_to_engine = True
        self._target = self._requested_target()
        self._apply_target()
        self._on_answer = self._answers()
        self._on_own_pulse = self._pulses()
        self._read_pages()
        self._inputs.offer_picture()

    def onDestroyTD(self) -> None:
        """Unsubscribe from the engine. If the component itself was deleted, its operators no longer
        exist."""
        self._inputs.close()
        if self.ownerComp.op("osc_out") is not None:
            self._unsubscribe()

    # -- for patches ---------------------------------------------------------------------------

    def Send(self, address: str, *args: float | int | str) -> None:
        """Send any OSC message to the engine: `op('multiverse').Send('/sink/start', 'record',
        'show.mp4')`."""
        self.ownerComp.op("osc_out").sendOSC(address, list(args))

    # -- callbacks -----------------------------------------------------------------------------

    @guarded
    def on_value(self, par: Any) -> None:
        """Handle a changed parameter, from any cause."""
        control = self._by_name.get(par.name)
        if control is None:
            if par.name in ("Host", "Port", *self._ports.PORTS):
                self._retarget()
            elif par.name == "Audiochop" and self._link.is_connected:
                self._subscribe_features()
                self._request_features()
            elif par.name == "Picturein":
                self._follow_picture()
            elif par.name == "Timeto" and self._link.is_connected:
                self._inputs.choose_clocks()
            return
        value = self._value(control)
        if self._echo.wants_sending(control.address, value, self.now_s()):
            self.Send(control.address, *(value if isinstance(value, tuple) else (value,)))

    @guarded
    def on_pulse(self, par: Any) -> None:
        control = self._by_name.get(par.name)
        if control is not None:
            self.Send(control.address, 1)
        elif par.name in self._on_own_pulse:
            self._on_own_pulse[par.name]()

    @guarded
    def on_message(self, address: str, args: list[Any]) -> None:
        """Handle a message from the engine. Hot path."""
        control = self._by_address.get(address)
        if control is not None:
            if self._show(control, args) and address == FEATURES_RATE and self._is_new_to_engine:
                self._is_new_to_engine = False
                self._request_features()
        elif address.startswith("/engine/status/"):
            self._status.take(address, args)
        elif not (args and self._objects.take(address, args)):
            key = f"/done {args[0]}" if address == "/done" and args else address
            if key in self._on_answer:
                self._on_answer[key](args)

    @guarded
    def on_frame(self) -> None:
        now_s = self.now_s()
        due = self._link.step(now_s)
        if due.report_lost:
            self._set("Connected", 0)
            self._status.show_lost()
            self._objects.forget()
            self._forget_engine()
            self._callbacks.call("onLost")
            self.ownerComp.op("features_in").par.resetvalues = True
            self._is_new_to_engine = True
        if due.subscribe:
            self.Send("/engine/notify", 1, self._target[2], "values")
            self._subscribe_features()
        if due.request_status:
            self.Send("/engine/status")
        for address in self._echo.take_outdated(now_s):
            self.Send("/get", address)
        self._show_objects()
        self._send_inputs()
        self._show_message(self._process.step(now_s))
        tree = self._tree.take_result()
        if tree is not None:
            self._fit_pages(tree)
        if now_s >= self._next_poll_s:
            self._next_poll_s = now_s + POLL_INTERVAL_S
            self._pictures.poll()
            self._show_message(self._pictures.take_message(self._expected_px()))
            self._show_sound_trouble()
            self._status.set(
                {
                    "err_picture": float(self._pictures.has_trouble),
                    "err_callbacks": float(bool(self._callbacks.failing)),
                }
            )
            self._report_no_engine()

    def _note_fault(self, callback: str, error: Exception) -> None:
        """Count an error of a callback; show the first, the 10th, the 100th ..."""
        count = self._faults[callback] = self._faults.get(callback, 0) + 1
        if count == 1:
            print(f"multiverse: {self.ownerComp.path}: {traceback.format_exc()}")
        if count == 10 ** (len(str(count)) - 1):
            line = (
                f"{callback}: {described(error)} ({count} times; the first traceback is in the "
                "textport)"
            )
            self.ownerComp.clearScriptErrors()
            self.ownerComp.addScriptError(line)
            self._show_message(line)

    def _forget_fault(self, callback: str) -> None:
        self._faults.pop(callback, None)
        if not self._faults:
            self.ownerComp.clearScriptErrors()

    # -- parameters ----------------------------------------------------------------------------

    def _read_pages(self) -> None:
        """Index the embedded pages by address and by parameter name; the values shown now are not
        sent."""
        pages = self._layout.read_pages(self.ownerComp.op("pages").text)
        self._by_address = {control.address: control for page in pages for control in page.controls}
        self._by_name = {
            name: control
            for control in self._by_address.values()
            for name in self._layout.names_of(control)
        }
        for control in self._by_address.values():
            if control.style != "Pulse":
                self._echo.show(control.address, self._value(control))

    def _value(self, control: Any) -> Any:
        """The value to send: ints and switches as int, menu items by name, a colour as four
        numbers."""
        values = [
            getattr(self.ownerComp.par, name).eval() for name in self._layout.names_of(control)
        ]
        if control.style == "RGBA":
            return tuple(values)
        return int(values[0]) if control.style in ("Toggle", "Int") else values[0]

    def _show(self, control: Any, args: list[Any]) -> bool:
        """Show a value from the engine in its parameter. True if it is shown."""
        if control.style == "Pulse" or not self._echo.may_show(control.address, self.now_s()):
            return False
        for name, value in zip(self._layout.names_of(control), args, strict=False):
            par = getattr(self.ownerComp.par, name)
            # An expression, export or binding sets the parameter, and so the engine.
            if par.mode != ParMode.CONSTANT:  # noqa: F821  TouchDesigner's
                return False
            if control.style == "Menu" and value not in par.menuNames:
                self._show_message(
                    f"{control.address} is {value}, which is not on this page: pulse Fit Pages"
                )
                return False
            par.val = value
        self._echo.show(control.address, self._value(control))
        return True

    def _fit_pages(self, tree: dict[str, Any] | str) -> None:
        """Rebuild the pages from the engine's OSCQuery tree, and request all values again."""
        if isinstance(tree, str):
            self._show_message(f"pages not changed: {tree}")
            return
        try:
            pages = self._layout.control_pages(self._layout.leaves_of(tree))
            if not pages:
                raise ValueError("it contains no parameter of this engine")
        except (
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:  # an unknown server may send anything
            self._show_message(f"pages not changed: the OSCQuery tree cannot be used ({error})")
            return
        parameters = self._part("parameters")
        before = {control.address: control for control in self._by_address.values()}
        names = {
            name
            for page in pages
            for control in page.controls
            for name in self._layout.names_of(control)
        }
        # Destroying a parameter invalidates all Par objects held elsewhere, so destroy all before
        # creating any.
        for name in set(self._by_name) - names:
            if hasattr(self.ownerComp.par, name):
                getattr(self.ownerComp.par, name).destroy()
        changed = 0
        for page in pages:
            for control in page.controls:
                is_there = hasattr(self.ownerComp.par, self._layout.names_of(control)[0])
                if before.get(control.address) != control or not is_there:
                    parameters.put(parameters.page_of(self.ownerComp, page.title), control)
                    changed += 1
        self.ownerComp.op("pages").text = self._layout.pages_json(pages)
        self._read_pages()
        self._link.start_over()
        self._show_message(
            f"pages updated: {len(self._by_address)} parameters, {changed} of them new or changed"
        )

    def _request_features(self) -> None:
        """Switch audio features on if the engine sends none, so that the CHOP output works by
        default."""
        control = self._by_address.get(FEATURES_RATE)
        if control is None or not self._own("Audiochop"):
            return
        par = getattr(self.ownerComp.par, control.name)
        if par.mode == ParMode.CONSTANT and par.eval() == 0.0:  # noqa: F821  TouchDesigner's
            # Sent here: in a project saved with 60 the change from 60 to 0 to 60 in one frame is
            # not reported.
            self._put(FEATURES_RATE, FEATURES_HZ)

    # -- the connection ------------------------------------------------------------------------

    def _answers(self) -> dict[str, Callable[[list[Any]], None]]:
        request_presets = lambda args: self.Send("/preset/list")  # noqa: E731
        return {
            "/engine/heartbeat": self._on_heartbeat,
            "/done /engine/notify": self._on_heartbeat,
            "/done /engine/status": lambda args: self._status.show(),
            "/engine/warning": lambda args: self._set("Warning", args[0]),
            "/fail": lambda args: self._set("Fault", " ".join(map(str, args))),
            "/preset/name": lambda args: self._presets.append(str(args[0])),
            "/done /preset/list": lambda args: self._show_presets(),
            "/preset/changed": request_presets,
            "/preset/current": self._playing.take_look,
            "/cue/current": self._on_cue,
            "/beat/section": self._playing.take_section,
            "/done /cue/list": lambda args: self._playing.end_cue_list(),
        }

    def _on_heartbeat(self, args: list[Any]) -> None:
        if not self._link.note_heartbeat(self.now_s()):
            return
        self._unanswered_polls = 0
        self._echo.expect(
            (one.address for one in self._by_address.values() if one.style != "Pulse"), self.now_s()
        )
        self._set("Connected", 1)
        self.ownerComp.op("features_in").par.resetvalues = False
        self._status.show_connected(f"{self._target[0]}:{self._target[1]}")
        self._show_message(f"connected to {self._target[0]}:{self._target[1]}")
        self.Send("/preset/list")
        self._playing.expect_cue_list()
        self.Send("/cue/list")
        self.Send("/get", "/beat/section")
        self._show_message(self._inputs.open_picture())
        self._inputs.choose_clocks()
        self._callbacks.call("onConnect", host=self._target[0], port=self._target[1])

    def _retarget(self) -> None:
        """Switch to another host or port: unsubscribe from the old engine."""
        target = self._requested_target()
        if target != self._target:
            self._unsubscribe()
            self._target = target
            self._apply_target()
            self._link.start_over()
            self._set("Connected", 0)
            self._status.show_disconnected()
            self._objects.forget()
            self._forget_engine()
            self._follow_picture()
            self._unanswered_polls = 0
            self._is_new_to_engine = True

    def _requested_target(self) -> tuple[str, int, int, int]:
        """Host, port of the engine, and the two ports here: for values, and for audio features."""
        return self._own("Host"), self._own("Port"), self._own("Listenport"), self._own("Featport")

    def _apply_target(self) -> None:
        host, port, listen_port, features_port = self._target
        out = self.ownerComp.op("osc_out").par
        out.address = host
        out.port = port
        self.ownerComp.op("osc_in").par.port = listen_port
        self.ownerComp.op("features_in").par.port = features_port

    def _unsubscribe(self) -> None:
        for port, part in zip(self._target[2:], ("values", "features"), strict=True):
            self.Send("/engine/notify", 0, port, part)

    def _subscribe_features(self) -> None:
        """Get the audio features, or no longer, as Audio CHOP says."""
        self.Send("/engine/notify", int(bool(self._own("Audiochop"))), self._target[3], "features")

    def _forget_engine(self) -> None:
        self._inputs.forget()
        self._playing.forget()
        self._sound_trouble = ""

    # -- what goes to the engine, and the patch's own callbacks ---------------------------------

    def _follow_picture(self) -> None:
        self._inputs.offer_picture()
        if self._link.is_connected:
            self._show_message(self._inputs.open_picture())

    @guarded
    def _send_inputs(self) -> None:
        """Its own guard: an error here, with what a patch has connected, stops no heartbeat."""
        self._inputs.send_sound()
        if self._link.is_connected:
            self._inputs.send_time()
            self._watch_beat()

    def _put(self, address: str, value: Any) -> None:
        """Move a parameter of the engine, here and there; not one that an expression sets. Sent in
        any case: the value shown may be that of a saved project."""
        control = self._by_address.get(address)
        if control is None:
            self._show_message(f"{address}: this engine has no such parameter; pulse Fit Pages")
            return
        par = getattr(self.ownerComp.par, control.name)
        if par.mode == ParMode.CONSTANT:  # noqa: F821  TouchDesigner's
            par.val = value
            self._echo.move(address, value, self.now_s())
            self.Send(address, value)

    def _show_sound_trouble(self) -> None:
        """Show once why Audio In is not heard."""
        is_known = self._link.is_connected and self._status.sound
        trouble = self._inputs.sound_trouble(self._status.sound) if is_known else ""
        if trouble != self._sound_trouble:
            self._show_message(trouble)
        self._sound_trouble = trouble
        self._status.set({"err_audio_in": float(bool(trouble))})

    def _watch_beat(self) -> None:
        """Call onBeat for each beat in the audio features."""
        if not self._own("Audiochop"):
            self._playing.forget_beat()
            return
        audio = self.ownerComp.op("out4_audio")
        control = self._by_address.get("/tempo/beats_a_bar")
        beats_a_bar = self._value(control) if control is not None else 4
        position = (float(audio["beat"]), float(audio["bar"]))
        self._playing.take_beat(*position, beats_a_bar, self._status.bpm, self._status.is_free)

    def _on_cue(self, args: list[Any]) -> None:
        self._set("Cuenow", " ".join(map(str, args)))
        self._playing.take_cue(args)

    # -- SAM3 objects ---------------------------------------------------------------------------

    def _show_objects(self) -> None:
        changes = self._objects.take_changes()
        if changes is None:
            return
        rows, values = changes
        table = self.ownerComp.op("objects")
        table.clear()
        for row in ([*self._part("found_objects").COLUMNS], *rows):
            table.appendRow(row)
        table = self.ownerComp.op("object_values")
        for name, value in values.items():
            table[name, 1] = value

    # -- presets, cues, pages, the engine's process --------------------------------------------

    def _pulses(self) -> dict[str, Callable[[], None]]:
        return {
            "Fit": lambda: self._tree.start(
                self._own("Host"), self._own("Webport"), self._own("Token")
            ),
            "Startengine": self._start_engine,
            "Stopengine": self._stop_engine,
            "Presetload": self._load_preset,
            "Presetsave": self._save_preset,
            "Cuego": lambda: self.Send("/cue/go"),
            "Cueback": lambda: self.Send("/cue/back"),
            "Take": lambda: self.Send("/preset/take"),
            "Cut": lambda: self.Send("/preset/cut"),
            "Still": lambda: self.Send("/still/take"),
            "Undo": lambda: self.Send("/undo"),
            "Redo": lambda: self.Send("/redo"),
            **{f"Pad{n}": functools.partial(self.Send, f"/pad/{n}") for n in range(1, 17)},
            "Createcb": lambda: self._show_message(self._part("callbacks").create(self.ownerComp)),
        }

    def _show_presets(self) -> None:
        names = self._presets
        self._presets = []
        par = self.ownerComp.par.Preset
        chosen = par.eval()
        par.menuNames = par.menuLabels = names
        if names:
            par.val = chosen if chosen in names else names[0]

    def _load_preset(self) -> None:
        if self._own("Preset"):
            self.Send("/preset/load", self._own("Preset"), float(self._own("Presetfade")))
        else:
            self._show_message("Load: no presets received from the engine yet")

    def _save_preset(self) -> None:
        if self._own("Presetname"):
            self.Send("/preset/save", self._own("Presetname"))
        else:
            self._show_message("Save: enter a Name first")

    def _start_engine(self) -> None:
        process = self._part("engine_process")
        host, port = self._target[:2]
        if host not in LOOPBACK:
            self._show_message(
                f"Start Engine starts it on this machine, but Host is {host}: start it there, or "
                "set Host to 127.0.0.1"
            )
        elif self._link.is_connected:
            self._show_message(f"an engine is already running at {host}:{port}")
        else:
            osc = f"127.0.0.1:{port}"
            web = f"127.0.0.1:{self._own('Webport')}"
            try:
                self._show_message(
                    self._process.start(self._own("Command"), self._options(), osc, web)
                )
            except process.StartError as error:
                self._show_message(str(error))

    def _options(self) -> str:
        """Options, with the sound of Audio In unless they name another."""
        options = self._own("Options")
        names_sound = "--audio" in options or not self._own("Audioin")
        return options if names_sound else f"--audio {self._inputs.audio_option} {options}"

    def _stop_engine(self) -> None:
        self.Send("/engine/quit")
        self._process.await_end(self.now_s())
        self._show_message("stopping the engine")

    def _expected_px(self) -> tuple[int, int] | None:
        """Expected size of the Syphon or Spout picture; None without an engine on this machine."""
        return (
            self._status.size_px
            if self._link.is_connected and self._target[0] in LOOPBACK
            else None
        )

    def _report_no_engine(self) -> None:
        """Show a message once if no engine has answered since the last poll and none is starting
        here."""
        if self._link.is_connected or self._process.is_running:
            return
        self._unanswered_polls += 1
        if self._unanswered_polls != 2:
            return
        host, port, listen_port, features_port = self._target
        trouble = self._ports.port_trouble(self.ownerComp, listen_port, features_port)
        if trouble:
            self._show_message(trouble)
        elif host in LOOPBACK:
            self._show_message(
                f"no engine answers at {host}:{port}: pulse Start Engine, or start it with "
                "`multiverse run`"
            )
        else:
            self._show_message(
                f"no engine answers at {host}:{port}: start it there with `multiverse run --lan`"
            )

    # -- operators -----------------------------------------------------------------------------

    def _part(self, name: str) -> Any:
        return self.ownerComp.op(name).module

    def _own(self, name: str) -> Any:
        return getattr(self.ownerComp.par, name).eval()

    def _set(self, name: str, value: Any) -> None:
        par = getattr(self.ownerComp.par, name)
        if par.eval() != value:
            par.val = value

    def _show_message(self, line: str) -> None:
        """Show a line in Message; an empty one changes nothing."""
        if line:
            self._set("Message", line)
