"""Builds the `multiverse` component. Run it once inside TouchDesigner: paste it into a Text DAT and
choose Run Script, or, in the textport: exec(open(r"/path/to/touchdesigner/build_component.py", encoding="utf-8").read())

Generated from `touchdesigner/builder.py`, `touchdesigner/component/` and the declarations by
`multiverse schema write`; do not edit.
"""

# fmt: off
# ruff: noqa
TEXTS = {
    'callbacks': r'''"""Calls the patch's own functions in the DAT that Callback DAT names, each with one dictionary.
TouchDesigner's own components do so, too (docs.derivative.ca/CallbacksExt_Extension).

An error in one of them is a line on the component, and stops nothing.
"""

from collections.abc import Callable
from typing import Any

TEMPLATE = "callbacks_template"
BELOW = 130  # network editor units


class Callbacks:
    def __init__(
        self,
        comp: Any,
        on_error: Callable[[str, Exception], None],
        on_success: Callable[[str], None],
    ) -> None:
        """`on_error(which, error)`; `on_success(which)` when a callback that had failed works
        again."""
        self._comp = comp
        self._on_error = on_error
        self._on_success = on_success
        self.failing: set[str] = set()
        """Names of the callbacks whose last call failed."""

    def call(self, callback: str, /, **info: Any) -> None:
        """Call the patch's function of this name, if there is one, with `info` and the component
        that calls."""
        dat = self._comp.par.Callbackdat.eval()
        if dat is None:
            return
        which = f"{dat.path}: {callback}"
        try:
            function = getattr(dat.module, callback, None)  # compiles the text, which may fail
            if function is not None:
                function({"ownerComp": self._comp, "callbackName": callback, **info})
        except Exception as error:  # the patch's own code
            self.failing.add(callback)
            self._on_error(which, error)
        else:
            if callback in self.failing:
                self.failing.remove(callback)
                self._on_success(which)


class BeatWatch:
    """Finds the beats in the position that the engine sends. Pure."""

    def __init__(self) -> None:
        self._beat: float | None = None
        self._number = 0
        """That of the last beat found; 0 from the middle of that beat on."""

    def take(self, beat: float, bar: float, beats_a_bar: int) -> int | None:
        """The number of the beat in its bar, from 1, if one has begun since the last call; else
        None. `beat`, `bar`: position in them, 0 to 1."""
        before = self._beat
        self._beat = beat
        if 0.25 < beat < 0.75:
            self._number = 0
        if before is None or beat - before > -0.5:  # a small step back is a tempo that is corrected
            return None
        number = round(bar * beats_a_bar - beat) % beats_a_bar + 1
        if number == self._number:  # such a step went back over the beat, which begins again
            return None
        self._number = number
        return number

    def forget(self) -> None:
        self._beat = None
        self._number = 0


class NowPlaying:
    """Calls onLook, onCue, onSection and onBeat when what the engine plays has changed."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._beats = BeatWatch()
        self._look: list[Any] = []
        """Name of the current preset, and 1 if a value was moved since."""
        self._section: list[Any] = []
        self.is_listing_cues = False

    def take_look(self, args: list[Any]) -> None:
        if args != self._look:
            self._look = args
            self._callbacks.call("onLook", name=str(args[0]), isEdited=bool(args[1]))

    def expect_cue_list(self) -> None:
        """Take the cues up to `end_cue_list` as an answer: the current one was started before."""
        self.is_listing_cues = True

    def end_cue_list(self) -> None:
        self.is_listing_cues = False

    def take_cue(self, args: list[Any]) -> None:
        if not self.is_listing_cues:
            self._callbacks.call("onCue", number=args[0], name=str(args[1]))

    def take_section(self, args: list[Any]) -> None:
        if args != self._section:
            self._section = args
            self._callbacks.call("onSection", section=str(args[0]))

    def take_beat(
        self, beat: float, bar: float, beats_a_bar: int, bpm: float, is_free: bool
    ) -> None:
        """`beat`, `bar`: position in them, 0 to 1; `is_free`: the tempo runs without its clock."""
        number = self._beats.take(beat, bar, beats_a_bar)
        if number is not None:
            self._callbacks.call("onBeat", beat=number, bpm=bpm, isFree=is_free)

    def forget_beat(self) -> None:
        self._beats.forget()

    def forget(self) -> None:
        """Forget what is played, because another engine, or none, is connected."""
        self._beats.forget()
        self._look = []
        self._section = []


def create(comp: Any) -> str:
    """Put a DAT with the templates beside the component, dock it there, and name it in Callback
    DAT. Keeps one that is there. Returns a message."""
    network = comp.parent()
    name = f"{comp.name}_callbacks"
    dat = network.op(name)
    if dat is None:
        dat = network.create("textDAT", name)
        dat.text = comp.op(TEMPLATE).text
        dat.nodeX = comp.nodeX
        dat.nodeY = comp.nodeY - BELOW
        dat.dock = comp
    comp.par.Callbackdat = dat.name
    return f"callbacks are in {dat.path}"
''',
    'callbacks_template': r'''"""Callbacks of the multiverse component. Each gets one dictionary: info['ownerComp'] is the
component.

Write your own code into them, and delete those that you do not need. An error is shown on the
component.
"""


def onConnect(info):
    """The engine answers: info['host'], info['port']."""


def onLook(info):
    """A preset was loaded or saved, by anyone: info['name']. info['isEdited'] is True once a value
    was moved since."""


def onCue(info):
    """A cue has started: info['number'], info['name'] of its preset."""


def onBeat(info):
    """A beat: info['beat'] in its bar, from 1; info['bpm']. info['isFree'] is True while the tempo
    has lost its clock.

    Needs Audio CHOP (page Connect). Within a frame of the beat.
    """


def onSection(info):
    """The section of the song has changed: info['section'] is quiet, build, drop or break."""


def onLost(info):
    """The engine has sent nothing for 3 s."""
''',
    'echo': r'''"""Echo suppression between parameters and engine, so that a value never loops. Pure: time is an
argument.

TouchDesigner reports a change once per frame, without its cause. A flag set while a value from the
engine is applied would be cleared long before the callback runs. So changes are compared by value:
the value shown last is stored, and a change to exactly that value is ignored.

The engine does not send a client its own changes, but another client's change may arrive while
someone moves the same control here. So for a moment after each sent value, incoming values for that
address are not shown. When the control has stopped moving, the engine is asked for the current
value.
"""

import math
from collections.abc import Iterable

HOLD_S = 0.25  # longer than the round trip to the engine, shorter than people notice
ARRIVAL_S = 2.0  # the engine sends all values within half a second
MAX_ARRIVAL_S = 60.0  # an older engine may not have the value at all
RELATIVE = 1e-6  # numbers are sent as 32-bit floats, with a relative spacing of 1.2e-7
ABSOLUTE = 1e-9

Value = float | int | str | tuple[float, ...]


class Echo:
    """Decides which values are sent to the engine and which incoming ones are displayed."""

    def __init__(self) -> None:
        self._displayed: dict[str, Value] = {}
        self._held_until_s: dict[str, float] = {}
        # By address: when the engine may be asked, and for how long not again.
        self._outdated: dict[str, tuple[float, float]] = {}

    def show(self, address: str, value: Value) -> None:
        """Store the value displayed after an update from the engine, so that it is not sent
        back."""
        self._displayed[address] = value

    def wants_sending(self, address: str, value: Value, now_s: float) -> bool:
        """True if this change was made here; then incoming values of the address are held back."""
        if address in self._displayed and is_same(value, self._displayed[address]):
            return False
        self.move(address, value, now_s)
        return True

    def move(self, address: str, value: Value, now_s: float) -> None:
        """Store a value that is sent from here in any case, and hold back incoming ones."""
        self._displayed[address] = value
        self._held_until_s[address] = now_s + HOLD_S

    def may_show(self, address: str, now_s: float) -> bool:
        """True if a value from the engine should be shown; if not, `take_outdated` will return the
        address."""
        if now_s < self._held_until_s.get(address, -math.inf):
            self._outdated[address] = now_s, ARRIVAL_S
            return False
        self._outdated.pop(address, None)
        return True

    def expect(self, addresses: Iterable[str], now_s: float) -> None:
        """Have `take_outdated` return those of these addresses whose value does not arrive within 2
        s."""
        self._outdated |= dict.fromkeys(addresses, (now_s + ARRIVAL_S, ARRIVAL_S))

    def take_outdated(self, now_s: float) -> list[str]:
        """Addresses that are no longer held back and whose current value the engine must be asked
        for; again after 2 s, 4 s and so on, up to 32 s, if the answer is lost, too."""
        held_s = self._held_until_s
        due = [
            name
            for name, (ask_s, _) in self._outdated.items()
            if now_s >= max(ask_s, held_s.get(name, -math.inf))
        ]
        for address in due:
            _, wait_s = self._outdated[address]
            if wait_s > MAX_ARRIVAL_S:
                del self._outdated[address]
            else:
                self._outdated[address] = now_s + wait_s, 2.0 * wait_s
        return sorted(due)


def is_same(one: Value, other: Value) -> bool:
    """True if equal, numbers up to 32-bit float rounding."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
''',
    'engine_inputs': r'''"""A picture, sound, timecode and beat from TouchDesigner to the engine. TouchDesigner's main
thread.

The picture goes by Syphon, Spout or NDI, and the engine opens it as its camera: layer 5, and a
source of SD. The sender exists only while Picture In is on, because Spout limits their number.
Sound is read once a frame: what has come since the last one. Timecode is text, `/mtc hh:mm:ss:ff
30`.
"""

import sys
from collections.abc import Callable
from typing import Any

PICTURE_OUT = "picture_out"
SENDERS = {"local": "syphonspoutoutTOP", "ndi": "ndioutTOP"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TIMECODE_FPS = 30


class EngineInputs:
    def __init__(
        self, comp: Any, sender: Any, send: Callable[..., None], put: Callable[[str, Any], None]
    ) -> None:
        """`send`: sends an OSC message; `put`: moves a parameter of the engine here."""
        self._comp = comp
        self._sender = sender
        self._send = send
        self._put = put
        self._bpm: float | None = None
        self._opened = ""
        """The source that this component had the engine open."""
        self._label = ""

    def offer_picture(self) -> None:
        """Make or remove the sender of input 1, as Picture In says."""
        kind = SENDERS.get(self._own("Picturein"))
        out = self._comp.op(PICTURE_OUT)
        if out is not None and out.OPType != kind:
            out.destroy()
            out = None
        if kind is None:
            return
        if out is None:
            out = self._comp.create(kind, PICTURE_OUT)
            out.inputConnectors[0].connect(self._comp.op("in1_picture"))
        name = self._picture_name()
        (out.par.name if kind == "ndioutTOP" else out.par.sendername).val = name

    def open_picture(self) -> str:
        """Have the engine open what `offer_picture` offers, or its own camera again. Returns a
        message, or "". Call it when connected, and after each change while connected."""
        way = self._own("Picturein")
        if way == "off":
            if self._opened:
                self._send("/camera/open", "start")
            self._opened = ""
            return ""
        if way == "local" and self._own("Host") not in LOOPBACK:
            return f"Picture In is local, but the engine runs at {self._own('Host')}: choose ndi"
        kind = "ndi" if way == "ndi" else "syphon" if sys.platform == "darwin" else "spout"
        self._opened = f"{kind}:{self._picture_name()}"
        self._send("/camera/open", self._opened)
        return ""

    def forget(self) -> None:
        """Forget what was opened, because another engine, or none, is connected."""
        self._opened = ""
        self._bpm = None

    def send_sound(self) -> None:
        """Send what input 2 has brought since the last frame, if Audio In is on."""
        if not self._own("Audioin"):
            return
        sound = self._comp.op("audio_resampled")
        if sound.numChans:
            self._sender.send(
                sound.numpyArray(),
                self._own("Audioinchan"),
                self._own("Host"),
                self._own("Audioinport"),
            )

    @property
    def audio_option(self) -> str:
        """The value that the engine's --audio must have."""
        return f"rtp:{self._own('Audioinport')}/48000/{self._own('Audioinchan')}"

    def sound_trouble(self, engines_sound: str) -> str:
        """The reason why Audio In is not heard, or "". `engines_sound`: the description of its
        source by the engine."""
        if not self._own("Audioin"):
            return ""
        if not self._comp.op("in2_audio").numChans:
            return "Audio In is on, but nothing is connected to input 2"
        channels = self._own("Audioinchan")
        if f":{self._own('Audioinport')} ({channels} channels, 48000 Hz)" in engines_sound:
            return ""
        return (
            f"Audio In is not heard: start the engine with --audio {self.audio_option} (it has "
            f"{engines_sound})"
        )

    def send_time(self) -> None:
        """Send the position of the component's timeline when its label changes, and its tempo, as
        Send Time says."""
        way = self._own("Timeto")
        if way == "off":
            return
        time = self._comp.time
        label = label_at(time.seconds)
        if label != self._label:
            self._send("/mtc", label, TIMECODE_FPS)
        self._label = label
        if way == "beat" and time.tempo != self._bpm:
            self._bpm = time.tempo
            self._put("/tempo/bpm", float(time.tempo))

    def choose_clocks(self) -> None:
        """Have the engine follow what `send_time` sends. Call it when connected, and when Send Time
        changes."""
        way = self._own("Timeto")
        if way != "off":
            self._put("/timecode/source", "mtc")
        if way == "beat":
            self._put("/tempo/source", "timecode")

    def close(self) -> None:
        self._sender.close()

    def _picture_name(self) -> str:
        """One for each component; without "multiverse", by which the component finds the engine's
        own pictures."""
        return f"TouchDesigner {self._own('Listenport')}"

    def _own(self, name: str) -> Any:
        return getattr(self._comp.par, name).eval()


def label_at(seconds: float) -> str:
    """The label hh:mm:ss:ff (30 frames/s) of the frame at `seconds`. Pure."""
    frames = int(max(0.0, seconds) * TIMECODE_FPS + 1e-6)  # a frame's time may be rounded down
    whole, frame = divmod(frames, TIMECODE_FPS)
    return f"{whole // 3600 % 24:02}:{whole // 60 % 60:02}:{whole % 60:02}:{frame:02}"
''',
    'engine_process': r'''"""Starts the installed `multiverse run` and detects its end.

TouchDesigner sets PYTHONHOME and PYTHONPATH for its own Python: any other Python that inherits them
loads the wrong standard library and crashes at start. The engine outlives TouchDesigner, so it
writes its output to a file: a pipe without a reader would end it in the middle of the show.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

STOP_TIMEOUT_S = 5.0  # the engine gives its child processes 3 s to end
TOUCHDESIGNERS_OWN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONEXECUTABLE",
    "PYTHONNOUSERSITE",
    "PYTHONIOENCODING",
    "__PYVENV_LAUNCHER__",
)
COMMAND_MISSING = (
    "{command}: no such program. Programs started from the Dock or the Start menu have a short "
    "PATH: enter the full "
    "path in Command, in a checkout .venv/bin/multiverse (Windows: .venv\\Scripts\\multiverse.exe)"
)


class StartError(Exception):
    """The engine cannot be started; the text is one line with the reason."""


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without the variables of TouchDesigner's Python, and with UTF-8 for the
    engine's log: the code page of Windows cannot encode every name."""
    inherited = {key: value for key, value in environment.items() if key not in TOUCHDESIGNERS_OWN}
    return {**inherited, "PYTHONUTF8": "1"}


def split_options(options: str, platform: str) -> list[str]:
    """The words of `options`; single or double quotes group a word with blanks. ValueError for an
    unclosed quote.

    `platform` is `sys.platform`: on Windows a backslash separates folders and does not escape.
    """
    lexer = shlex.shlex(options, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if platform == "win32":
        lexer.escape = ""
    return list(lexer)


class EngineProcess:
    """The engine process started from here, if any. For one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log_file = Path()
        self._terminate_at_s: float | None = None

    def start(self, command: str, options: str, osc: str, web: str) -> str:
        """Start `command run --osc OSC --web WEB OPTIONS` and return a message. Raises
        StartError."""
        if self._process is not None:
            raise StartError(
                f"the engine started here is already running (process {self._process.pid})"
            )
        command = command.strip().strip('"')  # "Copy as path" on Windows adds quotes
        path = os.path.expanduser(command)
        # Python 3.11 adds .exe to a name in PATH, but not to a path.
        program = shutil.which(path) or shutil.which(f"{path}.exe")
        if program is None:
            raise StartError(COMMAND_MISSING.format(command=command or "Command is empty"))
        try:
            arguments = split_options(options, sys.platform)
        except ValueError as error:
            raise StartError(f"Options: {error}") from None
        self._log_file = Path(tempfile.gettempdir()) / f"multiverse-{osc.rpartition(':')[2]}.log"
        # In its own process group: Ctrl-C in the console that started TouchDesigner must not stop
        # the engine.
        if sys.platform == "win32":
            own_group = {
                "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            }
        else:
            own_group = {"start_new_session": True}
        try:
            with self._log_file.open("wb") as log:
                self._process = subprocess.Popen(
                    [program, "run", "--osc", osc, "--web", web, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=clean_environment(os.environ),
                    **own_group,
                )
        except OSError as error:
            raise StartError(f"{program}: {error.strerror or error}") from None
        return f"started {program} (process {self._process.pid}); log: {self._log_file}"

    @property
    def is_running(self) -> bool:
        """True until `ended` has detected the end of the engine started here."""
        return self._process is not None

    def ended(self) -> str:
        """A message if the engine ended since the last call, with the last line of its log; else
        empty."""
        if self._process is None or self._process.poll() is None:
            return ""
        code = self._process.returncode
        self._process = None
        if code == 0:
            return "the engine has ended"
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")
        return f"the engine ended with code {code}: {last}"

    def await_end(self, now_s: float) -> None:
        """Give the engine, which was sent the order to quit, STOP_TIMEOUT_S to end by itself."""
        self._terminate_at_s = now_s + STOP_TIMEOUT_S

    def step(self, now_s: float) -> str:
        """Terminate an engine that has not ended in time. Returns a message if it has ended or is
        terminated; else ""."""
        line = self.ended()
        if line:
            self._terminate_at_s = None
            return line
        if self._terminate_at_s is None or now_s < self._terminate_at_s:
            return ""
        self._terminate_at_s = None
        return "the engine did not answer and was terminated" if self.terminate() else ""

    def terminate(self) -> bool:
        """End the engine started here: by SIGTERM it finishes its files, Windows kills it. True if
        there is one."""
        if self._process is None:
            return False
        self._process.terminate()
        return True
''',
    'extension': r'''"""The component's extension: connects its parts with operators and parameters. TouchDesigner's main
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
''',
    'features': r'''"""Names of the audio features, as the engine sends them and as channels. Pure.

The engine sends 33 numbers 60 times per second: 1980 callbacks per second, if a DAT received them.
So they have a port of their own, where an OSC In CHOP takes them without Python.
"""

CHANNELS = 4
FEATURES = ("rms", "peak", "low", "mid", "high", "pitch", "onset")
BEATS = ("beat", "bar", "kick", "snare", "hat")
NAMES = (
    *(f"{feature}{channel}" for channel in range(1, CHANNELS + 1) for feature in FEATURES),
    *BEATS,
)
"""Channels of output 4, in this order."""
RECEIVED = (
    *(f"{channel}/{feature}" for channel in range(1, CHANNELS + 1) for feature in FEATURES),
    *BEATS,
)
"""Names of the same in an OSC In CHOP that strips the first segment of `/audio/1/rms` and
`/audio/beat`."""
''',
    'found_objects': r'''"""SAM3 objects, collected from messages until the next frame. Pure.

Each result is a count followed by one message per object, best first. A message may be lost, and
one from an older result may arrive after the count of a newer one: an object beyond the count is
dropped.
"""

from typing import Any

COLUMNS = ("k", "id", "prompt", "score", "cx", "cy", "w", "h")
CHANNEL_OBJECTS = 4
CHANNEL_COLUMNS = ("id", "cx", "cy", "w", "h", "score")
NAMES = (
    "objects",
    *(f"o{k}_{column}" for k in range(1, CHANNEL_OBJECTS + 1) for column in CHANNEL_COLUMNS),
)

_COUNT = "/sam3/objects"
_OBJECT = "/sam3/object/"


class ObjectTable:
    def __init__(self) -> None:
        self._count = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._is_changed = True  # a saved project still shows old objects

    def take(self, address: str, args: list[Any]) -> bool:
        """Take `/sam3/objects 2`, or `/sam3/object/1` with the values of COLUMNS after k. False for
        other messages."""
        rest = address.removeprefix(_OBJECT)
        if address == _COUNT:
            self._count = int(args[0])
            self._rows = {k: row for k, row in self._rows.items() if k <= self._count}
        elif rest == address or not rest.isdecimal():
            return False
        elif int(rest) <= self._count:
            self._rows[int(rest)] = dict(zip(COLUMNS, (int(rest), *args), strict=True))
        self._is_changed = True
        return True

    def forget(self) -> None:
        """Remove all objects, because the engine has disconnected."""
        self.take(_COUNT, [0])

    def take_changes(self) -> tuple[list[list[Any]], dict[str, float]] | None:
        """Rows of the table, best first, and values by channel name; None if unchanged since the
        last call."""
        if not self._is_changed:
            return None
        self._is_changed = False
        rows = [list(self._rows[k].values()) for k in sorted(self._rows)]
        values = dict.fromkeys(NAMES, 0.0) | {"objects": float(self._count)}
        for k in range(1, CHANNEL_OBJECTS + 1):
            if k in self._rows:
                values |= {
                    f"o{k}_{column}": float(self._rows[k][column]) for column in CHANNEL_COLUMNS
                }
        return rows, values
''',
    'frame_callbacks': r'''"""Forwards each frame to the extension."""


def onFrameStart(frame):
    extension = getattr(parent().ext, "MultiverseExt", None)  # noqa: F821  TouchDesigner's
    if extension is not None:  # else it did not start, which the component shows
        extension.on_frame()
''',
    'link': r'''"""State of the connection to the engine, and timing of subscription and status polls. Pure: time is
an argument.

UDP does not report a lost connection. The engine sends a heartbeat per second to its subscribers.
After three missing ones the connection counts as lost, and the subscription is retried until a
heartbeat arrives. A restarted engine has no subscribers, so the same retries find it; it answers
with all values, which replace the displayed ones.
"""

import math
from dataclasses import dataclass

LOST_AFTER_S = 3.0
RETRY_S = 2.0
STATUS_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The actions that are due in a frame."""

    subscribe: bool = False
    request_status: bool = False
    report_lost: bool = False


class EngineLink:
    def __init__(self) -> None:
        self.is_connected = False
        self._received_s = -math.inf
        self._next_subscription_s = -math.inf
        self._next_status_s = -math.inf

    def note_heartbeat(self, now_s: float) -> bool:
        """Record a heartbeat, or the answer to a subscription. True if the connection is new.

        Before a subscription is sent, what arrives is the rest of an older one and is ignored: it
        would count as connected, and the values would never be requested.
        """
        if self._next_subscription_s == -math.inf:
            return False
        self._received_s = now_s
        is_new = not self.is_connected
        self.is_connected = True
        return is_new

    def step(self, now_s: float) -> Due:
        """The actions due in this frame."""
        is_lost = self.is_connected and now_s - self._received_s > LOST_AFTER_S
        if is_lost:
            self.start_over()
        if not self.is_connected:
            if now_s < self._next_subscription_s:
                return Due(report_lost=is_lost)
            self._next_subscription_s = now_s + RETRY_S
            return Due(subscribe=True, report_lost=is_lost)
        if now_s < self._next_status_s:
            return Due()
        self._next_status_s = now_s + STATUS_S
        return Due(request_status=True)

    def start_over(self) -> None:
        """Reset to not connected, and subscribe with the next step: after a loss, or for another
        host or port."""
        self.is_connected = False
        self._next_subscription_s = -math.inf
        self._next_status_s = -math.inf
''',
    'osc_in_callbacks': r'''"""Forwards messages of the OSC In DAT to the extension, if it started."""


def onReceiveOSC(dat, rowIndex, message, bytes, timeStamp, address, args, peer):
    extension = getattr(dat.parent().ext, "MultiverseExt", None)
    if extension is not None:
        extension.on_message(address, args)
''',
    'parameter_callbacks': r'''"""Forwards changes and pulses of the component's parameters to the extension, if it started."""


def onValueChange(par, prev):
    extension = getattr(par.owner.ext, "MultiverseExt", None)
    if extension is not None:
        extension.on_value(par)


def onPulse(par):
    extension = getattr(par.owner.ext, "MultiverseExt", None)
    if extension is not None:
        extension.on_pulse(par)
''',
    'parameters': r'''"""Custom parameters of a COMP: those described by `layout`, and the component's own."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A parameter of the component itself; has the members of `layout.CustomParameter` that `put`
    reads."""

    name: str
    label: str
    help: str
    style: str = "Str"
    default: Any = ""
    low: float = 0.0
    high: float = 1.0
    is_clamped: bool = True
    menu: tuple[str, ...] = ()
    starts_section: bool = False
    is_read_only: bool = False


def _text(name: str, label: str, help: str, default: str = "", **more: Any) -> Own:
    return Own(name=name, label=label, help=help, default=default, **more)


def _switch(name: str, label: str, help: str, default: int, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, style="Toggle", default=default, **more)


def _pulse(name: str, label: str, help: str) -> Own:
    return Own(name=name, label=label, help=help, style="Pulse", default=None)


def _port(name: str, label: str, default: int, help: str) -> Own:
    return Own(name=name, label=label, help=help, style="Int", default=default, low=1, high=65_535)


def _choice(name: str, label: str, help: str, *menu: str, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, style="Menu", default=menu[0], menu=menu, **more)


def _display(name: str, label: str, help: str, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, is_read_only=True, **more)


def _rate(name: str, label: str, help: str, high: float = 100.0) -> Own:
    """A displayed number; by default milliseconds."""
    return _display(name, label, help, style="Float", default=0.0, high=high)


def _count(name: str, label: str, help: str) -> Own:
    return _display(name, label, help, style="Int", default=0, high=1000)


OWN_PAGES: dict[str, tuple[Own, ...]] = {
    "Connect": (
        _text("Host", "Host", "The engine's address; 127.0.0.1 is this machine.", "127.0.0.1"),
        _port("Port", "OSC port", 9000, "OSC port of the engine: multiverse run --osc HOST:PORT."),
        _port(
            "Listenport",
            "Listen port",
            9010,
            "Port that this component receives on; a different one per component.",
        ),
        _port(
            "Featport",
            "Features port",
            9011,
            "Port that the audio features arrive on; a different one per component.",
        ),
        _port(
            "Webport",
            "Web port",
            9001,
            "Port of the page and of OSCQuery: multiverse run --web HOST:PORT.",
        ),
        _text(
            "Token",
            "Token",
            "For Fit Pages with an engine on another machine. That engine prints its token.",
        ),
        _display(
            "Connected",
            "Connected",
            "On while the engine's heartbeat arrives.",
            style="Toggle",
            default=0,
        ),
        _display("Message", "Message", "The latest event, and what to do about it."),
        _pulse(
            "Fit",
            "Fit Pages",
            "Rebuild the pages for the running engine: reads its parameters over OSCQuery.",
        ),
        _switch(
            "Audiochop",
            "Audio CHOP",
            "Requests 60 audio features per second for output 4 if the engine sends none. Off: no "
            "request.",
            1,
        ),
        _text(
            "Command",
            "Command",
            "Program that Start Engine runs: a name on PATH, or a full path.",
            "multiverse",
            starts_section=True,
        ),
        _text(
            "Options",
            "Options",
            "Options after `multiverse run --osc ... --web ...`, such as --audio demo --camera 0.",
        ),
        _pulse(
            "Startengine",
            "Start Engine",
            "Start the engine here. It keeps running when TouchDesigner quits.",
        ),
        _pulse("Stopengine", "Stop Engine", "Stop the engine; files being written are finished."),
    ),
    "Show": (
        _text("Preset", "Preset", "The engine's presets.", style="Menu"),
        Own(
            name="Presetfade",
            label="Fade (s)",
            style="Float",
            default=0.0,
            high=60.0,
            is_clamped=False,
            help="Fade time of Load; more than 60 can be typed.",
        ),
        _pulse("Presetload", "Load", "/preset/load: loads the chosen preset over the fade time."),
        _text("Presetname", "Name", "Name for Save."),
        _pulse(
            "Presetsave",
            "Save",
            "/preset/save: saves the current values; replaces a preset of that name.",
        ),
        _display("Cuenow", "Cue", "The last cue started.", starts_section=True),
        _pulse("Cuego", "Go", "/cue/go: starts the next cue."),
        _pulse("Cueback", "Back", "/cue/back: starts the previous cue."),
        _pulse("Take", "Take", "/preset/take: takes the prepared preset."),
        _pulse("Cut", "Cut", "/preset/cut: takes it in one frame."),
        _pulse("Still", "Still", "/still/take: puts a still of the picture on the next free pad."),
        _pulse("Undo", "Undo", "/undo: takes back the newest step of a hand."),
        _pulse("Redo", "Redo", "/redo: brings back what was undone last."),
    ),
    "Pictures": (
        _text(
            "Mainsender",
            "Main contains",
            "Output 1: the Syphon or Spout sender whose name contains this.",
            "Multiverse",
        ),
        _display("Mainfound", "Main is", "The sender that was found."),
        _text(
            "Sdsender",
            "SD contains",
            "Output 2, the picture of Stable Diffusion: the sender whose name contains this.",
            "Multiverse SD",
        ),
        _display("Sdfound", "SD is", "The sender that was found."),
        _switch(
            "Ndi",
            "NDI",
            "Output 3: the picture of an engine on another machine. Searches the network, so off "
            "by default.",
            0,
            starts_section=True,
        ),
        _text("Ndisource", "NDI contains", "Part of the NDI source's name.", "Multiverse"),
        _text(
            "Ndiips",
            "NDI addresses",
            "Machines that NDI does not find by itself, separated by spaces.",
        ),
        _display("Ndifound", "NDI is", "The source that was found."),
        _text(
            "Sam3sender",
            "SAM3 contains",
            "Output 5, the input of SAM3 with coloured masks over it: the sender whose name "
            "contains this.",
            "Multiverse SAM3",
            starts_section=True,
        ),
        _display("Sam3found", "SAM3 is", "The sender that was found."),
        _text(
            "Masksender",
            "SAM3 mask contains",
            "Output 6, the masks of SAM3 as numbers: the sender whose name contains this. Red is "
            "the object's "
            "id / 255, green its score, blue its coverage of the pixel.",
            "Multiverse SAM3 mask",
        ),
        _display("Maskfound", "SAM3 mask is", "The sender that was found."),
        _text(
            "Secondsender",
            "Second contains",
            "Output 9, the engine's second output (its sinks begin with 2:): the sender whose "
            "name contains this.",
            "Multiverse 2",
            starts_section=True,
        ),
        _display("Secondfound", "Second is", "The sender that was found."),
    ),
    "Inputs": (
        _choice(
            "Picturein",
            "Picture In",
            "The TOP at input 1 is the engine's camera: layer 5, and a source of SD. local: by "
            "Syphon or Spout, for an "
            "engine on this machine; ndi: for one on another machine.",
            "off",
            "local",
            "ndi",
        ),
        _switch(
            "Audioin",
            "Audio In",
            "The CHOP at input 2 is the engine's sound. The engine must be started for it: Start "
            "Engine does, or "
            "multiverse run --audio rtp:9014/48000/2.",
            0,
            starts_section=True,
        ),
        _port(
            "Audioinport",
            "Audio In port",
            9014,
            "The port in the engine's --audio rtp:PORT/48000/CHANNELS.",
        ),
        Own(
            name="Audioinchan",
            label="Audio In channels",
            style="Int",
            default=2,
            low=1,
            high=16,
            help="Channels that are sent; those in the engine's --audio rtp:PORT/48000/CHANNELS.",
        ),
        _choice(
            "Timeto",
            "Send Time",
            "timecode: the engine follows this component's timeline, cues included; beat: also "
            "its beat and tempo.",
            "off",
            "timecode",
            "beat",
            starts_section=True,
        ),
    ),
    "Callbacks": (
        Own(
            name="Callbackdat",
            label="Callback DAT",
            style="DAT",
            help="A DAT with your own onConnect, onLook, onCue, onBeat, onSection, onLost.",
        ),
        _pulse(
            "Createcb", "Create Callbacks", "Puts a DAT with these functions beside the component."
        ),
    ),
    "Status": (
        _display("State", "State", "State of the connection."),
        _rate("Fps", "Frames/s", "Frame rate of the last two seconds.", 120.0),
        _rate("Framep50", "Frame (ms)", "Median frame time."),
        _rate("Framep99", "Slowest (ms)", "99 of 100 frames take less time."),
        _rate(
            "Latencyp50",
            "Latency (ms)",
            "From a packet's arrival to the published picture, median of the last minute.",
        ),
        _rate("Latencyp99", "99 of 100 (ms)", "99 of 100 packets take less."),
        _rate("Latencyworst", "Worst (ms)", "The worst of the last minute."),
        _count("Late", "Late", "Frames published more than one period late."),
        _count("Dropped", "Dropped", "Frames skipped because the engine was late."),
        _display("Size", "Size", "Width x height of the picture."),
        _display("Renderer", "Renderer", "Graphics hardware that draws the picture."),
        _display("Tempo", "Tempo", "Tempo, and if it follows its clock or has lost it."),
        _display("Sound", "Sound", "Sound source and its state."),
        _display("Camera", "Camera", "Camera and its state."),
        _display("Children", "Children", "Child processes and their states.", starts_section=True),
        _display("Sinks", "Sinks", "Outputs and their states."),
        _display("Warning", "Warning", "Latest warning of the engine."),
        _display("Fault", "Refused", "Latest command that failed, and why."),
    ),
    "Pads": tuple(
        _pulse(
            f"Pad{n}",
            f"Pad {n}",
            f"/pad/{n} of the shown bank: the first tap prepares, the next takes.",
        )
        for n in range(1, 17)
    ),
}
OWN_NAMES = frozenset(own.name for owns in OWN_PAGES.values() for own in owns)


def put_own_pages(comp: Any) -> None:
    for title, owns in OWN_PAGES.items():
        page = page_of(comp, title)
        for own in owns:
            for par in put(page, own):
                par.readOnly = own.is_read_only


def put(page: Any, control: Any) -> list[Any]:
    """Add the parameter to the page, or update the existing one; returns its Pars."""
    group = getattr(page, f"append{control.style}")(control.name, label=control.label, replace=True)
    pars = [group[at] for at in range(4 if control.style == "RGBA" else 1)]
    for at, par in enumerate(pars):
        # The documentation of Par.help says both "Get or set" and "Read Only"
        # (docs.derivative.ca/Par_Class).
        with suppress(AttributeError):
            par.help = control.help
        par.startSection = control.starts_section
        if control.style in ("Float", "Int", "RGBA"):
            par.min = par.normMin = control.low
            par.max = par.normMax = control.high
            par.clampMin = par.clampMax = control.is_clamped
        if control.style == "Menu":
            par.menuNames = par.menuLabels = list(control.menu)
        if control.style in ("Pulse", "DAT") or (control.style == "Menu" and not control.menu):
            continue
        par.default = control.default[at] if control.style == "RGBA" else control.default
        par.val = par.default
    return pars


def page_of(comp: Any, title: str) -> Any:
    """The custom page of that title, created if missing."""
    for page in comp.customPages:
        if page.name == title:
            return page
    return comp.appendCustomPage(title)
''',
    'picture_inputs': r'''"""Connects each Syphon, Spout or NDI input to its sender, and reports a missing picture.
TouchDesigner's main thread.

A Syphon Spout In TOP does not report a missing sender: it shows a placeholder of 128 x 128, without
warning or error. So the available senders are read from its menu, and a picture is detected by its
size.
"""

import sys
from collections.abc import Iterable
from typing import Any

SENDERS = (
    ("main_in", "Mainsender", "Mainfound"),
    ("second_in", "Secondsender", "Secondfound"),
    ("sd_in", "Sdsender", "Sdfound"),
    ("sam3_in", "Sam3sender", "Sam3found"),
    ("sam3_mask_in", "Masksender", "Maskfound"),
)  # each excludes the longer names of those after it
PLACEHOLDER_PX = (128, 128)
# Default limits of Spout senders, changed in the registry: 10 by
# docs.derivative.ca/Syphon_Spout_In_TOP, which also asks for an Nvidia or AMD card; 64 by Spout's
# own library since 2020 (SpoutSenderNames.cpp).
SPOUT_LIMITS = (10, 64)
MAX_NON_COMMERCIAL_PX = 1280  # docs.derivative.ca/TOP
Size = tuple[int, int]


class PictureInputs:
    def __init__(self, comp: Any) -> None:
        self._comp = comp
        self._trouble = ""
        self._is_reported = False

    def poll(self) -> None:
        """Connect each picture to the sender whose name contains the requested text; if none does,
        keep the old one."""
        own = self._own
        for index, (top, part, found) in enumerate(SENDERS, start=1):
            sender = self._comp.op(top).par.sendername
            others = [own(other) for _, other, _ in SENDERS[index:]]
            self._point(sender, found, pick(own(part), sender.menuNames, others))
        ndi = self._comp.op("ndi_in").par
        ndi.active = own("Ndi")
        ndi.extraips = own("Ndiips")
        self._point(
            ndi.name, "Ndifound", pick(own("Ndisource"), ndi.name.menuNames) if own("Ndi") else ""
        )

    def take_message(self, engine_px: Size | None) -> str:
        """A message if the main picture is missing or has arrived; empty if there is nothing new.

        `engine_px`: the size of the engine's picture on this machine; None: unknown, or no picture
        is expected. A problem is reported once, after two polls, because a sender may appear late.
        """
        trouble = "" if engine_px is None or self._own("Ndi") else self._trouble_of_main(engine_px)
        before = self._trouble
        self._trouble = trouble
        if trouble != before:
            was_reported = self._is_reported
            self._is_reported = False
            name = self._own("Mainfound")
            return (
                f"output 1 shows {name}"
                if was_reported and not trouble and engine_px and name
                else ""
            )
        if not trouble or self._is_reported:
            return ""
        self._is_reported = True
        return trouble

    @property
    def has_trouble(self) -> bool:
        """True while output 1 does not show the engine's picture."""
        return bool(self._trouble)

    def _trouble_of_main(self, engine_px: Size) -> str:
        top = self._comp.op("main_in")
        top.cook()  # a TOP without a viewer does not cook, and keeps the size of its last picture
        return main_trouble(
            self._own("Mainsender"), self._own("Mainfound"), len(top.par.sendername.menuNames),
            (top.width, top.height),
            engine_px, is_windows=sys.platform == "win32",
            is_non_commercial=licenses.isNonCommercial,  # noqa: F821  TouchDesigner's
        )  # fmt: skip

    def _point(self, sender: Any, parameter_name: str, name: str) -> None:
        if name and sender.eval() != name:
            sender.val = name
        parameter = getattr(self._comp.par, parameter_name)
        if parameter.eval() != name:
            parameter.val = name

    def _own(self, name: str) -> Any:
        return getattr(self._comp.par, name).eval()


def pick(part: str, names: Iterable[str], but_not: Iterable[str] = ()) -> str:
    """The shortest name that contains `part` and none of `but_not`, ignoring case; empty if there
    is none. Pure.

    The full name of a sender is not known in advance: Syphon puts the application before it, Spout
    appends a number if the name is taken, NDI adds the machine's name.
    """
    part_name = part.strip().lower()
    # A text contained in `part` itself cannot exclude anything: Multiverse for Multiverse SD.
    unwanted = [text for other in but_not if (text := other.strip().lower()) not in part_name]
    found = [name for name in names if part_name and part_name in name.lower()]
    return min(
        (name for name in found if not any(other in name.lower() for other in unwanted)),
        key=len,
        default="",
    )


def main_trouble(
    part: str,
    name: str,
    senders: int,
    shown_px: Size,
    engine_px: Size,
    *,
    is_windows: bool,
    is_non_commercial: bool,
) -> str:
    """The reason why output 1 does not show the engine's picture, one line, or empty. Pure.

    `name`: the sender that contains `part`, or empty; `senders`: the number of available senders.
    """
    placeholder = "TouchDesigner's placeholder, {} x {}".format(*PLACEHOLDER_PX)
    if not name:
        line = (
            f"no Syphon or Spout sender contains {part!r}: output 1 shows {placeholder}; see "
            "Sinks on the Status page"
        )
        full = f". {senders} senders exist, which may be the limit of Spout: close one"
        return line + (full if is_windows and senders in SPOUT_LIMITS else "")
    if shown_px == PLACEHOLDER_PX != engine_px:
        why = ": Spout In needs an Nvidia or AMD card" if is_windows else ""
        return f"{name} exists, but output 1 still shows {placeholder}{why}"
    if is_non_commercial and max(engine_px) > MAX_NON_COMMERCIAL_PX:
        size = " x ".join(map(str, engine_px))
        most = f"{MAX_NON_COMMERCIAL_PX} x {MAX_NON_COMMERCIAL_PX}"
        return (
            f"TouchDesigner Non-Commercial is limited to {most}: the engine's {size} is scaled down"
        )
    return ""
''',
    'receive_ports': r'''"""The two UDP ports on which the component receives: Listen for values, Features for audio
features. TouchDesigner's main thread."""

from typing import Any

PORTS = ("Listenport", "Featport")
"""The parameters that hold them."""
TAG = "multiverse"
MAX_DEPTH = 100


def take_free_ports(comp: Any) -> str:
    """Give a copied or second component its own ports: two cannot receive on one. Returns a
    message, or "" if it keeps those that it has."""
    others = [
        other
        for other in comp.op("/").findChildren(tags=[TAG], maxDepth=MAX_DEPTH)
        if other.path != comp.path and hasattr(other.par, PORTS[0])
    ]
    used = {
        getattr(other.par, name).eval()
        for other in others
        for name in PORTS
        if hasattr(other.par, name)
    }
    requested = {name: getattr(comp.par, name).eval() for name in PORTS}
    chosen = free_ports(requested, used)
    if chosen == requested:
        return ""
    for name, port in chosen.items():
        if port != requested[name]:
            getattr(comp.par, name).val = port
    ports = " and ".join(str(port) for port in chosen.values())
    return f"receives on ports {ports}: another component of this project has those before"


def free_ports(requested: dict[str, int], used: set[int]) -> dict[str, int]:
    """The requested ports; each one that another component uses is replaced by the next free one.
    Pure."""
    used = set(used)
    chosen = {}
    for name, port in requested.items():
        while port in used:
            port = port + 1 if port < 65_535 else 1024
        chosen[name] = port
        used.add(port)
    return chosen


def port_trouble(comp: Any, listen_port: int, features_port: int) -> str:
    """The reason why nothing can be received on one of the ports, and what to do; "" if there is
    none."""
    osc_in = comp.op("osc_in")
    problem = " ".join((osc_in.errors() or osc_in.warnings()).split())
    if problem:
        return f"Listen port {listen_port} cannot be opened ({problem}): choose a free one"
    problem = " ".join(comp.op("features_in").errors().split())
    if problem:
        return f"Features port {features_port} cannot be opened ({problem}): choose another"
    return ""
''',
    'rtp_sender': r'''"""Sends sound to the engine, which receives it with `--audio rtp:PORT/48000/CHANNELS`. RTP (RFC
3550), 16-bit samples.

A packet is lost rather than waited for: the engine reports it, and plays silence instead.
"""

import os
import socket
import struct
from typing import Any

RATE_HZ = 48_000
PAYLOAD_TYPE = 96  # the first that RFC 3551 leaves to an agreement
MAX_PAYLOAD = 1400  # bytes that cross an Ethernet in one piece
FULL_SCALE = 32_767
_HEADER = struct.Struct(">BBHII")


class Packets:
    """Builds the RTP packets of one sound stream and numbers their samples. Pure."""

    def __init__(self, stream: int) -> None:
        """`stream`: 32 bits, another for each component."""
        self._stream = stream
        self._sequence = 0
        self._sample = 0

    def of(self, samples: bytes, channels: int) -> list[bytes]:
        """The packets of interleaved 16-bit samples, high byte first."""
        frame = 2 * channels
        step = MAX_PAYLOAD // frame * frame
        packets = []
        for at in range(0, len(samples), step):
            payload = samples[at : at + step]
            header = _HEADER.pack(0x80, PAYLOAD_TYPE, self._sequence, self._sample, self._stream)
            packets.append(header + payload)
            self._sequence = (self._sequence + 1) % 2**16
            self._sample = (self._sample + len(payload) // frame) % 2**32
        return packets


class RtpSender:
    def __init__(self) -> None:
        self._packets = Packets(int.from_bytes(os.urandom(4), "big"))
        self._target: tuple[str, int] | None = None
        self._socket: socket.socket | None = None

    def send(self, samples: Any, channels: int, host: str, port: int) -> None:
        """Send a NumPy array (source channels, frames) of floats, -1 to 1. The last source channel
        is repeated if there are fewer than `channels`; more are left out. Raises OSError for a host
        that does not exist."""
        if self._target != (host, port):
            self.close()
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.connect(address)  # so that the name is looked up once
            self._target = (host, port)
        chosen = samples[[min(channel, len(samples) - 1) for channel in range(channels)]]
        whole = (chosen.clip(-1, 1) * FULL_SCALE).round().astype(">i2").T.tobytes()
        assert self._socket is not None
        for packet in self._packets.of(whole, channels):
            try:
                self._socket.send(packet)
            except OSError:  # nobody listens there, or the buffer is full
                continue

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._target = None
''',
    'status_channels': r'''"""The channels of output 8, from the lines of `/engine/status`. Pure."""

from collections.abc import Iterable
from typing import Any

VALUES = {
    "fps": "fps",
    "frame_ms": "frame_ms_p99",
    "latency_ms": "latency_ms_p99",
    "late": "late",
    "dropped": "dropped",
}
"""Channels that are numbers of the status."""
FLAGS = ("tempo_free", "guard", "bypassed", "children_lost")
"""1 while: the tempo runs on without its clock; the flash guard holds light back; a shader is left
out because it failed or is too slow. children_lost is a number."""
ERRORS = (
    "err_link",
    "err_sound",
    "err_camera",
    "err_children",
    "err_shaders",
    "err_sinks",
    "err_picture",
    "err_audio_in",
    "err_callbacks",
)
NAMES = ("connected", *VALUES, "bpm", "beat_sure", "children", *FLAGS, "err", *ERRORS)
"""`err` is 1 while any other error flag is."""
LOST = {
    "sound": ("lost", "permission?"),
    "camera": ("lost",),
    "children": ("hung", "restarting", "failed"),
    "shaders": ("failed", "bypassed"),
    "sinks": ("retrying", "failed"),
}
"""States, of the engine's status, that are errors."""


def channels_of(lines: Iterable[tuple[str, list[Any]]]) -> dict[str, float]:
    """Values of the channels of output 8 from a complete status; `lines` without
    `/engine/status/`."""
    values = dict.fromkeys((*VALUES, "bpm", "beat_sure", "children", *FLAGS), 0.0)
    values |= dict.fromkeys(
        ("err_sound", "err_camera", "err_children", "err_shaders", "err_sinks"), 0.0
    )
    for key, args in lines:
        kind, _, rest = key.partition("/")
        if kind == "beat":
            _, state, values["bpm"], values["beat_sure"] = args[:4]
            values["tempo_free"] = float(state == "free")
        elif kind == "flash_guard":
            values["guard"] = float(args[0] == "limiting")
        elif kind in ("audio", "camera"):
            name = "sound" if kind == "audio" else kind
            values[f"err_{name}"] = float(args[0] in LOST[name])
        elif kind == "child" and rest.endswith("/state"):
            values["children"] += 1.0
            values["children_lost"] += float(args[0] in LOST["children"])
            values["err_children"] = float(values["children_lost"] > 0.0)
        elif kind == "shader":
            values["bypassed"] = max(values["bypassed"], float(args[1] in LOST["shaders"]))
            values["err_shaders"] = values["bypassed"]
        elif kind == "sink":
            values["err_sinks"] = max(values["err_sinks"], float(args[1] in LOST["sinks"]))
    facts = {key: args[0] for key, args in lines if args}
    return values | {name: float(facts[key]) for name, key in VALUES.items() if key in facts}


def tempo_text(source: str, state: str, bpm: float) -> str:
    """The text that Status shows for the tempo: a free one looks different from one that follows
    its clock."""
    how = {
        "following": f"follows {source}",
        "free": f"FREE: {source} is silent or unsure, the tempo runs on",
    }
    return f"{bpm:.1f} bpm, {how.get(state, 'by hand')}"
''',
    'status_page': r'''"""Shows `/engine/status` on the Status page, in the table `status` and in the channels of output
8."""

from typing import Any

PARAMETERS = {
    "fps": "Fps",
    "frame_ms_p50": "Framep50",
    "frame_ms_p99": "Framep99",
    "latency_ms_p50": "Latencyp50",
    "latency_ms_p99": "Latencyp99",
    "latency_ms_worst": "Latencyworst",
    "late": "Late",
    "dropped": "Dropped",
}
TEXTS = {"renderer": "Renderer", "audio": "Sound", "camera": "Camera"}


class StatusPage:
    def __init__(self, comp: Any, channels: Any) -> None:
        """`channels`: the module `status_channels`."""
        self._comp = comp
        self._channels = channels
        self._displayed: dict[str, float] = {}
        # a saved project still has others
        self.set(dict.fromkeys(channels.NAMES, 0.0) | {"err_link": 1.0})
        self._lines: list[tuple[str, list[Any]]] = []
        self.size_px: tuple[int, int] | None = None
        """Width and height of the engine's picture; None until the first status."""
        self.sound = ""
        """The description of the engine's sound source; "" until the first status."""

    def show_connected(self, where: str) -> None:
        self._comp.par.State = f"connected to {where}"
        self.set({"connected": 1.0, "err_link": 0.0})

    def show_lost(self) -> None:
        self._comp.par.State = "disconnected: no heartbeat for 3 s"
        self._comp.par.Fps = 0.0
        self.show_disconnected()

    def show_disconnected(self) -> None:
        self.set(dict.fromkeys(self._channels.NAMES, 0.0) | {"err_link": 1.0})
        self.sound = ""

    def set(self, values: dict[str, float]) -> None:
        """Set channels of output 8; `err` follows."""
        values = self._displayed | values
        values["err"] = max(values[name] for name in self._channels.ERRORS)
        table = self._comp.op("status_values")
        for name, value in values.items():
            if self._displayed.get(name) != value:
                table[name, 1] = value
        self._displayed = values

    @property
    def bpm(self) -> float:
        return self._displayed["bpm"]

    @property
    def is_free(self) -> bool:
        """True while the tempo runs on without its clock."""
        return bool(self._displayed["tempo_free"])

    def take(self, address: str, args: list[Any]) -> None:
        """Collect one line of an answer."""
        self._lines.append((address.removeprefix("/engine/status/"), args))

    def show(self) -> None:
        """Show the complete answer."""
        lines = self._lines
        self._lines = []
        par = self._comp.par
        facts = dict(lines)
        for key, name in PARAMETERS.items():
            if key in facts:
                setattr(par, name, facts[key][0])
        for key, name in TEXTS.items():
            setattr(par, name, " ".join(map(str, facts.get(key, []))))
        self.sound = str(facts.get("audio", ["", ""])[1])
        if "beat" in facts:
            par.Tempo = self._channels.tempo_text(*facts["beat"][:3])
        self.set(self._channels.channels_of(lines))
        size = facts.get("size", [])
        self.size_px = (size[0], size[1]) if len(size) == 2 else None
        par.Size = " x ".join(map(str, size))
        children = [
            f"{key.split('/')[1]} {args[0]}"
            for key, args in lines
            if key.startswith("child/") and key.endswith("/state")
        ]
        par.Children = ", ".join(children) or "none in this run"
        sinks = [
            f"{key.split('/')[1]} {args[0]} {args[1]}"
            for key, args in lines
            if key.startswith("sink/")
        ]
        par.Sinks = ", ".join(sinks) or "none"
        table = self._comp.op("status")
        table.clear()
        for key, args in lines:
            table.appendRow([key, *args])
''',
    'tree_reader': r'''"""Reads the running engine's OSCQuery tree in a thread, without blocking a frame."""

import json
import threading
import urllib.request
from typing import Any

TIMEOUT_S = 3.0


class TreeReader:
    """Reads the OSCQuery tree of a running engine on a thread. Call `start` and `take_result` on
    TouchDesigner's thread; the reading thread touches no operator."""

    def __init__(self) -> None:
        self._result: dict[str, Any] | str | None = None
        self._thread: threading.Thread | None = None

    def start(self, host: str, port: int, token: str) -> None:
        """Start reading; does nothing while a read is running."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._read, args=(host, port, token), daemon=True
            )
            self._thread.start()

    def take_result(self) -> dict[str, Any] | str | None:
        """The tree or an error line, returned once; None if there is no result."""
        result = self._result
        self._result = None
        return result

    def _read(self, host: str, port: int, token: str) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            # No proxy: the engine is on this machine or in the local network.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=TIMEOUT_S) as response:
                tree = json.load(response)
            self._result = tree if isinstance(tree, dict) else f"{url}: is not an OSCQuery server"
        except (OSError, ValueError) as error:
            self._result = f"{url}: {error}"
''',
    'layout': r'''"""TouchDesigner's parameter pages: one custom parameter per parameter, from the declarations or
from OSCQuery.

The text of this file is embedded in the component, which also uses it to fit the pages to the
running engine. So it imports the standard library only, and a parameter is a plain mapping here
(`Leaf`).

TouchDesigner accepts parameter names made of an upper-case letter followed by lower-case letters
and digits. Its manual advises fewer than 12 characters, preferably 10: longer names are legal but
unreadable in the parameter dialog (docs.derivative.ca/Custom_Parameters). A name here is a pure
function of the address; each word is used whole or as in `SHORT_WORDS`. So it does not change when
parameters are added or removed, and a patch with `par.L1angle` keeps working.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Leaf = Mapping[str, Any]
"""address, type, default, low, high, step, unit, description, out_of_range, scale, menu, stops,
area_title."""

SHORT_WORDS = {
    # First parts of common addresses: L1angle, A2gaindb, Mvblend, Mfade, Pbloom.
    "layer": "l",
    "audio": "a",
    "multiverse": "mv",
    "master": "m",
    "post": "p",
    "text": "t",
    # A whole part of an address.
    "autopilot": "auto",
    "beats_a_bar": "meter",
    "detect_every": "detnth",
    "memories": "memory",
    "quantise": "quant",
    "bloom_radius": "bloomrad",
    "bloom_threshold": "bloomthr",
    "crossfader": "xfade",
    "take_fade": "take",
    "strobe": "st",
    "crossfade_s": "xfade",  # without its s, which would look like a plural
    "duty_auto": "dtyauto",
    "earlier": "early",
    "flash_guard": "flash",
    "generator": "gen",
    "hands_off": "pause",
    "transition": "tr",
    "midi_out": "mout",
    "flywheel_s": "flywheel",
    "go_pause_s": "gopause",
    "gpu_retrieval": "gpuretr",
    "hue_offset": "hueofs",
    "index_rate": "idxrate",
    "input_channel": "inchan",
    "interface": "iface",
    "interval_s": "intvl",
    "ip_adapter": "ipa",
    "late_ms": "late",
    "ltc_channel": "ltcchan",
    "mask_edge": "edge",
    "offset_ms": "ofs",
    "release_ms": "release",  # not rel, which would look like relative
    "pitch_auto": "autopit",
    "pitch_target_hz": "pithz",
    "retrieval_power": "retrpow",
    "number": "num",
    "serpentine": "snake",
    "start_stop_sync": "stsync",
    "sync_packets": "sync",
    "tempo_sync": "sync",
    "fullscreen": "fullscr",
    "window_ms": "windowms",  # older than the short form of window
    # A single word anywhere in an address.
    "background": "bg",
    "brightness": "bright",
    "colour": "col",
    "contour": "ctr",
    "controlnet": "cn",
    "crossfade": "xfade",
    "engine": "eng",
    "fallback": "fallbk",
    "features": "feat",
    "feedback": "fb",
    "objects": "obj",
    "outline": "outl",
    "profiling": "profile",
    "record": "rec",
    "region": "rgn",
    "resolution": "res",
    "segments": "segs",
    "shared": "share",
    "similarity": "sim",
    "sink": "",  # Spoutname, Recfile
    "snapshot": "snap",
    "syphon": "syph",
    "timecode": "tc",
    "threshold": "thresh",
    "guidance_begin": "guidfrom",
    "guidance_end": "guidto",
    "virtualcam": "vcam",
    "consistency": "consist",
    "consistency_reset": "consrst",
    "prompts": "pr",
    "travel": "trv",
    "position": "pos",
    "weight": "wt",
    "window": "win",
}
"""Add lines for new addresses; never change a line, because people have these names in saved
patches."""
SHORT_PREFIXES = {
    "/mod/10/": "/moda/",
    "/mod/11/": "/modb/",
    "/mod/12/": "/modc/",
    **{
        f"/output/{n}/{part}/": f"/o{n}{short}/"
        for n in (1, 2)
        for part, short in (("crop", "crp"), ("blend", "bld"))
    },
    "/output/": "/o/",
}
"""Beginnings of addresses that have no room for two figures, or for their words: Modachannel,
O1bldbottom."""
COLOUR_SUFFIXES = "rgba"
STYLES = {
    "float": "Float",
    "stops": "Float",
    "int": "Int",
    "bool": "Toggle",
    "menu": "Menu",
    "text": "Str",
    "file": "Str",  # a path on the engine's machine, which TouchDesigner's file dialog may not see
    "trigger": "Pulse",
    "colour": "RGBA",
}
_LEGAL_NAME = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomParameter:
    """A custom parameter, with the arguments of `Page.append<style>` and the members of `Par`."""

    address: str
    name: str
    """For a colour without the r, g, b or a that TouchDesigner appends."""
    label: str
    help: str
    style: str
    default: Any
    """None for Pulse."""
    low: float
    high: float
    is_clamped: bool
    """True if TouchDesigner clips a number to low..high; wrapping is left to the engine."""
    menu: tuple[str, ...]
    starts_section: bool
    """True if a line is drawn above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPage:
    title: str
    controls: tuple[CustomParameter, ...]


def control_pages(leaves: Iterable[Leaf]) -> tuple[ControlPage, ...]:
    """One page per area, in the order of `leaves`; addresses that differ in the last part only stay
    together.

    Raises ValueError if two addresses would get the same name.
    """
    areas: dict[str, dict[str, list[Leaf]]] = {}
    for leaf in leaves:
        areas.setdefault(leaf["area_title"], {}).setdefault(
            leaf["address"].rpartition("/")[0], []
        ).append(leaf)
    pages = []
    addresses: dict[str, str] = {}
    for title, folders in areas.items():
        controls: list[CustomParameter] = []
        for folder in folders.values():
            controls += [
                _control(leaf, bool(controls) and at == 0) for at, leaf in enumerate(folder)
            ]
        for control in controls:
            for name in names_of(control):
                owner = addresses.setdefault(name, control.address)
                if owner != control.address:
                    raise ValueError(f"{control.address} and {owner} would both be named {name}")
        pages.append(ControlPage(title=title, controls=tuple(controls)))
    return tuple(pages)


def names_of(control: CustomParameter) -> tuple[str, ...]:
    """The names of its parameters: four for a colour, else one."""
    if control.style == "RGBA":
        return tuple(control.name + suffix for suffix in COLOUR_SUFFIXES)
    return (control.name,)


def parameter_name(address: str) -> str:
    """`/layer/1/angle` -> `L1angle`; for a colour without the last letter. Raises ValueError for an
    illegal name.

    It can have more than 11 characters for an engine newer than this table.
    """
    for prefix, short in SHORT_PREFIXES.items():
        if address.startswith(prefix):
            address = address.replace(prefix, short, 1)
    parts: list[str] = []
    for part in address.lower().strip("/").split("/"):
        parts += [part] if part in SHORT_WORDS else re.split(r"[^a-z0-9]+", part)
    name = "".join(SHORT_WORDS.get(each, each) for each in parts).capitalize()
    if not _LEGAL_NAME.fullmatch(name):
        raise ValueError(f"{address}: TouchDesigner does not allow a parameter named {name!r}")
    return name


def pages_json(pages: Iterable[ControlPage]) -> str:
    """The pages as JSON, one control per line; ASCII, which is the same in every Windows locale."""
    blocks = []
    for page in pages:
        lines = ",\n".join("  " + json.dumps(asdict(control)) for control in page.controls)
        blocks.append(f' {{"title": {json.dumps(page.title)}, "controls": [\n{lines}\n ]}}')
    return "[\n" + ",\n".join(blocks) + "\n]\n"


def read_pages(text: str) -> tuple[ControlPage, ...]:
    """The pages from the text of `pages_json`."""
    return tuple(
        ControlPage(
            title=page["title"],
            controls=tuple(
                CustomParameter(**{key: _frozen(value) for key, value in control.items()})
                for control in page["controls"]
            ),
        )
        for page in json.loads(text)
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def leaves_of(node: Mapping[str, Any]) -> Iterable[Leaf]:
    """The parameters of an OSCQuery tree, in its order; without commands, which have no value."""
    own = node.get("MULTIVERSE")
    if own and own["type"] in STYLES:
        span = (node.get("RANGE") or [{}])[0]
        yield {
            **own,
            "address": node["FULL_PATH"],
            "low": span.get("MIN", 0.0),
            "high": span.get("MAX", 1.0),
            "description": node["DESCRIPTION"],
        }
    for child in node.get("CONTENTS", {}).values():
        yield from leaves_of(child)


def _control(leaf: Leaf, starts_section: bool) -> CustomParameter:
    address = leaf["address"]
    kind = leaf["type"]
    return CustomParameter(
        address=address,
        name=parameter_name(address),
        label=_label(address, leaf["unit"]),
        help=_help(leaf),
        style=STYLES[kind],
        default=None if kind == "trigger" else _frozen(leaf["default"]),
        low=leaf["low"] if kind in ("float", "stops", "int") else 0.0,
        high=leaf["high"] if kind in ("float", "stops", "int") else 1.0,
        is_clamped=kind in ("float", "stops", "int", "colour") and leaf["out_of_range"] == "clip",
        menu=tuple(leaf["menu"]),
        starts_section=starts_section,
    )


def _label(address: str, unit: str) -> str:
    """`/sd/crossfade_s` -> `Crossfade (s)`. The first part is dropped, because the page has that
    name."""
    parts = address.strip("/").split("/")
    if len(parts) > 1 and not parts[1].isdigit():
        parts = parts[1:]
    tokens = " ".join(parts).replace("_", " ").split()
    shown_unit = unit if unit != "characters" else ""
    if shown_unit and tokens[-1] == shown_unit.lower():
        tokens = tokens[:-1]
    text = " ".join(tokens)
    return text[:1].upper() + text[1:] + (f" ({shown_unit})" if shown_unit else "")


def _help(leaf: Leaf) -> str:
    kind = leaf["type"]
    notes = []
    if kind in ("float", "int", "stops"):
        notes.append(f"{leaf['low']:g} to {leaf['high']:g} {leaf['unit']}".strip())
    if kind == "int" and leaf.get("step", 1) > 1:
        notes.append(f"in steps of {leaf['step']}")
    if leaf["stops"]:
        notes.append("; ".join(f"{at} {name}" for at, name in enumerate(leaf["stops"])))
    return f"{leaf['description']}\n{leaf['address']}" + (f"   {', '.join(notes)}" if notes else "")
''',
    'readme': r'''# Multiverse in TouchDesigner

A component with every control of the engine as a custom parameter, its pictures as TOPs, and its audio features, SAM3
objects and state as CHOP channels; your TOP, sound and timeline go to the engine. Needs TouchDesigner 2023.11000 or newer. In the textport:

```python
exec(open(r"/path/to/touchdesigner/build_component.py", encoding="utf-8").read())
```

Outputs: 1 the picture, 2 the picture of Stable Diffusion, 3 NDI from another machine, 4 audio features (CHOP), 5 the
input of SAM3 with masks over it, 6 its masks as numbers, 7 its objects (CHOP), 8 state and errors (CHOP), 9 the second
output. Inputs: 1 a
picture, 2 sound, switched on at the page Inputs. Your own onConnect, onLook, onCue, onBeat, onSection, onLost are in the DAT that
is docked to it. *Message* on the page Connect shows the
latest event and what to do about it.

Full manual with troubleshooting: [`docs/how-to/touchdesigner.md`](../docs/how-to/touchdesigner.md) of the project.
[`example.py`](example.py) is a small network around the component.
''',
    'pages': r'''[{"title": "Multiverse", "controls": [{"address": "/mode", "name": "Mode", "label": "Mode", "help": "multiverse: the four layers; simple: the SD picture alone, or the camera while SD is off.\n/mode", "style": "Menu", "default": "multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["multiverse", "simple"], "starts_section": false}, {"address": "/multiverse/blend", "name": "Mvblend", "label": "Blend", "help": "How each layer is mixed with those before it. Values between two modes crossfade them.\n/multiverse/blend   0 to 3, 0 add; 1 screen; 2 difference; 3 dodge", "style": "Float", "default": 1.0, "low": 0.0, "high": 3.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/multiverse/brightness", "name": "Mvbright", "label": "Brightness", "help": "Gain of the mixed picture, layer 5 included, before the tone curve.\n/multiverse/brightness   0 to 4", "style": "Float", "default": 0.72, "low": 0.0, "high": 4.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/multiverse/bias", "name": "Mvbias", "label": "Bias", "help": "Grey level of silence. 0: black; 0.5: the original VAV look (half bright).\n/multiverse/bias   0 to 0.5", "style": "Float", "default": 0.0, "low": 0.0, "high": 0.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/multiverse/tone", "name": "Mvtone", "label": "Tone", "help": "soft: rolls off highlights, (x/(1+x))^0.8; clip: clips each channel, as in the original; filmic: bright colours keep their hue and turn to white.\n/multiverse/tone", "style": "Menu", "default": "filmic", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["soft", "clip", "filmic"], "starts_section": false}, {"address": "/multiverse/light", "name": "Mvlight", "label": "Light", "help": "How layers add up. classic: display values, as in the original; linear: light, as lamps do: mixed colours stay clean, and a dark ground stays dark.\n/multiverse/light", "style": "Menu", "default": "linear", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["classic", "linear"], "starts_section": false}, {"address": "/multiverse/alpha", "name": "Mvalpha", "label": "Alpha", "help": "Alpha channel of the published picture. luma: the maximum of red, green and blue, premultiplied, for compositing. Part of the video setup, so presets and panic do not change it.\n/multiverse/alpha", "style": "Menu", "default": "opaque", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["opaque", "luma"], "starts_section": false}, {"address": "/multiverse/window_ms", "name": "Mvwindowms", "label": "Window (ms)", "help": "How much sound is shown across the width of the picture.\n/multiverse/window_ms   5 to 1000 ms", "style": "Float", "default": 22.0, "low": 5.0, "high": 1000.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Colour", "controls": [{"address": "/colour/mode", "name": "Colmode", "label": "Mode", "help": "pitch: the hue follows the note, C is red, an octave is one turn; fixed: the hues of /colour/scheme; palette: the colours of /colour/palette, which the pitch moves a little.\n/colour/mode", "style": "Menu", "default": "palette", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["pitch", "fixed", "palette"], "starts_section": false}, {"address": "/colour/palette", "name": "Colpalette", "label": "Palette", "help": "Colours of layers 1 to 4 in palette mode, and those of /colour/map. A change glides.\n/colour/palette", "style": "Menu", "default": "plasma", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["ember", "sodium", "champagne", "rose", "velvet", "sunset", "plasma", "dusk", "orchid", "ultraviolet", "neon", "vapor", "cobalt", "deep_sea", "ice", "lagoon", "emerald", "laser", "aurora", "peacock", "fire_and_ice", "moonlight"], "starts_section": false}, {"address": "/colour/shift", "name": "Colshift", "label": "Shift (turns)", "help": "Moves all layers along the palette, to its end and back in one turn; in the other modes turns their hues, on top of the base hue. Meant to be modulated.\n/colour/shift   0 to 1 turns", "style": "Float", "default": 0.04, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/colour/map", "name": "Colmap", "label": "Map", "help": "How much of the finished picture is recoloured by its brightness, from black to the palette's highlight. 1 makes any picture one family of colours, layer 5 included.\n/colour/map   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/colour/base_hue", "name": "Colbasehue", "label": "Base hue (turns)", "help": "Shifts the hues of all layers together in pitch and fixed mode; 1 is a full turn.\n/colour/base_hue   0 to 1 turns", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/colour/glide_ms", "name": "Colglidems", "label": "Glide (ms)", "help": "How slowly a layer's hue follows a new note in pitch mode (time constant); slower if the pitch is unclear, so that noise does not move it. 0: at once, also for an unclear pitch.\n/colour/glide_ms   0 to 10000 ms", "style": "Float", "default": 1500.0, "low": 0.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/colour/scheme", "name": "Colscheme", "label": "Scheme", "help": "Hues of layers 1 to 4 in fixed mode. 0: 0 1/4 1/2 3/4; 0.5: 0 1/3 2/3 1/2; 1: 0 1/3 2/3 1/6.\n/colour/scheme   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/colour/spread", "name": "Colspread", "label": "Spread", "help": "How far apart the layers' colours are. 1: as far as the pitches, the set of hues or the palette put them; 0: all at the base hue, or at the palette's first colour; between: closer to it.\n/colour/spread   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Layers", "controls": [{"address": "/layer/1/intensity", "name": "L1intensity", "label": "Layer 1 intensity", "help": "Strength of layer 1; fades smoothly to nothing at 0.\n/layer/1/intensity   0 to 1.5", "style": "Float", "default": 0.45, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/1/shape", "name": "L1shape", "label": "Layer 1 shape", "help": "Shape of layer 1. stripes: the wave runs across the picture; rings: outward; rays: around the centre; spiral: both; line: a trace, as on an oscilloscope; circle: that trace, bent around the centre.\n/layer/1/shape", "style": "Menu", "default": "circle", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stripes", "rings", "rays", "spiral", "line", "circle"], "starts_section": false}, {"address": "/layer/1/angle", "name": "L1angle", "label": "Layer 1 angle (deg)", "help": "Rotates layer 1 clockwise around the centre.\n/layer/1/angle   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/1/curve", "name": "L1curve", "label": "Layer 1 curve", "help": "Bends layer 1; 0 is straight. For line and circle: how far the wave moves the trace.\n/layer/1/curve   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/1/phase", "name": "L1phase", "label": "Layer 1 phase (widths)", "help": "Shifts the wave of layer 1 along itself; 1 is one width.\n/layer/1/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/1/ratio", "name": "L1ratio", "label": "Layer 1 ratio (widths)", "help": "How many widths of its wave layer 1 shows: below 1 stretches it, above 1 repeats it.\n/layer/1/ratio   0.0625 to 16 widths", "style": "Float", "default": 0.5, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/1/wrap", "name": "L1wrap", "label": "Layer 1 wrap", "help": "How the wave of layer 1 continues after its end. mirror: backwards, seamless; repeat: from the start, with a seam, as in the original.\n/layer/1/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false}, {"address": "/layer/1/line_width", "name": "L1linewidth", "label": "Layer 1 line width (%)", "help": "Thickness of layer 1's trace (line, circle), in percent of the picture's height; never thinner than a pixel.\n/layer/1/line_width   0.05 to 10 %", "style": "Float", "default": 0.35, "low": 0.05, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/1/line_glow", "name": "L1lineglow", "label": "Layer 1 line glow (%)", "help": "How far layer 1's trace glows (line, circle), in percent of the picture's height; 0: not at all.\n/layer/1/line_glow   0 to 20 %", "style": "Float", "default": 1.5, "low": 0.0, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/1/mute", "name": "L1mute", "label": "Layer 1 mute", "help": "Hides layer 1.\n/layer/1/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/1/solo", "name": "L1solo", "label": "Layer 1 solo", "help": "Shows layer 1 and other soloed layers only; layer 5 is not affected.\n/layer/1/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/2/intensity", "name": "L2intensity", "label": "Layer 2 intensity", "help": "Strength of layer 2; fades smoothly to nothing at 0.\n/layer/2/intensity   0 to 1.5", "style": "Float", "default": 0.8, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/layer/2/shape", "name": "L2shape", "label": "Layer 2 shape", "help": "Shape of layer 2. stripes: the wave runs across the picture; rings: outward; rays: around the centre; spiral: both; line: a trace, as on an oscilloscope; circle: that trace, bent around the centre.\n/layer/2/shape", "style": "Menu", "default": "circle", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stripes", "rings", "rays", "spiral", "line", "circle"], "starts_section": false}, {"address": "/layer/2/angle", "name": "L2angle", "label": "Layer 2 angle (deg)", "help": "Rotates layer 2 clockwise around the centre.\n/layer/2/angle   -180 to 180 deg", "style": "Float", "default": 45.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/2/curve", "name": "L2curve", "label": "Layer 2 curve", "help": "Bends layer 2; 0 is straight. For line and circle: how far the wave moves the trace.\n/layer/2/curve   0 to 1", "style": "Float", "default": 0.16, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/2/phase", "name": "L2phase", "label": "Layer 2 phase (widths)", "help": "Shifts the wave of layer 2 along itself; 1 is one width.\n/layer/2/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/2/ratio", "name": "L2ratio", "label": "Layer 2 ratio (widths)", "help": "How many widths of its wave layer 2 shows: below 1 stretches it, above 1 repeats it.\n/layer/2/ratio   0.0625 to 16 widths", "style": "Float", "default": 0.5, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/2/wrap", "name": "L2wrap", "label": "Layer 2 wrap", "help": "How the wave of layer 2 continues after its end. mirror: backwards, seamless; repeat: from the start, with a seam, as in the original.\n/layer/2/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false}, {"address": "/layer/2/line_width", "name": "L2linewidth", "label": "Layer 2 line width (%)", "help": "Thickness of layer 2's trace (line, circle), in percent of the picture's height; never thinner than a pixel.\n/layer/2/line_width   0.05 to 10 %", "style": "Float", "default": 0.25, "low": 0.05, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/2/line_glow", "name": "L2lineglow", "label": "Layer 2 line glow (%)", "help": "How far layer 2's trace glows (line, circle), in percent of the picture's height; 0: not at all.\n/layer/2/line_glow   0 to 20 %", "style": "Float", "default": 2.5, "low": 0.0, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/2/mute", "name": "L2mute", "label": "Layer 2 mute", "help": "Hides layer 2.\n/layer/2/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/2/solo", "name": "L2solo", "label": "Layer 2 solo", "help": "Shows layer 2 and other soloed layers only; layer 5 is not affected.\n/layer/2/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/3/intensity", "name": "L3intensity", "label": "Layer 3 intensity", "help": "Strength of layer 3; fades smoothly to nothing at 0.\n/layer/3/intensity   0 to 1.5", "style": "Float", "default": 0.65, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/layer/3/shape", "name": "L3shape", "label": "Layer 3 shape", "help": "Shape of layer 3. stripes: the wave runs across the picture; rings: outward; rays: around the centre; spiral: both; line: a trace, as on an oscilloscope; circle: that trace, bent around the centre.\n/layer/3/shape", "style": "Menu", "default": "line", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stripes", "rings", "rays", "spiral", "line", "circle"], "starts_section": false}, {"address": "/layer/3/angle", "name": "L3angle", "label": "Layer 3 angle (deg)", "help": "Rotates layer 3 clockwise around the centre.\n/layer/3/angle   -180 to 180 deg", "style": "Float", "default": -20.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/3/curve", "name": "L3curve", "label": "Layer 3 curve", "help": "Bends layer 3; 0 is straight. For line and circle: how far the wave moves the trace.\n/layer/3/curve   0 to 1", "style": "Float", "default": 0.12, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/3/phase", "name": "L3phase", "label": "Layer 3 phase (widths)", "help": "Shifts the wave of layer 3 along itself; 1 is one width.\n/layer/3/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/3/ratio", "name": "L3ratio", "label": "Layer 3 ratio (widths)", "help": "How many widths of its wave layer 3 shows: below 1 stretches it, above 1 repeats it.\n/layer/3/ratio   0.0625 to 16 widths", "style": "Float", "default": 1.0, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/3/wrap", "name": "L3wrap", "label": "Layer 3 wrap", "help": "How the wave of layer 3 continues after its end. mirror: backwards, seamless; repeat: from the start, with a seam, as in the original.\n/layer/3/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false}, {"address": "/layer/3/line_width", "name": "L3linewidth", "label": "Layer 3 line width (%)", "help": "Thickness of layer 3's trace (line, circle), in percent of the picture's height; never thinner than a pixel.\n/layer/3/line_width   0.05 to 10 %", "style": "Float", "default": 0.1, "low": 0.05, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/3/line_glow", "name": "L3lineglow", "label": "Layer 3 line glow (%)", "help": "How far layer 3's trace glows (line, circle), in percent of the picture's height; 0: not at all.\n/layer/3/line_glow   0 to 20 %", "style": "Float", "default": 20.0, "low": 0.0, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/3/mute", "name": "L3mute", "label": "Layer 3 mute", "help": "Hides layer 3.\n/layer/3/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/3/solo", "name": "L3solo", "label": "Layer 3 solo", "help": "Shows layer 3 and other soloed layers only; layer 5 is not affected.\n/layer/3/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/4/intensity", "name": "L4intensity", "label": "Layer 4 intensity", "help": "Strength of layer 4; fades smoothly to nothing at 0.\n/layer/4/intensity   0 to 1.5", "style": "Float", "default": 0.85, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/layer/4/shape", "name": "L4shape", "label": "Layer 4 shape", "help": "Shape of layer 4. stripes: the wave runs across the picture; rings: outward; rays: around the centre; spiral: both; line: a trace, as on an oscilloscope; circle: that trace, bent around the centre.\n/layer/4/shape", "style": "Menu", "default": "circle", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stripes", "rings", "rays", "spiral", "line", "circle"], "starts_section": false}, {"address": "/layer/4/angle", "name": "L4angle", "label": "Layer 4 angle (deg)", "help": "Rotates layer 4 clockwise around the centre.\n/layer/4/angle   -180 to 180 deg", "style": "Float", "default": 135.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/4/curve", "name": "L4curve", "label": "Layer 4 curve", "help": "Bends layer 4; 0 is straight. For line and circle: how far the wave moves the trace.\n/layer/4/curve   0 to 1", "style": "Float", "default": 0.1, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/4/phase", "name": "L4phase", "label": "Layer 4 phase (widths)", "help": "Shifts the wave of layer 4 along itself; 1 is one width.\n/layer/4/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/4/ratio", "name": "L4ratio", "label": "Layer 4 ratio (widths)", "help": "How many widths of its wave layer 4 shows: below 1 stretches it, above 1 repeats it.\n/layer/4/ratio   0.0625 to 16 widths", "style": "Float", "default": 1.0, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/4/wrap", "name": "L4wrap", "label": "Layer 4 wrap", "help": "How the wave of layer 4 continues after its end. mirror: backwards, seamless; repeat: from the start, with a seam, as in the original.\n/layer/4/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false}, {"address": "/layer/4/line_width", "name": "L4linewidth", "label": "Layer 4 line width (%)", "help": "Thickness of layer 4's trace (line, circle), in percent of the picture's height; never thinner than a pixel.\n/layer/4/line_width   0.05 to 10 %", "style": "Float", "default": 0.2, "low": 0.05, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/4/line_glow", "name": "L4lineglow", "label": "Layer 4 line glow (%)", "help": "How far layer 4's trace glows (line, circle), in percent of the picture's height; 0: not at all.\n/layer/4/line_glow   0 to 20 %", "style": "Float", "default": 7.0, "low": 0.0, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/4/mute", "name": "L4mute", "label": "Layer 4 mute", "help": "Hides layer 4.\n/layer/4/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/4/solo", "name": "L4solo", "label": "Layer 4 solo", "help": "Shows layer 4 and other soloed layers only; layer 5 is not affected.\n/layer/4/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/5/source", "name": "L5source", "label": "Layer 5 source", "help": "Source of layer 5. auto: the SD picture while SD is on, else the camera; generator: the shader of /fx/generator.\n/layer/5/source", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "camera", "sd", "off", "generator"], "starts_section": true}, {"address": "/layer/5/intensity", "name": "L5intensity", "label": "Layer 5 intensity", "help": "Amount of layer 5 in the mix (Camera Intensity of the original).\n/layer/5/intensity   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/layer/5/mirror", "name": "L5mirror", "label": "Layer 5 mirror", "help": "Flips layer 5 left to right, like a mirror.\n/layer/5/mirror", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/layer/5/filter", "name": "L5filter", "label": "Layer 5 filter", "help": "How a small layer 5 is drawn larger. soft: linear interpolation; sharp: cubic, which keeps more detail and takes more time.\n/layer/5/filter", "style": "Menu", "default": "soft", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["soft", "sharp"], "starts_section": false}, {"address": "/layer/5/matte", "name": "L5matte", "label": "Layer 5 matte", "help": "Which part of layer 5 is shown, cut out by SAM3. subject: the objects it finds; background: everything else; all: the whole picture. Until the first masks arrive, the whole picture is shown.\n/layer/5/matte", "style": "Menu", "default": "all", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["all", "subject", "background"], "starts_section": false}, {"address": "/layer/5/matte_sync", "name": "L5mattesync", "label": "Layer 5 matte sync", "help": "Shows a cut-out layer 5 with the masks of exactly that picture: the edges fit, but the picture changes only as often as SAM3 delivers. Off: always the newest picture.\n/layer/5/matte_sync", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/camera/loop", "name": "Cameraloop", "label": "Loop (beats)", "help": "Repeats the last beats of the camera, from the next beat on and on the beat; 0: live. Fewer are repeated where 256 MB do not hold so many: at 1080p and 30 pictures a second, 5.7 s.\n/camera/loop   0 to 16 beats", "style": "Int", "default": 0, "low": 0, "high": 16, "is_clamped": true, "menu": [], "starts_section": true}]},
{"title": "Regions", "controls": [{"address": "/region/enable", "name": "Rgnenable", "label": "Enable", "help": "Uses a region map to choose the leading layer of each pixel.\n/region/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/region/mode", "name": "Rgnmode", "label": "Mode", "help": "Source of the map: luma, hue, the four quarters of the picture, its outlines, or the objects that SAM3 finds. sam3: the best object is region 0, the next 1, 2 and 3, or as `/region/1/prompt` says; tracked objects keep their region. Quadrant is used by edges where there is no outline, and by sam3 until the first masks arrive.\n/region/mode", "style": "Menu", "default": "brightness", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["brightness", "colour", "quadrant", "edges", "sam3"], "starts_section": false}, {"address": "/region/spread", "name": "Rgnspread", "label": "Spread", "help": "Weight of the other three layers at each pixel; 1: no effect of the map.\n/region/spread   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/region/equalise", "name": "Rgnequalise", "label": "Equalise", "help": "Sets the brightness thresholds to the quartiles of the picture, so that every picture has all four regions; off: 1/4, 1/2, 3/4.\n/region/equalise", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/region/hue_offset", "name": "Rgnhueofs", "label": "Hue offset (turns)", "help": "Hue at which the first of the four hue ranges starts.\n/region/hue_offset   0 to 1 turns", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/region/sat_min", "name": "Rgnsatmin", "label": "Sat min", "help": "Minimum saturation in colour mode; greyer pixels are assigned by brightness.\n/region/sat_min   0 to 1", "style": "Float", "default": 0.2, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/region/background", "name": "Rgnbg", "label": "Background", "help": "Region of everything outside the objects in sam3 mode (0 is layer 1).\n/region/background   0 to 3", "style": "Int", "default": 3, "low": 0, "high": 3, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/region/1/prompt", "name": "Rgn1prompt", "label": "Region 1 prompt", "help": "In sam3 mode the region of layer 1 is all that SAM3 finds for this prompt, /sam3/prompt/1 to 4; layers with the same one share its objects. 0: one object, by rank, of a prompt that no layer names.\n/region/1/prompt   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/region/2/prompt", "name": "Rgn2prompt", "label": "Region 2 prompt", "help": "In sam3 mode the region of layer 2 is all that SAM3 finds for this prompt, /sam3/prompt/1 to 4; layers with the same one share its objects. 0: one object, by rank, of a prompt that no layer names.\n/region/2/prompt   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/region/3/prompt", "name": "Rgn3prompt", "label": "Region 3 prompt", "help": "In sam3 mode the region of layer 3 is all that SAM3 finds for this prompt, /sam3/prompt/1 to 4; layers with the same one share its objects. 0: one object, by rank, of a prompt that no layer names.\n/region/3/prompt   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/region/4/prompt", "name": "Rgn4prompt", "label": "Region 4 prompt", "help": "In sam3 mode the region of layer 4 is all that SAM3 finds for this prompt, /sam3/prompt/1 to 4; layers with the same one share its objects. 0: one object, by rank, of a prompt that no layer names.\n/region/4/prompt   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": true}]},
{"title": "Stable Diffusion", "controls": [{"address": "/sd/enable", "name": "Sdenable", "label": "Enable", "help": "Switches SD on. Refused without a configured model.\n/sd/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/model", "name": "Sdmodel", "label": "Model", "help": "Model to use: a name in the configured model folders. The old model keeps running until the new one is ready. Empty: the configured model.\n/sd/model", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/prompt", "name": "Sdprompt", "label": "Prompt", "help": "Prompt: describes the picture.\n/sd/prompt", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/negative", "name": "Sdnegative", "label": "Negative", "help": "Negative prompt; needs a guidance above 1.\n/sd/negative", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/prompt_b", "name": "Sdpromptb", "label": "Prompt b", "help": "Second prompt, mixed in with /sd/prompt_mix.\n/sd/prompt_b", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/prompt_mix", "name": "Sdpromptmix", "label": "Prompt mix", "help": "Mix from the prompt (0) to the second prompt (1).\n/sd/prompt_mix   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/blend", "name": "Sdblend", "label": "Blend", "help": "How prompts and seeds are blended. slerp: along the arc between them, at full strength; linear: their weighted mean, which is calmer half-way.\n/sd/blend", "style": "Menu", "default": "slerp", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["slerp", "linear"], "starts_section": false}, {"address": "/sd/regions", "name": "Sdregions", "label": "Regions", "help": "Prompts by region: prompt 1 paints the region of layer 1, and so on to 4, as much as its weight says; /sd/prompt the rest. The regions are those of /region/mode, also while /region/enable is off.\n/sd/regions", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/clip_skip", "name": "Sdclipskip", "label": "Clip skip", "help": "Layer of the text encoder to use, counted from the end as CivitAI does: 1: the last; 2: the last but one. 0: the model's own setting.\n/sd/clip_skip   0 to 12", "style": "Int", "default": 0, "low": 0, "high": 12, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/seed", "name": "Sdseed", "label": "Seed", "help": "Seed of the noise: the same seed and input give the same result. -1: a new seed each time.\n/sd/seed   -1 to 2.14748e+09", "style": "Int", "default": 1, "low": -1, "high": 2147483647, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/seed_b", "name": "Sdseedb", "label": "Seed b", "help": "Second seed, mixed in with /sd/seed_mix. -1: a new seed each time.\n/sd/seed_b   -1 to 2.14748e+09", "style": "Int", "default": 2, "low": -1, "high": 2147483647, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/seed_mix", "name": "Sdseedmix", "label": "Seed mix", "help": "Mix from the noise of the seed (0) to that of the second seed (1).\n/sd/seed_mix   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/steps", "name": "Sdsteps", "label": "Steps", "help": "Denoising steps; only the last fraction `strength` is run: at 0.5 one of 2. More: finer and slower.\n/sd/steps   1 to 20", "style": "Int", "default": 2, "low": 1, "high": 20, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/strength", "name": "Sdstrength", "label": "Strength", "help": "Denoising strength: how far the result may differ from the input. The number of steps run is whole, at least one: with 2 steps the effect changes only at 1, with 20 at each 0.05.\n/sd/strength   0.05 to 1", "style": "Float", "default": 0.5, "low": 0.05, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/guidance", "name": "Sdguidance", "label": "Guidance", "help": "Guidance scale: how closely the picture follows the prompt; 1 is off. Use 1 to 2 for LCM models, 1 for turbo, lightning and most Hyper-SD. At 1, models with guidance as an input (LCM_Dreamshaper_v7) get 8.\n/sd/guidance   1 to 15", "style": "Float", "default": 1.0, "low": 1.0, "high": 15.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/guidance_begin", "name": "Sdguidfrom", "label": "Guidance begin", "help": "Share of the steps from which on guidance acts; 0: from the first one on.\n/sd/guidance_begin   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/guidance_end", "name": "Sdguidto", "label": "Guidance end", "help": "Share of the steps until which guidance acts; 1: until the last one.\n/sd/guidance_end   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/cfg_type", "name": "Sdcfgtype", "label": "Cfg type", "help": "Method of guidance above 1 in stream mode. full: exact, twice the work; self, initialise: estimated, almost free; none: no guidance.\n/sd/cfg_type", "style": "Menu", "default": "self", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["self", "full", "initialise", "none"], "starts_section": false}, {"address": "/sd/delta", "name": "Sddelta", "label": "Delta", "help": "Strength of the guidance estimate with cfg_type self and initialise.\n/sd/delta   0 to 2", "style": "Float", "default": 1.0, "low": 0.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/mode", "name": "Sdmode", "label": "Mode", "help": "stream: computes steps of several consecutive pictures together, for models made for few steps; single: one picture after the other.\n/sd/mode", "style": "Menu", "default": "stream", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stream", "single"], "starts_section": false}, {"address": "/sd/t_index", "name": "Sdtindex", "label": "T index", "help": "For experts: indices into the 50-step schedule, from noisy to clean, such as `32 45`; overrides steps and strength in stream mode. Empty: not used.\n/sd/t_index", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/interval_s", "name": "Sdintvl", "label": "Interval (s)", "help": "Minimum time between pictures; 0: as fast as possible.\n/sd/interval_s   0 to 10 s", "style": "Float", "default": 0.0, "low": 0.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/width", "name": "Sdwidth", "label": "Width (px)", "help": "Width of the SD picture.\n/sd/width   64 to 1024 px, in steps of 64", "style": "Int", "default": 512, "low": 64, "high": 1024, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/height", "name": "Sdheight", "label": "Height (px)", "help": "Height of the SD picture.\n/sd/height   64 to 1024 px, in steps of 64", "style": "Int", "default": 512, "low": 64, "high": 1024, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/upscale", "name": "Sdupscale", "label": "Upscale", "help": "How the picture gets larger. off: it is interpolated, soft; 2x: the configured upscaler doubles its width and height.\n/sd/upscale", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "2x"], "starts_section": false}, {"address": "/sd/source", "name": "Sdsource", "label": "Source", "help": "Input of SD. auto: the camera if there is one, else the Multiverse; multiverse: the finished picture, including SD where it is shown; video: the file of --sd-video; feedback: its own last picture, moved.\n/sd/source", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "camera", "multiverse", "video", "feedback"], "starts_section": false}, {"address": "/sd/consistency", "name": "Sdconsist", "label": "Consistency", "help": "Keeps details from flickering: how much of the last picture, moved with the source, stays in the next. 0: off. No effect with /sd/source feedback.\n/sd/consistency   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/consistency_reset", "name": "Sdconsrst", "label": "Consistency reset", "help": "When /sd/consistency restarts. cut: where the source changes altogether; beat, bar: there as well.\n/sd/consistency_reset", "style": "Menu", "default": "cut", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["cut", "beat", "bar"], "starts_section": false}, {"address": "/sd/duty", "name": "Sdduty", "label": "Duty", "help": "Fraction of time in which SD may compute while duty_auto is off.\n/sd/duty   0.05 to 1", "style": "Float", "default": 1.0, "low": 0.05, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/duty_auto", "name": "Sddtyauto", "label": "Duty auto", "help": "Adapts the time fraction to the picture: less after late frames, then slowly more. Off: /sd/duty.\n/sd/duty_auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/slice_ms", "name": "Sdslicems", "label": "Slice (ms)", "help": "Maximum length of one piece of GPU work; after each, SD checks if the picture needs the GPU.\n/sd/slice_ms   1 to 50 ms", "style": "Float", "default": 4.0, "low": 1.0, "high": 50.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/gate", "name": "Sdgate", "label": "Gate", "help": "Pauses SD while the picture is being drawn.\n/sd/gate", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/oom", "name": "Sdoom", "label": "Oom", "help": "Reaction to full GPU memory. stop: SD stops with a message; shrink: it continues 64 px smaller.\n/sd/oom", "style": "Menu", "default": "stop", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stop", "shrink"], "starts_section": false}, {"address": "/sd/paused", "name": "Sdpaused", "label": "Paused", "help": "Pauses SD; its last picture stays on screen.\n/sd/paused", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/freeze", "name": "Sdfreeze", "label": "Freeze", "help": "Freezes the SD picture while SD keeps running.\n/sd/freeze", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/crossfade_s", "name": "Sdxfade", "label": "Crossfade (s)", "help": "Crossfade time from one SD picture to the next, at most the time between two of them.\n/sd/crossfade_s   0 to 5 s", "style": "Float", "default": 1.0, "low": 0.0, "high": 5.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/fallback", "name": "Sdfallbk", "label": "Fallback", "help": "Picture while SD is down. hold: the last SD picture; black: black; source: the input of SD (with /sd/source feedback: the last SD picture).\n/sd/fallback", "style": "Menu", "default": "hold", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["hold", "black", "source"], "starts_section": false}, {"address": "/sd/prompts/1/text", "name": "Sdpr1t", "label": "Prompts 1 text", "help": "Prompt 1, blended with the other numbered prompts by its weight. Where none of the prompts 1 to 8 has a text and a weight, /sd/prompt and /sd/prompt_b are used.\n/sd/prompts/1/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/1/weight", "name": "Sdpr1wt", "label": "Prompts 1 weight", "help": "Share of prompt 1 in the blend; 0: none.\n/sd/prompts/1/weight   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/2/text", "name": "Sdpr2t", "label": "Prompts 2 text", "help": "Prompt 2, blended with the other numbered prompts by its weight.\n/sd/prompts/2/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/2/weight", "name": "Sdpr2wt", "label": "Prompts 2 weight", "help": "Share of prompt 2 in the blend; 0: none.\n/sd/prompts/2/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/3/text", "name": "Sdpr3t", "label": "Prompts 3 text", "help": "Prompt 3, blended with the other numbered prompts by its weight.\n/sd/prompts/3/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/3/weight", "name": "Sdpr3wt", "label": "Prompts 3 weight", "help": "Share of prompt 3 in the blend; 0: none.\n/sd/prompts/3/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/4/text", "name": "Sdpr4t", "label": "Prompts 4 text", "help": "Prompt 4, blended with the other numbered prompts by its weight.\n/sd/prompts/4/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/4/weight", "name": "Sdpr4wt", "label": "Prompts 4 weight", "help": "Share of prompt 4 in the blend; 0: none.\n/sd/prompts/4/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/5/text", "name": "Sdpr5t", "label": "Prompts 5 text", "help": "Prompt 5, blended with the other numbered prompts by its weight.\n/sd/prompts/5/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/5/weight", "name": "Sdpr5wt", "label": "Prompts 5 weight", "help": "Share of prompt 5 in the blend; 0: none.\n/sd/prompts/5/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/6/text", "name": "Sdpr6t", "label": "Prompts 6 text", "help": "Prompt 6, blended with the other numbered prompts by its weight.\n/sd/prompts/6/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/6/weight", "name": "Sdpr6wt", "label": "Prompts 6 weight", "help": "Share of prompt 6 in the blend; 0: none.\n/sd/prompts/6/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/7/text", "name": "Sdpr7t", "label": "Prompts 7 text", "help": "Prompt 7, blended with the other numbered prompts by its weight.\n/sd/prompts/7/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/7/weight", "name": "Sdpr7wt", "label": "Prompts 7 weight", "help": "Share of prompt 7 in the blend; 0: none.\n/sd/prompts/7/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/prompts/8/text", "name": "Sdpr8t", "label": "Prompts 8 text", "help": "Prompt 8, blended with the other numbered prompts by its weight.\n/sd/prompts/8/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/prompts/8/weight", "name": "Sdpr8wt", "label": "Prompts 8 weight", "help": "Share of prompt 8 in the blend; 0: none.\n/sd/prompts/8/weight   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/travel/enable", "name": "Sdtrvenable", "label": "Travel enable", "help": "Travels through the prompts 1 to 8 that have a text, one after the other; their weights are not used.\n/sd/travel/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/travel/rate", "name": "Sdtrvrate", "label": "Travel rate (1/bar)", "help": "Prompts a bar; below 0 backwards. A new rate begins with the next bar.\n/sd/travel/rate   -4 to 4 1/bar", "style": "Float", "default": 0.25, "low": -4.0, "high": 4.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/travel/position", "name": "Sdtrvpos", "label": "Travel position", "help": "Position in the list where the travel continues: 0 is the first prompt, 1.5 half-way from the second to the third.\n/sd/travel/position   0 to 8", "style": "Float", "default": 0.0, "low": 0.0, "high": 8.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/travel/glide", "name": "Sdtrvglide", "label": "Travel glide", "help": "Share of the time that is spent on the way to the next prompt. 0: changes at once.\n/sd/travel/glide   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/feedback/zoom", "name": "Sdfbzoom", "label": "Feedback zoom", "help": "Zoom of the last picture before it is repainted.\n/sd/feedback/zoom   0.9 to 1.1", "style": "Float", "default": 1.02, "low": 0.9, "high": 1.1, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/sd/feedback/rotate", "name": "Sdfbrotate", "label": "Feedback rotate (deg)", "help": "Rotation of the last picture before it is repainted, clockwise.\n/sd/feedback/rotate   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/similarity/enable", "name": "Sdsimenable", "label": "Similarity enable", "help": "Skips input pictures that hardly differ from the last one.\n/sd/similarity/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/similarity/threshold", "name": "Sdsimthresh", "label": "Similarity threshold", "help": "Similarity from which input pictures are skipped.\n/sd/similarity/threshold   0.5 to 0.999", "style": "Float", "default": 0.98, "low": 0.5, "high": 0.999, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/controlnet/1/enable", "name": "Sdcn1enable", "label": "Controlnet 1 enable", "help": "Switches ControlNet 1 on.\n/sd/controlnet/1/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/controlnet/1/scale", "name": "Sdcn1scale", "label": "Controlnet 1 scale", "help": "Strength of ControlNet 1; 0: no effect.\n/sd/controlnet/1/scale   0 to 2", "style": "Float", "default": 1.0, "low": 0.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/controlnet/1/source", "name": "Sdcn1source", "label": "Controlnet 1 source", "help": "What ControlNet 1 sees of the picture that /sd/controlnet/1/from names. input: the picture itself; edges: thin outlines, white on black, for canny; soft: blurred outlines, for softedge and HED, drawn from brightness at three scales, not by their network; depth: near is white, by the model of --sd-depth; pose: the skeleton of one person in OpenPose's colours, by the model of --sd-pose; sam3: the objects that SAM3 finds, in the colours that segmentation ControlNets expect.\n/sd/controlnet/1/source", "style": "Menu", "default": "input", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["input", "edges", "sam3", "soft", "depth", "pose"], "starts_section": false}, {"address": "/sd/controlnet/1/from", "name": "Sdcn1from", "label": "Controlnet 1 from", "help": "Picture that ControlNet 1 sees by /sd/controlnet/1/source (sam3 has its own). source: the input of SD; second: that of --sd-second, for example a depth map or a skeleton that is ready (source input); last: what SD painted last, for TemporalNet (source input); before the first picture the input of SD.\n/sd/controlnet/1/from", "style": "Menu", "default": "source", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["source", "second", "last"], "starts_section": false}, {"address": "/sd/controlnet/1/mode", "name": "Sdcn1mode", "label": "Controlnet 1 mode", "help": "Kind of control image that ControlNet 1 gets, if it is a ControlNet Union; others have one kind. auto: by its source; with source input tile, or edges if it knows no tile.\n/sd/controlnet/1/mode", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "pose", "depth", "soft", "edges", "normal", "segments", "tile"], "starts_section": false}, {"address": "/sd/controlnet/1/file", "name": "Sdcn1file", "label": "Controlnet 1 file", "help": "File of ControlNet 1: a name in the configured model folders. The model keeps running until it is loaded again with it. Empty: ControlNet 1 of the configuration, if there is one.\n/sd/controlnet/1/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/controlnet/2/enable", "name": "Sdcn2enable", "label": "Controlnet 2 enable", "help": "Switches ControlNet 2 on.\n/sd/controlnet/2/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/controlnet/2/scale", "name": "Sdcn2scale", "label": "Controlnet 2 scale", "help": "Strength of ControlNet 2; 0: no effect.\n/sd/controlnet/2/scale   0 to 2", "style": "Float", "default": 1.0, "low": 0.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/controlnet/2/source", "name": "Sdcn2source", "label": "Controlnet 2 source", "help": "What ControlNet 2 sees of the picture that /sd/controlnet/2/from names. input: the picture itself; edges: thin outlines, white on black, for canny; soft: blurred outlines, for softedge and HED, drawn from brightness at three scales, not by their network; depth: near is white, by the model of --sd-depth; pose: the skeleton of one person in OpenPose's colours, by the model of --sd-pose; sam3: the objects that SAM3 finds, in the colours that segmentation ControlNets expect.\n/sd/controlnet/2/source", "style": "Menu", "default": "input", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["input", "edges", "sam3", "soft", "depth", "pose"], "starts_section": false}, {"address": "/sd/controlnet/2/from", "name": "Sdcn2from", "label": "Controlnet 2 from", "help": "Picture that ControlNet 2 sees by /sd/controlnet/2/source (sam3 has its own). source: the input of SD; second: that of --sd-second, for example a depth map or a skeleton that is ready (source input); last: what SD painted last, for TemporalNet (source input); before the first picture the input of SD.\n/sd/controlnet/2/from", "style": "Menu", "default": "source", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["source", "second", "last"], "starts_section": false}, {"address": "/sd/controlnet/2/mode", "name": "Sdcn2mode", "label": "Controlnet 2 mode", "help": "Kind of control image that ControlNet 2 gets, if it is a ControlNet Union; others have one kind. auto: by its source; with source input tile, or edges if it knows no tile.\n/sd/controlnet/2/mode", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "pose", "depth", "soft", "edges", "normal", "segments", "tile"], "starts_section": false}, {"address": "/sd/controlnet/2/file", "name": "Sdcn2file", "label": "Controlnet 2 file", "help": "File of ControlNet 2: a name in the configured model folders. The model keeps running until it is loaded again with it. Empty: ControlNet 2 of the configuration, if there is one.\n/sd/controlnet/2/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/image", "name": "Sdipaimage", "label": "Ip adapter image", "help": "Reference picture of the IP-Adapter: a name in the pictures folder. Empty: none.\n/sd/ip_adapter/image", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sd/ip_adapter/weight", "name": "Sdipawt", "label": "Ip adapter weight", "help": "Weight of reference picture among the others; alone, any above 0 counts in full.\n/sd/ip_adapter/weight   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/image_b", "name": "Sdipaimageb", "label": "Ip adapter image b", "help": "Reference picture B of the IP-Adapter: a name in the pictures folder. Empty: none.\n/sd/ip_adapter/image_b", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/weight_b", "name": "Sdipawtb", "label": "Ip adapter weight b", "help": "Weight of reference picture B among the others; alone, any above 0 counts in full.\n/sd/ip_adapter/weight_b   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/image_c", "name": "Sdipaimagec", "label": "Ip adapter image c", "help": "Reference picture C of the IP-Adapter: a name in the pictures folder. Empty: none.\n/sd/ip_adapter/image_c", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/weight_c", "name": "Sdipawtc", "label": "Ip adapter weight c", "help": "Weight of reference picture C among the others; alone, any above 0 counts in full.\n/sd/ip_adapter/weight_c   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/image_d", "name": "Sdipaimaged", "label": "Ip adapter image d", "help": "Reference picture D of the IP-Adapter: a name in the pictures folder. Empty: none.\n/sd/ip_adapter/image_d", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/weight_d", "name": "Sdipawtd", "label": "Ip adapter weight d", "help": "Weight of reference picture D among the others; alone, any above 0 counts in full.\n/sd/ip_adapter/weight_d   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/live", "name": "Sdipalive", "label": "Ip adapter live", "help": "A moving reference picture beside them. source: the input of SD; second: that of --sd-second; last: what SD painted last.\n/sd/ip_adapter/live", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "source", "second", "last"], "starts_section": false}, {"address": "/sd/ip_adapter/weight_live", "name": "Sdipawtlive", "label": "Ip adapter weight live", "help": "Weight of the moving reference picture among the others; alone, any above 0 counts in full.\n/sd/ip_adapter/weight_live   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/scale", "name": "Sdipascale", "label": "Ip adapter scale", "help": "Strength of the IP-Adapter's pictures; 0: no effect.\n/sd/ip_adapter/scale   0 to 1.5", "style": "Float", "default": 0.6, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/down", "name": "Sdipadown", "label": "Ip adapter down", "help": "Strength in the first half of the UNet, times scale: mostly the layout.\n/sd/ip_adapter/down   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/mid", "name": "Sdipamid", "label": "Ip adapter mid", "help": "Strength in the middle of the UNet, times scale: the subject.\n/sd/ip_adapter/mid   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/ip_adapter/up", "name": "Sdipaup", "label": "Ip adapter up", "help": "Strength in the second half of the UNet, times scale: mostly style and colours.\n/sd/ip_adapter/up   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sd/lora/1/weight", "name": "Sdlora1wt", "label": "Lora 1 weight", "help": "Strength of LoRA 1; 0: no effect. A tag `<lora:name:0.8>` in the prompt sets it, too; the latest change counts.\n/sd/lora/1/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/sd/lora/1/file", "name": "Sdlora1file", "label": "Lora 1 file", "help": "File of LoRA 1: a name in the configured model folders. The model keeps running until it is loaded again with it. Empty: LoRA 1 of the configuration, if there is one.\n/sd/lora/1/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/lora/2/weight", "name": "Sdlora2wt", "label": "Lora 2 weight", "help": "Strength of LoRA 2; 0: no effect. A tag `<lora:name:0.8>` in the prompt sets it, too; the latest change counts.\n/sd/lora/2/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/sd/lora/2/file", "name": "Sdlora2file", "label": "Lora 2 file", "help": "File of LoRA 2: a name in the configured model folders. The model keeps running until it is loaded again with it. Empty: LoRA 2 of the configuration, if there is one.\n/sd/lora/2/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/lora/3/weight", "name": "Sdlora3wt", "label": "Lora 3 weight", "help": "Strength of LoRA 3; 0: no effect. A tag `<lora:name:0.8>` in the prompt sets it, too; the latest change counts.\n/sd/lora/3/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/sd/lora/3/file", "name": "Sdlora3file", "label": "Lora 3 file", "help": "File of LoRA 3: a name in the configured model folders. The model keeps running until it is loaded again with it. Empty: LoRA 3 of the configuration, if there is one.\n/sd/lora/3/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sd/lora/4/weight", "name": "Sdlora4wt", "label": "Lora 4 weight", "help": "Strength of LoRA 4; 0: no effect. A tag `<lora:name:0.8>` in the prompt sets it, too; the latest change counts.\n/sd/lora/4/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/sd/lora/4/file", "name": "Sdlora4file", "label": "Lora 4 file", "help": "File of LoRA 4: a name in the configured model folders. The model keeps running until it is loaded again with it. Empty: LoRA 4 of the configuration, if there is one.\n/sd/lora/4/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "SAM3", "controls": [{"address": "/sam3/enable", "name": "Sam3enable", "label": "Enable", "help": "Switches SAM3 on. Refused without a configured model.\n/sam3/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/source", "name": "Sam3source", "label": "Source", "help": "Input of SAM3. auto: the camera if there is one, else the Multiverse; video: the file of --sam3-video; multiverse: the finished picture; sd: the picture of Stable Diffusion.\n/sam3/source", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "camera", "video", "multiverse", "sd"], "starts_section": false}, {"address": "/sam3/mode", "name": "Sam3mode", "label": "Mode", "help": "image: each picture by itself, ids by rank; track: tracks objects, which keep their ids.\n/sam3/mode", "style": "Menu", "default": "image", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["image", "track"], "starts_section": false}, {"address": "/sam3/threshold", "name": "Sam3thresh", "label": "Threshold", "help": "Minimum score of an object, 0 to 1.\n/sam3/threshold   0.05 to 0.95", "style": "Float", "default": 0.5, "low": 0.05, "high": 0.95, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/max_objects", "name": "Sam3maxobj", "label": "Max objects", "help": "Maximum number of objects; those with the best scores are used.\n/sam3/max_objects   1 to 16", "style": "Int", "default": 16, "low": 1, "high": 16, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/memories", "name": "Sam3memory", "label": "Memories", "help": "Frames that the next mask of a tracked object is computed from, that one included: fewer are faster, but lose an object sooner behind another. Mode track.\n/sam3/memories   3 to 7", "style": "Int", "default": 7, "low": 3, "high": 7, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/detect_every", "name": "Sam3detnth", "label": "Detect every", "help": "Looks for objects in each n-th picture only, and tracks the known ones in those between: faster. Mode track.\n/sam3/detect_every   1 to 16", "style": "Int", "default": 1, "low": 1, "high": 16, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/mask_edge", "name": "Sam3edge", "label": "Mask edge", "help": "Mask edges in the texture `Multiverse SAM3` and in the matte of layer 5. soft: gradual; hard: cut at 0.5.\n/sam3/mask_edge", "style": "Menu", "default": "soft", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["soft", "hard"], "starts_section": false}, {"address": "/sam3/opacity", "name": "Sam3opacity", "label": "Opacity", "help": "Opacity of the mask colours over the picture in `Multiverse SAM3`.\n/sam3/opacity   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/fallback", "name": "Sam3fallbk", "label": "Fallback", "help": "Masks while SAM3 is down. hold: keeps the last ones; source: uses none: the picture without colours, all of layer 5, regions by quadrant.\n/sam3/fallback", "style": "Menu", "default": "hold", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["hold", "source"], "starts_section": false}, {"address": "/sam3/interval_s", "name": "Sam3intvl", "label": "Interval (s)", "help": "Minimum time between results; 0: as fast as possible.\n/sam3/interval_s   0 to 10 s", "style": "Float", "default": 0.0, "low": 0.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/resolution", "name": "Sam3res", "label": "Resolution (px)", "help": "Side of the square that the picture is scaled to, in steps of 168: 1008 finds most; 840 is three quarters of its work, 672 four tenths, 504 three tenths, 336 a tenth. Others are rounded. The old process keeps running until the new one is ready.\n/sam3/resolution   336 to 1008 px, in steps of 168", "style": "Int", "default": 1008, "low": 336, "high": 1008, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/duty", "name": "Sam3duty", "label": "Duty", "help": "Fraction of time in which SAM3 may compute while duty_auto is off.\n/sam3/duty   0.05 to 1", "style": "Float", "default": 1.0, "low": 0.05, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/duty_auto", "name": "Sam3dtyauto", "label": "Duty auto", "help": "Adapts the time fraction to the picture: less after late frames, then slowly more. Off: /sam3/duty.\n/sam3/duty_auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/slice_ms", "name": "Sam3slicems", "label": "Slice (ms)", "help": "Maximum length of one piece of GPU work; after each, SAM3 checks if the picture needs the GPU.\n/sam3/slice_ms   1 to 50 ms", "style": "Float", "default": 4.0, "low": 1.0, "high": 50.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sam3/gate", "name": "Sam3gate", "label": "Gate", "help": "Pauses SAM3 while the picture is being drawn.\n/sam3/gate", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/compile", "name": "Sam3compile", "label": "Compile", "help": "Compiles the model: takes minutes, then runs faster. The old process keeps running meanwhile.\n/sam3/compile", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/offload", "name": "Sam3offload", "label": "Offload", "help": "Keeps the weights in main memory and copies them to the GPU when needed: for small GPUs; slow.\n/sam3/offload", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/fp8", "name": "Sam3fp8", "label": "Fp8", "help": "Computes in 8-bit floating point, on Linux with cards from RTX 40 and H100 on: faster with /sam3/compile, but masks differ a little. The old process keeps running until the new one is ready.\n/sam3/fp8", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/prompt/1", "name": "Sam3prompt1", "label": "Prompt 1", "help": "Object 1 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/1", "style": "Str", "default": "person", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sam3/prompt/2", "name": "Sam3prompt2", "label": "Prompt 2", "help": "Object 2 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/2", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/prompt/3", "name": "Sam3prompt3", "label": "Prompt 3", "help": "Object 3 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/3", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sam3/prompt/4", "name": "Sam3prompt4", "label": "Prompt 4", "help": "Object 4 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/4", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "Voice", "controls": [{"address": "/rvc/enable", "name": "Rvcenable", "label": "Enable", "help": "Switches voice conversion on. Refused without a configured model.\n/rvc/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/rvc/model", "name": "Rvcmodel", "label": "Model", "help": "Model to use: a name in the configured model folders; an index of the same name beside it is used too. The old model keeps running until the new one is ready. Empty: the configured model and index.\n/rvc/model", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/rvc/speaker", "name": "Rvcspeaker", "label": "Speaker", "help": "Speaker of the model.\n/rvc/speaker   0 to 255", "style": "Int", "default": 0, "low": 0, "high": 255, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/pitch", "name": "Rvcpitch", "label": "Pitch (semitones)", "help": "Transposes the voice; 12 turns a low voice into a high one.\n/rvc/pitch   -24 to 24 semitones", "style": "Float", "default": 0.0, "low": -24.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/pitch_auto", "name": "Rvcautopit", "label": "Pitch auto", "help": "Transposes the speaker's median pitch of the last 5 s of voice to /rvc/pitch_target_hz, gliding for 2 s; /rvc/pitch is added. For speech: in a song it changes the key.\n/rvc/pitch_auto", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/rvc/pitch_target_hz", "name": "Rvcpithz", "label": "Pitch target (Hz)", "help": "Median pitch to which /rvc/pitch_auto brings the speaker: that of the model's own voice, which its file does not say. About 120 for a low voice, 210 for a high one, 300 for a child.\n/rvc/pitch_target_hz   60 to 600 Hz", "style": "Float", "default": 155.0, "low": 60.0, "high": 600.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/autotune", "name": "Rvcautotune", "label": "Autotune", "help": "Pulls the pitch to the nearest semitone.\n/rvc/autotune", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/rvc/formant", "name": "Rvcformant", "label": "Formant (semitones)", "help": "Formant shift at the same pitch; up sounds like a smaller person.\n/rvc/formant   -2 to 2 semitones", "style": "Float", "default": 0.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/index_rate", "name": "Rvcidxrate", "label": "Index rate", "help": "Amount of the index: higher sounds more like the model's own voice and accent, with less clear words. No effect without an index.\n/rvc/index_rate   0 to 1", "style": "Float", "default": 0.3, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/retrieval_power", "name": "Rvcretrpow", "label": "Retrieval power", "help": "Weight of the nearest index entries: 2: 1/distance^4; 1: 1/distance^2, which mixes more of them.\n/rvc/retrieval_power   1 to 2", "style": "Int", "default": 2, "low": 1, "high": 2, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/protect", "name": "Rvcprotect", "label": "Protect", "help": "Protects breath and consonants from the index: lower protects more; 0.5 is off.\n/rvc/protect   0 to 0.5", "style": "Float", "default": 0.33, "low": 0.0, "high": 0.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/rms_mix", "name": "Rvcrmsmix", "label": "Rms mix", "help": "Loudness envelope. 0: of the input voice; 1: of the model's output.\n/rvc/rms_mix   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/threshold", "name": "Rvcthresh", "label": "Threshold (dB)", "help": "Noise gate: input below this level is silence. -60 is off.\n/rvc/threshold   -60 to 0 dB", "style": "Float", "default": -60.0, "low": -60.0, "high": 0.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/block_ms", "name": "Rvcblockms", "label": "Block (ms)", "help": "Length of a block: shorter has less delay and needs more computing.\n/rvc/block_ms   20 to 1500 ms", "style": "Float", "default": 250.0, "low": 20.0, "high": 1500.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/crossfade_ms", "name": "Rvcxfadems", "label": "Crossfade (ms)", "help": "Overlap of blocks; adds to the delay.\n/rvc/crossfade_ms   10 to 150 ms", "style": "Float", "default": 50.0, "low": 10.0, "high": 150.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/extra_ms", "name": "Rvcextrams", "label": "Extra (ms)", "help": "Sound before each block, as context for the model: longer is steadier and slower.\n/rvc/extra_ms   50 to 5000 ms", "style": "Float", "default": 2500.0, "low": 50.0, "high": 5000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/f0", "name": "Rvcf0", "label": "F0", "help": "Pitch detector. rmvpe needs its checkpoint, fcpe the package torchfcpe, yin nothing; auto: the first one available. The old one keeps running until the new one is ready.\n/rvc/f0", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "rmvpe", "fcpe", "yin"], "starts_section": false}, {"address": "/rvc/fp16", "name": "Rvcfp16", "label": "Fp16", "help": "Half precision. auto: on with CUDA. The old process keeps running until the new one is ready.\n/rvc/fp16", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "on", "off"], "starts_section": false}, {"address": "/rvc/gpu_retrieval", "name": "Rvcgpuretr", "label": "Gpu retrieval", "help": "Searches the index on the GPU; off: on the CPU. auto: on. The old process keeps running until the new one is ready.\n/rvc/gpu_retrieval", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "on", "off"], "starts_section": false}, {"address": "/rvc/profiling", "name": "Rvcprofile", "label": "Profiling", "help": "Shows the milliseconds of each stage in /engine/status.\n/rvc/profiling", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/rvc/monitor", "name": "Rvcmonitor", "label": "Monitor", "help": "Mix of the output. 0: dry voice; 1: converted voice. Both are in sync.\n/rvc/monitor   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/gain_db", "name": "Rvcgaindb", "label": "Gain (dB)", "help": "Output gain; -60 is silence.\n/rvc/gain_db   -60 to 12 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 12.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/fallback", "name": "Rvcfallbk", "label": "Fallback", "help": "Output while the conversion is late or its process is down: the dry voice, or silence.\n/rvc/fallback", "style": "Menu", "default": "dry", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["dry", "silence"], "starts_section": false}, {"address": "/rvc/channel", "name": "Rvcchannel", "label": "Channel", "help": "Audio channel of the Multiverse that the output replaces; 0: none.\n/rvc/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/input_channel", "name": "Rvcinchan", "label": "Input channel", "help": "Channel of the input source that has the voice.\n/rvc/input_channel   1 to 64", "style": "Int", "default": 1, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/rvc/delay_ms", "name": "Rvcdelayms", "label": "Delay (ms)", "help": "Delay from input to output, devices included, to match a picture. 0, or shorter than possible: the shortest possible.\n/rvc/delay_ms   0 to 5000 ms", "style": "Float", "default": 0.0, "low": 0.0, "high": 5000.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Feedback", "controls": [{"address": "/feedback/amount", "name": "Fbamount", "label": "Amount", "help": "Trail: brightness of the last picture; 0: none.\n/feedback/amount   0 to 0.98", "style": "Float", "default": 0.91, "low": 0.0, "high": 0.98, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/feedback/zoom", "name": "Fbzoom", "label": "Zoom", "help": "Zoom of the last picture from frame to frame; above 1 it grows.\n/feedback/zoom   0.9 to 1.1", "style": "Float", "default": 1.012, "low": 0.9, "high": 1.1, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/feedback/rotate", "name": "Fbrotate", "label": "Rotate (deg)", "help": "Rotation of the last picture from frame to frame.\n/feedback/rotate   -10 to 10 deg", "style": "Float", "default": 0.4, "low": -10.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/feedback/hue", "name": "Fbhue", "label": "Hue (turns)", "help": "Hue shift of the last picture from frame to frame.\n/feedback/hue   -0.1 to 0.1 turns", "style": "Float", "default": 0.0, "low": -0.1, "high": 0.1, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Mirror", "controls": [{"address": "/mirror/mode", "name": "Mirrormode", "label": "Mode", "help": "x: mirrors the left half onto the right; y: the top half onto the bottom; xy: both; kaleidoscope: /mirror/segments sectors around the centre.\n/mirror/mode", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "x", "y", "xy", "kaleidoscope"], "starts_section": false}, {"address": "/mirror/segments", "name": "Mirrorsegs", "label": "Segments", "help": "Number of kaleidoscope sectors.\n/mirror/segments   2 to 24", "style": "Int", "default": 6, "low": 2, "high": 24, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Text and logo", "controls": [{"address": "/text/1/text", "name": "T1t", "label": "Text 1 text", "help": "Text 1; | or a line break begins a new line, empty: none. A built-in look has a text 1 of its own, mostly none.\n/text/1/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/1/show", "name": "T1show", "label": "Text 1 show", "help": "How much of text 1 is seen at once: all of it, or one word or line after another.\n/text/1/show", "style": "Menu", "default": "all", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["all", "word", "line"], "starts_section": false}, {"address": "/text/1/step", "name": "T1step", "label": "Text 1 step", "help": "When the next word or line of text 1 comes: with each beat, or each bar; see /tempo/source.\n/text/1/step", "style": "Menu", "default": "beat", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["beat", "bar"], "starts_section": false}, {"address": "/text/1/font", "name": "T1font", "label": "Text 1 font", "help": "Font of text 1: the name of a file in the folder `fonts` beside the presets, or of a font of this system, or a path; empty: a built-in one, with the letters of English.\n/text/1/font", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/1/size", "name": "T1size", "label": "Text 1 size (%)", "help": "Height of a line, in percent of the picture's height; a text that is wider than the picture is made smaller.\n/text/1/size   0.5 to 100 %", "style": "Float", "default": 14.0, "low": 0.5, "high": 100.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/1/x", "name": "T1x", "label": "Text 1 x", "help": "Centre of text 1: 0 left, 1 right.\n/text/1/x   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/1/y", "name": "T1y", "label": "Text 1 y", "help": "Centre of text 1: 0 top, 1 bottom.\n/text/1/y   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/1/angle", "name": "T1angle", "label": "Text 1 angle (deg)", "help": "Rotates text 1 clockwise.\n/text/1/angle   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/1/opacity", "name": "T1opacity", "label": "Text 1 opacity", "help": "Opacity of text 1.\n/text/1/opacity   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/1/blend", "name": "T1blend", "label": "Text 1 blend", "help": "How text 1 is laid on the picture. over: covers it; add, screen: lights it; multiply: darkens it; invert: turns light into dark beneath it.\n/text/1/blend", "style": "Menu", "default": "over", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["over", "add", "screen", "multiply", "invert"], "starts_section": false}, {"address": "/text/1/colour", "name": "T1col", "label": "Text 1 colour", "help": "Colour of text 1. hue: that of `hue`; deep, first, second, highlight: those of /colour/palette.\n/text/1/colour", "style": "Menu", "default": "white", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["white", "black", "hue", "deep", "first", "second", "highlight"], "starts_section": false}, {"address": "/text/1/hue", "name": "T1hue", "label": "Text 1 hue (turns)", "help": "Hue of text 1 while its colour, or its outline's, is hue.\n/text/1/hue   0 to 1 turns", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/1/outline", "name": "T1outl", "label": "Text 1 outline (%)", "help": "Thickness of the outline of text 1, in percent of a line's height; 0: none.\n/text/1/outline   0 to 20 %", "style": "Float", "default": 0.0, "low": 0.0, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/1/outline_colour", "name": "T1outlcol", "label": "Text 1 outline colour", "help": "Colour of the outline, as `colour`. deep, first, second, highlight: those of /colour/palette.\n/text/1/outline_colour", "style": "Menu", "default": "black", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["white", "black", "hue", "deep", "first", "second", "highlight"], "starts_section": false}, {"address": "/text/2/text", "name": "T2t", "label": "Text 2 text", "help": "Text 2; | or a line break begins a new line, empty: none. Stays when a built-in look is chosen.\n/text/2/text", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/text/2/show", "name": "T2show", "label": "Text 2 show", "help": "How much of text 2 is seen at once: all of it, or one word or line after another.\n/text/2/show", "style": "Menu", "default": "all", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["all", "word", "line"], "starts_section": false}, {"address": "/text/2/step", "name": "T2step", "label": "Text 2 step", "help": "When the next word or line of text 2 comes: with each beat, or each bar; see /tempo/source.\n/text/2/step", "style": "Menu", "default": "beat", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["beat", "bar"], "starts_section": false}, {"address": "/text/2/font", "name": "T2font", "label": "Text 2 font", "help": "Font of text 2: the name of a file in the folder `fonts` beside the presets, or of a font of this system, or a path; empty: a built-in one, with the letters of English.\n/text/2/font", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/2/size", "name": "T2size", "label": "Text 2 size (%)", "help": "Height of a line, in percent of the picture's height; a text that is wider than the picture is made smaller.\n/text/2/size   0.5 to 100 %", "style": "Float", "default": 6.0, "low": 0.5, "high": 100.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/2/x", "name": "T2x", "label": "Text 2 x", "help": "Centre of text 2: 0 left, 1 right.\n/text/2/x   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/2/y", "name": "T2y", "label": "Text 2 y", "help": "Centre of text 2: 0 top, 1 bottom.\n/text/2/y   0 to 1", "style": "Float", "default": 0.88, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/2/angle", "name": "T2angle", "label": "Text 2 angle (deg)", "help": "Rotates text 2 clockwise.\n/text/2/angle   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/2/opacity", "name": "T2opacity", "label": "Text 2 opacity", "help": "Opacity of text 2.\n/text/2/opacity   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/2/blend", "name": "T2blend", "label": "Text 2 blend", "help": "How text 2 is laid on the picture. over: covers it; add, screen: lights it; multiply: darkens it; invert: turns light into dark beneath it.\n/text/2/blend", "style": "Menu", "default": "over", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["over", "add", "screen", "multiply", "invert"], "starts_section": false}, {"address": "/text/2/colour", "name": "T2col", "label": "Text 2 colour", "help": "Colour of text 2. hue: that of `hue`; deep, first, second, highlight: those of /colour/palette.\n/text/2/colour", "style": "Menu", "default": "white", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["white", "black", "hue", "deep", "first", "second", "highlight"], "starts_section": false}, {"address": "/text/2/hue", "name": "T2hue", "label": "Text 2 hue (turns)", "help": "Hue of text 2 while its colour, or its outline's, is hue.\n/text/2/hue   0 to 1 turns", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/text/2/outline", "name": "T2outl", "label": "Text 2 outline (%)", "help": "Thickness of the outline of text 2, in percent of a line's height; 0: none.\n/text/2/outline   0 to 20 %", "style": "Float", "default": 0.0, "low": 0.0, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/text/2/outline_colour", "name": "T2outlcol", "label": "Text 2 outline colour", "help": "Colour of the outline, as `colour`. deep, first, second, highlight: those of /colour/palette.\n/text/2/outline_colour", "style": "Menu", "default": "black", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["white", "black", "hue", "deep", "first", "second", "highlight"], "starts_section": false}, {"address": "/text/words", "name": "Twords", "label": "Words", "help": "Your words for the built-in looks that show words (Poster, Swarm), from when they are next chosen; empty: theirs. What is written into /text/1/text while one of them is on is kept here. No preset holds it.\n/text/words", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/logo/file", "name": "Logofile", "label": "File", "help": "Picture file of the logo, with transparency: its name in the folder `logos` beside the presets, or a path; empty: none. Stays when a built-in look is chosen.\n/logo/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/logo/size", "name": "Logosize", "label": "Size (%)", "help": "Height of the logo, in percent of the picture's height.\n/logo/size   0.5 to 100 %", "style": "Float", "default": 12.0, "low": 0.5, "high": 100.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/logo/x", "name": "Logox", "label": "X", "help": "Centre of the logo: 0 left, 1 right.\n/logo/x   0 to 1", "style": "Float", "default": 0.9, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/logo/y", "name": "Logoy", "label": "Y", "help": "Centre of the logo: 0 top, 1 bottom.\n/logo/y   0 to 1", "style": "Float", "default": 0.88, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/logo/angle", "name": "Logoangle", "label": "Angle (deg)", "help": "Rotates the logo clockwise.\n/logo/angle   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/logo/opacity", "name": "Logoopacity", "label": "Opacity", "help": "Opacity of the logo.\n/logo/opacity   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/logo/blend", "name": "Logoblend", "label": "Blend", "help": "How the logo is laid on the picture. over: covers it; add, screen: lights it; multiply: darkens it; invert: turns light into dark beneath it.\n/logo/blend", "style": "Menu", "default": "over", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["over", "add", "screen", "multiply", "invert"], "starts_section": false}]},
{"title": "Contours", "controls": [{"address": "/contour/count", "name": "Ctrcount", "label": "Count", "help": "Number of the largest contours that are found; 0: none, or 8 while an overlay shows them.\n/contour/count   0 to 8", "style": "Int", "default": 0, "low": 0, "high": 8, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/contour/source", "name": "Ctrsource", "label": "Source", "help": "Where contours are looked for. picture: the look with its shaders; camera: as layer 5 shows it.\n/contour/source", "style": "Menu", "default": "picture", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["picture", "camera"], "starts_section": false}, {"address": "/contour/of", "name": "Ctrof", "label": "Of", "help": "Shapes that are lighter, or darker, than the threshold.\n/contour/of", "style": "Menu", "default": "light", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["light", "dark"], "starts_section": false}, {"address": "/contour/threshold", "name": "Ctrthresh", "label": "Threshold", "help": "Brightness at the edge of a shape.\n/contour/threshold   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/contour/min_area", "name": "Ctrminarea", "label": "Min area (%)", "help": "Smallest area that counts, in percent of the picture's.\n/contour/min_area   0 to 50 %", "style": "Float", "default": 0.1, "low": 0.0, "high": 50.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/contour/interval", "name": "Ctrinterval", "label": "Interval (ms)", "help": "Time between results.\n/contour/interval   20 to 2000 ms", "style": "Float", "default": 100.0, "low": 20.0, "high": 2000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/contour/overlay", "name": "Ctroverlay", "label": "Overlay", "help": "Opacity of the outlines on the picture; 0: none.\n/contour/overlay   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/contour/width", "name": "Ctrwidth", "label": "Width (%)", "help": "Width of the outlines, in percent of the picture's height.\n/contour/width   0.1 to 3 %", "style": "Float", "default": 0.4, "low": 0.1, "high": 3.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/contour/colour", "name": "Ctrcol", "label": "Colour", "help": "Colour of the outlines. hue: that of `hue`; deep, first, second, highlight: those of /colour/palette.\n/contour/colour", "style": "Menu", "default": "white", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["white", "black", "hue", "deep", "first", "second", "highlight"], "starts_section": false}, {"address": "/contour/hue", "name": "Ctrhue", "label": "Hue (turns)", "help": "Hue of the outlines while their colour is hue.\n/contour/hue   0 to 1 turns", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "Post effects", "controls": [{"address": "/post/bloom", "name": "Pbloom", "label": "Bloom", "help": "Bright parts shine beyond their edges.\n/post/bloom   0 to 1", "style": "Float", "default": 0.32, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/bloom_radius", "name": "Pbloomrad", "label": "Bloom radius", "help": "How far they shine. 0: a few pixels; 1: a tenth of the picture's height.\n/post/bloom_radius   0 to 1", "style": "Float", "default": 0.7, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/bloom_threshold", "name": "Pbloomthr", "label": "Bloom threshold", "help": "Brightness from which parts of the picture shine; 0: everything.\n/post/bloom_threshold   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/glow", "name": "Pglow", "label": "Glow", "help": "A wide soft veil of the whole picture's light, as from a diffusion filter or fog.\n/post/glow   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/chromatic", "name": "Pchromatic", "label": "Chromatic", "help": "Chromatic aberration: red and blue move apart towards the corners, there by 2.5 % of the diagonal.\n/post/chromatic   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/vignette", "name": "Pvignette", "label": "Vignette", "help": "Darkens the corners; the middle stays as it is.\n/post/vignette   0 to 1", "style": "Float", "default": 0.6, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/grain", "name": "Pgrain", "label": "Grain", "help": "Film grain, new 24 times per second; strongest in middle tones, none in black and white.\n/post/grain   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/post/exposure", "name": "Pexposure", "label": "Exposure", "help": "Light of the finished picture, shaders included. -1: black; 1: two stops brighter, without clipping.\n/post/exposure   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Shaders", "controls": [{"address": "/fx/fallback", "name": "Fxfallbk", "label": "Fallback", "help": "Look that holds the picture, in the palette of the present one, while the engine bypasses a generator that covers it: a built-in look without shaders, or layers: the layers beneath.\n/fx/fallback", "style": "Menu", "default": "eclipse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["eclipse", "prism", "silk", "cathedral", "mandala", "skein", "medusa", "pulsar", "thunder", "layers"], "starts_section": false}, {"address": "/fx/generator/file", "name": "Fxgenfile", "label": "Generator file", "help": "Shader of the generator, by its name in `/fx/list`, upper or lower case; empty: none. The last one plays until the new one has been tested. Its inputs begin with the shader's defaults, unless the same bundle, preset or cue sets them.\n/fx/generator/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/fx/generator/enable", "name": "Fxgenenable", "label": "Generator enable", "help": "Draws the generator. The engine bypasses a shader that takes too long; switching it on, also when it is on, tries it again.\n/fx/generator/enable", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/fx/generator/mix", "name": "Fxgenmix", "label": "Generator mix", "help": "How much of the generator covers the picture; at 0 it is seen only where /layer/5/source selects it.\n/fx/generator/mix   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/1", "name": "Fxgen1", "label": "Generator 1", "help": "Input 1 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/1   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/2", "name": "Fxgen2", "label": "Generator 2", "help": "Input 2 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/2   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/3", "name": "Fxgen3", "label": "Generator 3", "help": "Input 3 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/3   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/4", "name": "Fxgen4", "label": "Generator 4", "help": "Input 4 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/4   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/5", "name": "Fxgen5", "label": "Generator 5", "help": "Input 5 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/5   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/6", "name": "Fxgen6", "label": "Generator 6", "help": "Input 6 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/6   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/7", "name": "Fxgen7", "label": "Generator 7", "help": "Input 7 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/7   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/8", "name": "Fxgen8", "label": "Generator 8", "help": "Input 8 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/8   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/9", "name": "Fxgen9", "label": "Generator 9", "help": "Input 9 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/9   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/10", "name": "Fxgen10", "label": "Generator 10", "help": "Input 10 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/10   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/11", "name": "Fxgen11", "label": "Generator 11", "help": "Input 11 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/11   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/12", "name": "Fxgen12", "label": "Generator 12", "help": "Input 12 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/12   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/13", "name": "Fxgen13", "label": "Generator 13", "help": "Input 13 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/13   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/14", "name": "Fxgen14", "label": "Generator 14", "help": "Input 14 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/14   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/15", "name": "Fxgen15", "label": "Generator 15", "help": "Input 15 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/15   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/generator/16", "name": "Fxgen16", "label": "Generator 16", "help": "Input 16 of the generator's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/generator/16   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/file", "name": "Fx1file", "label": "Fx 1 file", "help": "Shader of the effect 1, by its name in `/fx/list`, upper or lower case; empty: none. The last one plays until the new one has been tested. Its inputs begin with the shader's defaults, unless the same bundle, preset or cue sets them.\n/fx/1/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/fx/1/enable", "name": "Fx1enable", "label": "Fx 1 enable", "help": "Draws the effect 1. The engine bypasses a shader that takes too long; switching it on, also when it is on, tries it again.\n/fx/1/enable", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/fx/1/mix", "name": "Fx1mix", "label": "Fx 1 mix", "help": "Amount of effect 1; at 0 the picture passes unchanged.\n/fx/1/mix   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/1", "name": "Fx11", "label": "Fx 1 1", "help": "Input 1 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/1   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/2", "name": "Fx12", "label": "Fx 1 2", "help": "Input 2 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/2   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/3", "name": "Fx13", "label": "Fx 1 3", "help": "Input 3 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/3   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/4", "name": "Fx14", "label": "Fx 1 4", "help": "Input 4 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/4   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/5", "name": "Fx15", "label": "Fx 1 5", "help": "Input 5 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/5   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/6", "name": "Fx16", "label": "Fx 1 6", "help": "Input 6 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/6   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/7", "name": "Fx17", "label": "Fx 1 7", "help": "Input 7 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/7   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/8", "name": "Fx18", "label": "Fx 1 8", "help": "Input 8 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/8   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/9", "name": "Fx19", "label": "Fx 1 9", "help": "Input 9 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/9   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/10", "name": "Fx110", "label": "Fx 1 10", "help": "Input 10 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/10   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/11", "name": "Fx111", "label": "Fx 1 11", "help": "Input 11 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/11   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/12", "name": "Fx112", "label": "Fx 1 12", "help": "Input 12 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/12   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/13", "name": "Fx113", "label": "Fx 1 13", "help": "Input 13 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/13   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/14", "name": "Fx114", "label": "Fx 1 14", "help": "Input 14 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/14   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/15", "name": "Fx115", "label": "Fx 1 15", "help": "Input 15 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/15   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/1/16", "name": "Fx116", "label": "Fx 1 16", "help": "Input 16 of the effect 1's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/1/16   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/file", "name": "Fx2file", "label": "Fx 2 file", "help": "Shader of the effect 2, by its name in `/fx/list`, upper or lower case; empty: none. The last one plays until the new one has been tested. Its inputs begin with the shader's defaults, unless the same bundle, preset or cue sets them.\n/fx/2/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/fx/2/enable", "name": "Fx2enable", "label": "Fx 2 enable", "help": "Draws the effect 2. The engine bypasses a shader that takes too long; switching it on, also when it is on, tries it again.\n/fx/2/enable", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/fx/2/mix", "name": "Fx2mix", "label": "Fx 2 mix", "help": "Amount of effect 2; at 0 the picture passes unchanged.\n/fx/2/mix   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/1", "name": "Fx21", "label": "Fx 2 1", "help": "Input 1 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/1   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/2", "name": "Fx22", "label": "Fx 2 2", "help": "Input 2 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/2   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/3", "name": "Fx23", "label": "Fx 2 3", "help": "Input 3 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/3   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/4", "name": "Fx24", "label": "Fx 2 4", "help": "Input 4 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/4   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/5", "name": "Fx25", "label": "Fx 2 5", "help": "Input 5 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/5   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/6", "name": "Fx26", "label": "Fx 2 6", "help": "Input 6 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/6   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/7", "name": "Fx27", "label": "Fx 2 7", "help": "Input 7 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/7   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/8", "name": "Fx28", "label": "Fx 2 8", "help": "Input 8 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/8   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/9", "name": "Fx29", "label": "Fx 2 9", "help": "Input 9 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/9   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/10", "name": "Fx210", "label": "Fx 2 10", "help": "Input 10 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/10   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/11", "name": "Fx211", "label": "Fx 2 11", "help": "Input 11 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/11   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/12", "name": "Fx212", "label": "Fx 2 12", "help": "Input 12 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/12   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/13", "name": "Fx213", "label": "Fx 2 13", "help": "Input 13 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/13   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/14", "name": "Fx214", "label": "Fx 2 14", "help": "Input 14 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/14   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/15", "name": "Fx215", "label": "Fx 2 15", "help": "Input 15 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/15   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/2/16", "name": "Fx216", "label": "Fx 2 16", "help": "Input 16 of the effect 2's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/2/16   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/file", "name": "Fx3file", "label": "Fx 3 file", "help": "Shader of the effect 3, by its name in `/fx/list`, upper or lower case; empty: none. The last one plays until the new one has been tested. Its inputs begin with the shader's defaults, unless the same bundle, preset or cue sets them.\n/fx/3/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/fx/3/enable", "name": "Fx3enable", "label": "Fx 3 enable", "help": "Draws the effect 3. The engine bypasses a shader that takes too long; switching it on, also when it is on, tries it again.\n/fx/3/enable", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/fx/3/mix", "name": "Fx3mix", "label": "Fx 3 mix", "help": "Amount of effect 3; at 0 the picture passes unchanged.\n/fx/3/mix   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/1", "name": "Fx31", "label": "Fx 3 1", "help": "Input 1 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/1   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/2", "name": "Fx32", "label": "Fx 3 2", "help": "Input 2 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/2   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/3", "name": "Fx33", "label": "Fx 3 3", "help": "Input 3 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/3   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/4", "name": "Fx34", "label": "Fx 3 4", "help": "Input 4 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/4   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/5", "name": "Fx35", "label": "Fx 3 5", "help": "Input 5 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/5   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/6", "name": "Fx36", "label": "Fx 3 6", "help": "Input 6 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/6   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/7", "name": "Fx37", "label": "Fx 3 7", "help": "Input 7 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/7   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/8", "name": "Fx38", "label": "Fx 3 8", "help": "Input 8 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/8   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/9", "name": "Fx39", "label": "Fx 3 9", "help": "Input 9 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/9   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/10", "name": "Fx310", "label": "Fx 3 10", "help": "Input 10 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/10   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/11", "name": "Fx311", "label": "Fx 3 11", "help": "Input 11 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/11   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/12", "name": "Fx312", "label": "Fx 3 12", "help": "Input 12 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/12   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/13", "name": "Fx313", "label": "Fx 3 13", "help": "Input 13 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/13   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/14", "name": "Fx314", "label": "Fx 3 14", "help": "Input 14 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/14   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/15", "name": "Fx315", "label": "Fx 3 15", "help": "Input 15 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/15   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/3/16", "name": "Fx316", "label": "Fx 3 16", "help": "Input 16 of the effect 3's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/3/16   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/file", "name": "Fx4file", "label": "Fx 4 file", "help": "Shader of the effect 4, by its name in `/fx/list`, upper or lower case; empty: none. The last one plays until the new one has been tested. Its inputs begin with the shader's defaults, unless the same bundle, preset or cue sets them.\n/fx/4/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/fx/4/enable", "name": "Fx4enable", "label": "Fx 4 enable", "help": "Draws the effect 4. The engine bypasses a shader that takes too long; switching it on, also when it is on, tries it again.\n/fx/4/enable", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/fx/4/mix", "name": "Fx4mix", "label": "Fx 4 mix", "help": "Amount of effect 4; at 0 the picture passes unchanged.\n/fx/4/mix   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/1", "name": "Fx41", "label": "Fx 4 1", "help": "Input 1 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/1   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/2", "name": "Fx42", "label": "Fx 4 2", "help": "Input 2 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/2   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/3", "name": "Fx43", "label": "Fx 4 3", "help": "Input 3 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/3   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/4", "name": "Fx44", "label": "Fx 4 4", "help": "Input 4 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/4   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/5", "name": "Fx45", "label": "Fx 4 5", "help": "Input 5 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/5   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/6", "name": "Fx46", "label": "Fx 4 6", "help": "Input 6 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/6   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/7", "name": "Fx47", "label": "Fx 4 7", "help": "Input 7 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/7   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/8", "name": "Fx48", "label": "Fx 4 8", "help": "Input 8 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/8   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/9", "name": "Fx49", "label": "Fx 4 9", "help": "Input 9 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/9   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/10", "name": "Fx410", "label": "Fx 4 10", "help": "Input 10 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/10   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/11", "name": "Fx411", "label": "Fx 4 11", "help": "Input 11 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/11   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/12", "name": "Fx412", "label": "Fx 4 12", "help": "Input 12 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/12   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/13", "name": "Fx413", "label": "Fx 4 13", "help": "Input 13 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/13   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/14", "name": "Fx414", "label": "Fx 4 14", "help": "Input 14 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/14   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/15", "name": "Fx415", "label": "Fx 4 15", "help": "Input 15 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/15   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/4/16", "name": "Fx416", "label": "Fx 4 16", "help": "Input 16 of the effect 4's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/4/16   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/enable", "name": "Fxtrenable", "label": "Transition enable", "help": "Draws the transition. The engine bypasses a shader that takes too long; switching it on, also when it is on, tries it again.\n/fx/transition/enable", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/fx/transition/1", "name": "Fxtr1", "label": "Transition 1", "help": "Input 1 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/1   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/2", "name": "Fxtr2", "label": "Transition 2", "help": "Input 2 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/2   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/3", "name": "Fxtr3", "label": "Transition 3", "help": "Input 3 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/3   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/4", "name": "Fxtr4", "label": "Transition 4", "help": "Input 4 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/4   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/5", "name": "Fxtr5", "label": "Transition 5", "help": "Input 5 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/5   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/6", "name": "Fxtr6", "label": "Transition 6", "help": "Input 6 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/6   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/7", "name": "Fxtr7", "label": "Transition 7", "help": "Input 7 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/7   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/8", "name": "Fxtr8", "label": "Transition 8", "help": "Input 8 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/8   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/9", "name": "Fxtr9", "label": "Transition 9", "help": "Input 9 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/9   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/10", "name": "Fxtr10", "label": "Transition 10", "help": "Input 10 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/10   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/11", "name": "Fxtr11", "label": "Transition 11", "help": "Input 11 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/11   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/12", "name": "Fxtr12", "label": "Transition 12", "help": "Input 12 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/12   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/13", "name": "Fxtr13", "label": "Transition 13", "help": "Input 13 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/13   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/14", "name": "Fxtr14", "label": "Transition 14", "help": "Input 14 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/14   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/15", "name": "Fxtr15", "label": "Transition 15", "help": "Input 15 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/15   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/fx/transition/16", "name": "Fxtr16", "label": "Transition 16", "help": "Input 16 of the transition's shader, over its range. The inputs are numbered in the order of the file; a point has two numbers, a colour four. The same input by name: /fx/<slot>/<input>.\n/fx/transition/16   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Modulation", "controls": [{"address": "/mod/1/source", "name": "Mod1source", "label": "Mod 1 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/1/source", "style": "Menu", "default": "kick", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": false}, {"address": "/mod/1/channel", "name": "Mod1channel", "label": "Mod 1 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/1/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/1/mute", "name": "Mod1mute", "label": "Mod 1 mute", "help": "The route moves nothing, and keeps its values.\n/mod/1/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/1/target", "name": "Mod1target", "label": "Mod 1 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/1/target", "style": "Str", "default": "/feedback/zoom", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/1/amount", "name": "Mod1amount", "label": "Mod 1 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/1/amount   -1 to 1", "style": "Float", "default": 0.45, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/1/offset", "name": "Mod1offset", "label": "Mod 1 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/1/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/1/curve", "name": "Mod1curve", "label": "Mod 1 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/1/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/1/release_ms", "name": "Mod1release", "label": "Mod 1 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/1/release_ms   1 to 10000 ms", "style": "Float", "default": 120.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/2/source", "name": "Mod2source", "label": "Mod 2 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/2/source", "style": "Menu", "default": "hat", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/2/channel", "name": "Mod2channel", "label": "Mod 2 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/2/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/2/mute", "name": "Mod2mute", "label": "Mod 2 mute", "help": "The route moves nothing, and keeps its values.\n/mod/2/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/2/target", "name": "Mod2target", "label": "Mod 2 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/2/target", "style": "Str", "default": "/layer/2/line_glow", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/2/amount", "name": "Mod2amount", "label": "Mod 2 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/2/amount   -1 to 1", "style": "Float", "default": 0.4, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/2/offset", "name": "Mod2offset", "label": "Mod 2 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/2/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/2/curve", "name": "Mod2curve", "label": "Mod 2 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/2/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/2/release_ms", "name": "Mod2release", "label": "Mod 2 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/2/release_ms   1 to 10000 ms", "style": "Float", "default": 80.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/3/source", "name": "Mod3source", "label": "Mod 3 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/3/source", "style": "Menu", "default": "lfo1", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/3/channel", "name": "Mod3channel", "label": "Mod 3 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/3/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/3/mute", "name": "Mod3mute", "label": "Mod 3 mute", "help": "The route moves nothing, and keeps its values.\n/mod/3/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/3/target", "name": "Mod3target", "label": "Mod 3 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/3/target", "style": "Str", "default": "/layer/3/angle", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/3/amount", "name": "Mod3amount", "label": "Mod 3 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/3/amount   -1 to 1", "style": "Float", "default": 0.12, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/3/offset", "name": "Mod3offset", "label": "Mod 3 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/3/offset   -1 to 1", "style": "Float", "default": -0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/3/curve", "name": "Mod3curve", "label": "Mod 3 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/3/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/3/release_ms", "name": "Mod3release", "label": "Mod 3 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/3/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/4/source", "name": "Mod4source", "label": "Mod 4 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/4/source", "style": "Menu", "default": "lfo3", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/4/channel", "name": "Mod4channel", "label": "Mod 4 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/4/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/4/mute", "name": "Mod4mute", "label": "Mod 4 mute", "help": "The route moves nothing, and keeps its values.\n/mod/4/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/4/target", "name": "Mod4target", "label": "Mod 4 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/4/target", "style": "Str", "default": "/feedback/zoom", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/4/amount", "name": "Mod4amount", "label": "Mod 4 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/4/amount   -1 to 1", "style": "Float", "default": 0.2, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/4/offset", "name": "Mod4offset", "label": "Mod 4 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/4/offset   -1 to 1", "style": "Float", "default": -0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/4/curve", "name": "Mod4curve", "label": "Mod 4 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/4/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/4/release_ms", "name": "Mod4release", "label": "Mod 4 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/4/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/5/source", "name": "Mod5source", "label": "Mod 5 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/5/source", "style": "Menu", "default": "lfo4", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/5/channel", "name": "Mod5channel", "label": "Mod 5 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/5/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/5/mute", "name": "Mod5mute", "label": "Mod 5 mute", "help": "The route moves nothing, and keeps its values.\n/mod/5/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/5/target", "name": "Mod5target", "label": "Mod 5 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/5/target", "style": "Str", "default": "/colour/shift", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/5/amount", "name": "Mod5amount", "label": "Mod 5 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/5/amount   -1 to 1", "style": "Float", "default": 0.12, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/5/offset", "name": "Mod5offset", "label": "Mod 5 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/5/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/5/curve", "name": "Mod5curve", "label": "Mod 5 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/5/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/5/release_ms", "name": "Mod5release", "label": "Mod 5 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/5/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/6/source", "name": "Mod6source", "label": "Mod 6 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/6/source", "style": "Menu", "default": "envelope", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/6/channel", "name": "Mod6channel", "label": "Mod 6 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/6/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/6/mute", "name": "Mod6mute", "label": "Mod 6 mute", "help": "The route moves nothing, and keeps its values.\n/mod/6/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/6/target", "name": "Mod6target", "label": "Mod 6 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/6/target", "style": "Str", "default": "/multiverse/brightness", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/6/amount", "name": "Mod6amount", "label": "Mod 6 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/6/amount   -1 to 1", "style": "Float", "default": 0.3, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/6/offset", "name": "Mod6offset", "label": "Mod 6 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/6/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/6/curve", "name": "Mod6curve", "label": "Mod 6 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/6/curve   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/6/release_ms", "name": "Mod6release", "label": "Mod 6 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/6/release_ms   1 to 10000 ms", "style": "Float", "default": 90.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/7/source", "name": "Mod7source", "label": "Mod 7 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/7/source", "style": "Menu", "default": "lfo2", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/7/channel", "name": "Mod7channel", "label": "Mod 7 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/7/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/7/mute", "name": "Mod7mute", "label": "Mod 7 mute", "help": "The route moves nothing, and keeps its values.\n/mod/7/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/7/target", "name": "Mod7target", "label": "Mod 7 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/7/target", "style": "Str", "default": "/layer/4/line_glow", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/7/amount", "name": "Mod7amount", "label": "Mod 7 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/7/amount   -1 to 1", "style": "Float", "default": 0.35, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/7/offset", "name": "Mod7offset", "label": "Mod 7 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/7/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/7/curve", "name": "Mod7curve", "label": "Mod 7 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/7/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/7/release_ms", "name": "Mod7release", "label": "Mod 7 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/7/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/8/source", "name": "Mod8source", "label": "Mod 8 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/8/source", "style": "Menu", "default": "kick", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/8/channel", "name": "Mod8channel", "label": "Mod 8 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/8/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/8/mute", "name": "Mod8mute", "label": "Mod 8 mute", "help": "The route moves nothing, and keeps its values.\n/mod/8/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/8/target", "name": "Mod8target", "label": "Mod 8 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/8/target", "style": "Str", "default": "/layer/1/intensity", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/8/amount", "name": "Mod8amount", "label": "Mod 8 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/8/amount   -1 to 1", "style": "Float", "default": 0.7, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/8/offset", "name": "Mod8offset", "label": "Mod 8 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/8/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/8/curve", "name": "Mod8curve", "label": "Mod 8 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/8/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/8/release_ms", "name": "Mod8release", "label": "Mod 8 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/8/release_ms   1 to 10000 ms", "style": "Float", "default": 80.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/9/source", "name": "Mod9source", "label": "Mod 9 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/9/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/9/channel", "name": "Mod9channel", "label": "Mod 9 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/9/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/9/mute", "name": "Mod9mute", "label": "Mod 9 mute", "help": "The route moves nothing, and keeps its values.\n/mod/9/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/9/target", "name": "Mod9target", "label": "Mod 9 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/9/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/9/amount", "name": "Mod9amount", "label": "Mod 9 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/9/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/9/offset", "name": "Mod9offset", "label": "Mod 9 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/9/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/9/curve", "name": "Mod9curve", "label": "Mod 9 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/9/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/9/release_ms", "name": "Mod9release", "label": "Mod 9 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/9/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/10/source", "name": "Modasource", "label": "Mod 10 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/10/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/10/channel", "name": "Modachannel", "label": "Mod 10 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/10/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/10/mute", "name": "Modamute", "label": "Mod 10 mute", "help": "The route moves nothing, and keeps its values.\n/mod/10/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/10/target", "name": "Modatarget", "label": "Mod 10 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/10/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/10/amount", "name": "Modaamount", "label": "Mod 10 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/10/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/10/offset", "name": "Modaoffset", "label": "Mod 10 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/10/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/10/curve", "name": "Modacurve", "label": "Mod 10 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/10/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/10/release_ms", "name": "Modarelease", "label": "Mod 10 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/10/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/11/source", "name": "Modbsource", "label": "Mod 11 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/11/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/11/channel", "name": "Modbchannel", "label": "Mod 11 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/11/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/11/mute", "name": "Modbmute", "label": "Mod 11 mute", "help": "The route moves nothing, and keeps its values.\n/mod/11/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/11/target", "name": "Modbtarget", "label": "Mod 11 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/11/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/11/amount", "name": "Modbamount", "label": "Mod 11 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/11/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/11/offset", "name": "Modboffset", "label": "Mod 11 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/11/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/11/curve", "name": "Modbcurve", "label": "Mod 11 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/11/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/11/release_ms", "name": "Modbrelease", "label": "Mod 11 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/11/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/12/source", "name": "Modcsource", "label": "Mod 12 source", "help": "Source that moves the target, as a level 0..1. Sound levels: 0 at -48 dBFS, 1 at -6 dBFS, linear in decibels; pitch: 0 at 55 Hz, 1 at 1760 Hz, linear in octaves; onset: 1 at each onset, then falls; beat, bar: likewise at each beat and each bar, see /tempo/source; kick, snare, hat: at each drum hit.\n/mod/12/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "beat", "bar", "kick", "snare", "hat", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true}, {"address": "/mod/12/channel", "name": "Modcchannel", "label": "Mod 12 channel", "help": "Audio channel of the source; 0: the loudest of the four. Not used by LFOs, beat, bar, kick, snare, hat.\n/mod/12/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/12/mute", "name": "Modcmute", "label": "Mod 12 mute", "help": "The route moves nothing, and keeps its values.\n/mod/12/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/12/target", "name": "Modctarget", "label": "Mod 12 target", "help": "Address of the parameter to move: a float that presets hold, except /audio, /mod and /lfo; empty: none. The route is added on top of the parameter's own value, which does not change.\n/mod/12/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/mod/12/amount", "name": "Modcamount", "label": "Mod 12 amount", "help": "How far the target moves at level 1, as a fraction of its range, on its own scale; routes to the same target add up.\n/mod/12/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/12/offset", "name": "Modcoffset", "label": "Mod 12 offset", "help": "Added to the level; at -0.5 the target swings to both sides of its value.\n/mod/12/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/12/curve", "name": "Modccurve", "label": "Mod 12 curve", "help": "Bends the response to the level. 1: mostly high levels move the target (fourth power); -1: low levels already do (fourth root).\n/mod/12/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/mod/12/release_ms", "name": "Modcrelease", "label": "Mod 12 release (ms)", "help": "Time in which a sound level falls to 37 %; it rises at once. No effect on LFOs.\n/mod/12/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/lfo/1/shape", "name": "Lfo1shape", "label": "Lfo 1 shape", "help": "Waveform of one cycle, 0..1. sine, triangle: up from 0 and down again; saw: up from 0 to 1; square: 1 for half the cycle, then 0; random: a new value each cycle.\n/lfo/1/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true}, {"address": "/lfo/1/rate_hz", "name": "Lfo1ratehz", "label": "Lfo 1 rate (Hz)", "help": "Cycles per second while `tempo_sync` is free.\n/lfo/1/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.083, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/lfo/1/tempo_sync", "name": "Lfo1sync", "label": "Lfo 1 tempo sync", "help": "Length of one cycle at the tempo of /tempo/bpm, in bars of /tempo/beats_a_bar; free: uses `rate_hz`.\n/lfo/1/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false}, {"address": "/lfo/1/phase", "name": "Lfo1phase", "label": "Lfo 1 phase (cycles)", "help": "Phase offset of the cycle.\n/lfo/1/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/lfo/2/shape", "name": "Lfo2shape", "label": "Lfo 2 shape", "help": "Waveform of one cycle, 0..1. sine, triangle: up from 0 and down again; saw: up from 0 to 1; square: 1 for half the cycle, then 0; random: a new value each cycle.\n/lfo/2/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true}, {"address": "/lfo/2/rate_hz", "name": "Lfo2ratehz", "label": "Lfo 2 rate (Hz)", "help": "Cycles per second while `tempo_sync` is free.\n/lfo/2/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.11, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/lfo/2/tempo_sync", "name": "Lfo2sync", "label": "Lfo 2 tempo sync", "help": "Length of one cycle at the tempo of /tempo/bpm, in bars of /tempo/beats_a_bar; free: uses `rate_hz`.\n/lfo/2/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false}, {"address": "/lfo/2/phase", "name": "Lfo2phase", "label": "Lfo 2 phase (cycles)", "help": "Phase offset of the cycle.\n/lfo/2/phase   0 to 1 cycles", "style": "Float", "default": 0.3, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/lfo/3/shape", "name": "Lfo3shape", "label": "Lfo 3 shape", "help": "Waveform of one cycle, 0..1. sine, triangle: up from 0 and down again; saw: up from 0 to 1; square: 1 for half the cycle, then 0; random: a new value each cycle.\n/lfo/3/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true}, {"address": "/lfo/3/rate_hz", "name": "Lfo3ratehz", "label": "Lfo 3 rate (Hz)", "help": "Cycles per second while `tempo_sync` is free.\n/lfo/3/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.29, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/lfo/3/tempo_sync", "name": "Lfo3sync", "label": "Lfo 3 tempo sync", "help": "Length of one cycle at the tempo of /tempo/bpm, in bars of /tempo/beats_a_bar; free: uses `rate_hz`.\n/lfo/3/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false}, {"address": "/lfo/3/phase", "name": "Lfo3phase", "label": "Lfo 3 phase (cycles)", "help": "Phase offset of the cycle.\n/lfo/3/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/lfo/4/shape", "name": "Lfo4shape", "label": "Lfo 4 shape", "help": "Waveform of one cycle, 0..1. sine, triangle: up from 0 and down again; saw: up from 0 to 1; square: 1 for half the cycle, then 0; random: a new value each cycle.\n/lfo/4/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true}, {"address": "/lfo/4/rate_hz", "name": "Lfo4ratehz", "label": "Lfo 4 rate (Hz)", "help": "Cycles per second while `tempo_sync` is free.\n/lfo/4/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.5, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/lfo/4/tempo_sync", "name": "Lfo4sync", "label": "Lfo 4 tempo sync", "help": "Length of one cycle at the tempo of /tempo/bpm, in bars of /tempo/beats_a_bar; free: uses `rate_hz`.\n/lfo/4/tempo_sync", "style": "Menu", "default": "eight_bars", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false}, {"address": "/lfo/4/phase", "name": "Lfo4phase", "label": "Lfo 4 phase (cycles)", "help": "Phase offset of the cycle.\n/lfo/4/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "Macros", "controls": [{"address": "/macro/1", "name": "Macro1", "label": "Macro 1", "help": "Macro 1: moves the parameters in /macro/moves/1.\n/macro/1   0 to 1", "style": "Float", "default": 0.32, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/2", "name": "Macro2", "label": "Macro 2", "help": "Macro 2: moves the parameters in /macro/moves/2.\n/macro/2   0 to 1", "style": "Float", "default": 0.9286, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/3", "name": "Macro3", "label": "Macro 3", "help": "Macro 3: moves the parameters in /macro/moves/3.\n/macro/3   0 to 1", "style": "Float", "default": 0.5845, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/4", "name": "Macro4", "label": "Macro 4", "help": "Macro 4: moves the parameters in /macro/moves/4.\n/macro/4   0 to 1", "style": "Float", "default": 0.52, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/5", "name": "Macro5", "label": "Macro 5", "help": "Macro 5: moves the parameters in /macro/moves/5.\n/macro/5   0 to 1", "style": "Float", "default": 0.08, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/6", "name": "Macro6", "label": "Macro 6", "help": "Macro 6: moves the parameters in /macro/moves/6.\n/macro/6   0 to 1", "style": "Float", "default": 0.4662, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/7", "name": "Macro7", "label": "Macro 7", "help": "Macro 7: moves the parameters in /macro/moves/7.\n/macro/7   0 to 1", "style": "Float", "default": 0.6, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/8", "name": "Macro8", "label": "Macro 8", "help": "Macro 8: moves the parameters in /macro/moves/8.\n/macro/8   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/macro/name/1", "name": "Macroname1", "label": "Name 1", "help": "Name of macro 1 on control surfaces.\n/macro/name/1", "style": "Str", "default": "Glow", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/macro/name/2", "name": "Macroname2", "label": "Name 2", "help": "Name of macro 2 on control surfaces.\n/macro/name/2", "style": "Str", "default": "Trail", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/name/3", "name": "Macroname3", "label": "Name 3", "help": "Name of macro 3 on control surfaces.\n/macro/name/3", "style": "Str", "default": "Zoom", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/name/4", "name": "Macroname4", "label": "Name 4", "help": "Name of macro 4 on control surfaces.\n/macro/name/4", "style": "Str", "default": "Turn", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/name/5", "name": "Macroname5", "label": "Name 5", "help": "Name of macro 5 on control surfaces.\n/macro/name/5", "style": "Str", "default": "Colour", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/name/6", "name": "Macroname6", "label": "Name 6", "help": "Name of macro 6 on control surfaces.\n/macro/name/6", "style": "Str", "default": "Wave", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/name/7", "name": "Macroname7", "label": "Name 7", "help": "Name of macro 7 on control surfaces.\n/macro/name/7", "style": "Str", "default": "Edge", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/name/8", "name": "Macroname8", "label": "Name 8", "help": "Name of macro 8 on control surfaces.\n/macro/name/8", "style": "Str", "default": "Light", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/1", "name": "Macromoves1", "label": "Moves 1", "help": "The parameters that macro 1 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/1", "style": "Str", "default": "/post/bloom 0 1", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/macro/moves/2", "name": "Macromoves2", "label": "Moves 2", "help": "The parameters that macro 2 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/2", "style": "Str", "default": "/feedback/amount 0 0.98", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/3", "name": "Macromoves3", "label": "Moves 3", "help": "The parameters that macro 3 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/3", "style": "Str", "default": "/feedback/zoom 0.9 1.1", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/4", "name": "Macromoves4", "label": "Moves 4", "help": "The parameters that macro 4 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/4", "style": "Str", "default": "/feedback/rotate -10 10", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/5", "name": "Macromoves5", "label": "Moves 5", "help": "The parameters that macro 5 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/5", "style": "Str", "default": "/colour/shift 0 0.5", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/6", "name": "Macromoves6", "label": "Moves 6", "help": "The parameters that macro 6 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/6", "style": "Str", "default": "/multiverse/window_ms 5 120", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/7", "name": "Macromoves7", "label": "Moves 7", "help": "The parameters that macro 7 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/7", "style": "Str", "default": "/post/vignette 0 1", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/macro/moves/8", "name": "Macromoves8", "label": "Moves 8", "help": "The parameters that macro 8 moves, each as `address low high curve`, separated by semicolons: `/post/bloom 0 1; /layer/*/angle 0 90 -0.5`. low may be above high; without them, the parameter's range. Positive curves start slowly, negative ones quickly, -1 to 1.\n/macro/moves/8", "style": "Str", "default": "/post/exposure -1 1", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "Tempo", "controls": [{"address": "/tempo/source", "name": "Temposource", "label": "Source", "help": "Clock of the beat. beat: the beat of the sound, as the engine detects it; midi: MIDI clock (24 per beat, start, continue, stop); link: Ableton Link; timecode: LTC or MTC at the tempo of /tempo/bpm; manual: taps and /tempo/bpm only.\n/tempo/source", "style": "Menu", "default": "beat", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["manual", "midi", "beat", "link", "timecode"], "starts_section": false}, {"address": "/tempo/bpm", "name": "Tempobpm", "label": "Bpm (beats/min)", "help": "Tempo: set, tapped, or from the clock of /tempo/source. A value outside the range is refused: clipped, it would be no half or double of the song's.\n/tempo/bpm   20 to 300 beats/min", "style": "Float", "default": 120.0, "low": 20.0, "high": 300.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/tap", "name": "Tempotap", "label": "Tap", "help": "Taps the tempo: from the second tap on, the mean of up to eight intervals sets it. A pause, or a tap far off the beat, starts over. While the beat of the sound is followed, two taps choose which pulse is the beat, two a bar apart where the bar begins, and three the octave (half, double).\n/tempo/tap", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/forget", "name": "Tempoforget", "label": "Forget", "help": "Forgets what taps and /tempo/bpm chose while the beat of the sound is followed: the beat as detected.\n/tempo/forget", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/beats_a_bar", "name": "Tempometer", "label": "Beats a bar", "help": "Beats of a bar: of launching, of the modulation source bar, of LFOs synced to bars, of the lamps, of MIDI clock out, and of Ableton Link, where every program with the same number agrees on the first.\n/tempo/beats_a_bar   2 to 7", "style": "Int", "default": 4, "low": 2, "high": 7, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/tempo/start_stop_sync", "name": "Tempostsync", "label": "Start stop sync", "help": "Ableton Link's start/stop sync: when the session starts to play, the beat count restarts there; when it stops, /tempo/state is stopped, and the beat runs on.\n/tempo/start_stop_sync", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/state", "name": "Tempostate", "label": "State", "help": "Shows how the beat runs, and cannot be set. following: with the clock of /tempo/source; free: that clock is silent or unsure, so at its last tempo; stopped: its transport is stopped (MIDI clock, and Ableton Link with start_stop_sync), but the beat runs on; manual: no clock is chosen.\n/tempo/state", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "following", "stopped", "manual"], "starts_section": false}, {"address": "/tempo/reset", "name": "Temporeset", "label": "Reset", "help": "Makes this beat the first of bar one.\n/tempo/reset", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/earlier", "name": "Tempoearly", "label": "Earlier", "help": "Nudges the beat: from now on all beats come 10 ms earlier than their clock says, until another one is chosen.\n/tempo/earlier", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/later", "name": "Tempolater", "label": "Later", "help": "Like earlier: 10 ms later.\n/tempo/later", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/tempo/midi_out", "name": "Tempomout", "label": "Midi out", "help": "Sends MIDI clock to the ports of --midi: 24 ticks a beat, start on the first beat of a bar, stop when switched off. The device whose clock leads the beat gets none.\n/tempo/midi_out", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "Launch", "controls": [{"address": "/launch/quantise", "name": "Launchquant", "label": "Quantise", "help": "When presets, cues and events of shaders start: at once, on the next beat, on the next bar, or where the next four bars begin.\n/launch/quantise", "style": "Menu", "default": "now", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["now", "beat", "bar", "4_bars"], "starts_section": false}, {"address": "/launch/late_ms", "name": "Launchlate", "label": "Late (ms)", "help": "What is sent no later than this after its beat starts at once, instead of on the next one; each beat starts one look only. 0: it always waits.\n/launch/late_ms   0 to 250 ms", "style": "Float", "default": 60.0, "low": 0.0, "high": 250.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Timecode", "controls": [{"address": "/timecode/source", "name": "Tcsource", "label": "Source", "help": "ltc: sound on the channel /timecode/ltc_channel; mtc: MIDI timecode, of a port (--midi) or through an OSC bridge; artnet: ArtTimeCode of a lighting desk (--dmx artnet).\n/timecode/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "ltc", "mtc", "artnet"], "starts_section": false}, {"address": "/timecode/ltc_channel", "name": "Tcltcchan", "label": "Ltc channel", "help": "Source channel with LTC. While the source is ltc, it is neither drawn, analysed nor recorded: of two channels the other takes its place, of more it is silent.\n/timecode/ltc_channel   1 to 64", "style": "Int", "default": 2, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/timecode/offset", "name": "Tcoffset", "label": "Offset", "help": "Timecode that counts as zero, hh:mm:ss:ff or seconds (to correct a delay, -0.04 for example). It is subtracted before anything else: cues, `/timecode/now` and the beat count from it.\n/timecode/offset", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/timecode/flywheel_s", "name": "Tcflywheel", "label": "Flywheel (s)", "help": "How long the time runs on without a signal; after that it is lost, and stands.\n/timecode/flywheel_s   0 to 30 s", "style": "Float", "default": 1.0, "low": 0.0, "high": 30.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/timecode/chase", "name": "Tcchase", "label": "Chase", "help": "Cues with a timecode start when it is reached. Switched on, it recalls the cue of the current position.\n/timecode/chase", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/timecode/midi_out", "name": "Tcmout", "label": "Midi out", "help": "Sends the timecode as MTC to the ports of --midi, counted from the offset.\n/timecode/midi_out", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/timecode/now/rate_hz", "name": "Tcnowratehz", "label": "Now rate (Hz)", "help": "How often `/timecode/now` is sent to subscribers while there is a timecode; 0: never.\n/timecode/now/rate_hz   0 to 10 Hz", "style": "Float", "default": 0.0, "low": 0.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": true}]},
{"title": "Master and safety", "controls": [{"address": "/master/fade", "name": "Mfade", "label": "Fade", "help": "Fades the finished picture to black.\n/master/fade   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/master/blackout", "name": "Mblackout", "label": "Blackout", "help": "Cuts to black at once; everything keeps running behind it.\n/master/blackout", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/master/hit", "name": "Mhit", "label": "Hit", "help": "A flash of white over the picture, gone within a quarter of a second. The flash guard limits it like any other.\n/master/hit", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/master/freeze", "name": "Mfreeze", "label": "Freeze", "help": "Freezes the picture on screen.\n/master/freeze", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/master/panic", "name": "Mpanic", "label": "Panic", "help": "Resets the look to its defaults, the look Eclipse, and ends the strobe; audio, sinks, models and the rest of the master stay as they are.\n/master/panic", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/master/strobe/enable", "name": "Mstenable", "label": "Strobe enable", "help": "Strobe: flashes of a fifteenth of a second, at most half of a cycle, over the picture. While the flash guard is on, it leaves at most three a second.\n/master/strobe/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/master/strobe/tempo_sync", "name": "Mstsync", "label": "Strobe tempo sync", "help": "Time between two flashes at the tempo of /tempo/bpm; free: uses `rate_hz`.\n/master/strobe/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false}, {"address": "/master/strobe/rate_hz", "name": "Mstratehz", "label": "Strobe rate (Hz)", "help": "Flashes per second while `tempo_sync` is free.\n/master/strobe/rate_hz   0.1 to 15 Hz", "style": "Float", "default": 8.0, "low": 0.1, "high": 15.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/master/strobe/depth", "name": "Mstdepth", "label": "Strobe depth", "help": "How far a flash covers the picture; 1: wholly.\n/master/strobe/depth   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/master/strobe/colour", "name": "Mstcol", "label": "Strobe colour", "help": "What flashes: white over the picture, or black.\n/master/strobe/colour", "style": "Menu", "default": "white", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["white", "black"], "starts_section": false}, {"address": "/safety/flash_guard", "name": "Safetyflash", "label": "Flash guard", "help": "Flash guard: dims areas of the picture that would flash more than three times per second, and desaturates flashing red (WCAG 2.3.1); movement stays. Always on after a start.\n/safety/flash_guard", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}]},
{"title": "Audio", "controls": [{"address": "/audio/layout", "name": "Alayout", "label": "Layout", "help": "direct: source channels as set by /audio/<1-4>/channel; stereo: left, right, low band, high band; stems: drums, bass, voice, rest; mono: four bands; auto: direct for four channels, stems for stereo music.\n/audio/layout", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "direct", "stereo", "mono", "stems"], "starts_section": false}, {"address": "/audio/1/gain_db", "name": "A1gaindb", "label": "Audio 1 gain (dB)", "help": "Gain of channel 1.\n/audio/1/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/audio/1/auto", "name": "A1auto", "label": "Audio 1 auto", "help": "Automatic gain of channel 1: slowly brings peaks to -12 dBFS, by up to +24 dB; stays unchanged below -55 dBFS.\n/audio/1/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/audio/1/trigger", "name": "A1trigger", "label": "Audio 1 trigger", "help": "rising: starts wave 1 at a rising zero crossing, so that a steady tone does not move.\n/audio/1/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false}, {"address": "/audio/1/decay_ms", "name": "A1decayms", "label": "Audio 1 decay (ms)", "help": "Release time of the envelope follower of channel 1.\n/audio/1/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/1/channel", "name": "A1channel", "label": "Audio 1 channel", "help": "Source channel for channel 1 when the layout is direct.\n/audio/1/channel   1 to 64", "style": "Int", "default": 1, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/2/gain_db", "name": "A2gaindb", "label": "Audio 2 gain (dB)", "help": "Gain of channel 2.\n/audio/2/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/audio/2/auto", "name": "A2auto", "label": "Audio 2 auto", "help": "Automatic gain of channel 2: slowly brings peaks to -12 dBFS, by up to +24 dB; stays unchanged below -55 dBFS.\n/audio/2/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/audio/2/trigger", "name": "A2trigger", "label": "Audio 2 trigger", "help": "rising: starts wave 2 at a rising zero crossing, so that a steady tone does not move.\n/audio/2/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false}, {"address": "/audio/2/decay_ms", "name": "A2decayms", "label": "Audio 2 decay (ms)", "help": "Release time of the envelope follower of channel 2.\n/audio/2/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/2/channel", "name": "A2channel", "label": "Audio 2 channel", "help": "Source channel for channel 2 when the layout is direct.\n/audio/2/channel   1 to 64", "style": "Int", "default": 2, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/3/gain_db", "name": "A3gaindb", "label": "Audio 3 gain (dB)", "help": "Gain of channel 3.\n/audio/3/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/audio/3/auto", "name": "A3auto", "label": "Audio 3 auto", "help": "Automatic gain of channel 3: slowly brings peaks to -12 dBFS, by up to +24 dB; stays unchanged below -55 dBFS.\n/audio/3/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/audio/3/trigger", "name": "A3trigger", "label": "Audio 3 trigger", "help": "rising: starts wave 3 at a rising zero crossing, so that a steady tone does not move.\n/audio/3/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false}, {"address": "/audio/3/decay_ms", "name": "A3decayms", "label": "Audio 3 decay (ms)", "help": "Release time of the envelope follower of channel 3.\n/audio/3/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/3/channel", "name": "A3channel", "label": "Audio 3 channel", "help": "Source channel for channel 3 when the layout is direct.\n/audio/3/channel   1 to 64", "style": "Int", "default": 3, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/4/gain_db", "name": "A4gaindb", "label": "Audio 4 gain (dB)", "help": "Gain of channel 4.\n/audio/4/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/audio/4/auto", "name": "A4auto", "label": "Audio 4 auto", "help": "Automatic gain of channel 4: slowly brings peaks to -12 dBFS, by up to +24 dB; stays unchanged below -55 dBFS.\n/audio/4/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/audio/4/trigger", "name": "A4trigger", "label": "Audio 4 trigger", "help": "rising: starts wave 4 at a rising zero crossing, so that a steady tone does not move.\n/audio/4/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false}, {"address": "/audio/4/decay_ms", "name": "A4decayms", "label": "Audio 4 decay (ms)", "help": "Release time of the envelope follower of channel 4.\n/audio/4/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/4/channel", "name": "A4channel", "label": "Audio 4 channel", "help": "Source channel for channel 4 when the layout is direct.\n/audio/4/channel   1 to 64", "style": "Int", "default": 4, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/audio/features/rate_hz", "name": "Afeatratehz", "label": "Features rate (Hz)", "help": "How often the features of the four channels are sent to subscribers; 0: never.\n/audio/features/rate_hz   0 to 120 Hz", "style": "Float", "default": 0.0, "low": 0.0, "high": 120.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/audio/file/loop", "name": "Afileloop", "label": "File loop", "help": "What follows the last file of a list. all: the first; one: the same file again, at its end; off: silence.\n/audio/file/loop", "style": "Menu", "default": "all", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["all", "one", "off"], "starts_section": true}, {"address": "/audio/monitor/offset_ms", "name": "Amonitorofs", "label": "Monitor offset (ms)", "help": "Holds the sound of the monitor back, for a projector or a display that shows the picture late; below 0: earlier than the picture leaves.\n/audio/monitor/offset_ms   -200 to 500 ms", "style": "Float", "default": 0.0, "low": -200.0, "high": 500.0, "is_clamped": true, "menu": [], "starts_section": true}]},
{"title": "Sinks", "controls": [{"address": "/sink/syphon/enable", "name": "Syphenable", "label": "Syphon enable", "help": "Starts and stops the Syphon server (macOS). The Stable Diffusion and SAM3 pictures are switched with it.\n/sink/syphon/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/syphon/name", "name": "Syphname", "label": "Syphon name", "help": "Name of the Syphon server (macOS) for receivers; takes effect at its next start.\n/sink/syphon/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/spout/enable", "name": "Spoutenable", "label": "Spout enable", "help": "Starts and stops the Spout sender (Windows). The Stable Diffusion and SAM3 pictures are switched with it.\n/sink/spout/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/spout/name", "name": "Spoutname", "label": "Spout name", "help": "Name of the Spout sender (Windows) for receivers; takes effect at its next start.\n/sink/spout/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/shared/enable", "name": "Shareenable", "label": "Shared enable", "help": "Starts and stops the shared-memory ring. The Stable Diffusion and SAM3 pictures are switched with it.\n/sink/shared/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/shared/name", "name": "Sharename", "label": "Shared name", "help": "Name of the shared-memory ring for receivers; takes effect at its next start.\n/sink/shared/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/ndi/enable", "name": "Ndienable", "label": "Ndi enable", "help": "Starts and stops the NDI source (other machines). The Stable Diffusion and SAM3 pictures are switched with it.\n/sink/ndi/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/ndi/name", "name": "Ndiname", "label": "Ndi name", "help": "Name of the NDI source (other machines) for receivers; takes effect at its next start.\n/sink/ndi/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/window/enable", "name": "Winenable", "label": "Window enable", "help": "Starts and stops the window on a display of this machine.\n/sink/window/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/virtualcam/enable", "name": "Vcamenable", "label": "Virtualcam enable", "help": "Starts and stops the virtual camera (for video calls, OBS, browsers).\n/sink/virtualcam/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/record/enable", "name": "Recenable", "label": "Record enable", "help": "Starts and stops the recording (with sound, MP4).\n/sink/record/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/record/file", "name": "Recfile", "label": "Record file", "help": "Name of the next recording in the recordings folder; empty: date and time.\n/sink/record/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/snapshot/enable", "name": "Snapenable", "label": "Snapshot enable", "help": "Starts and stops the PNG writer.\n/sink/snapshot/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/snapshot/take", "name": "Snaptake", "label": "Snapshot take", "help": "Writes the next picture as a PNG.\n/sink/snapshot/take", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/snapshot/file", "name": "Snapfile", "label": "Snapshot file", "help": "Name of the next snapshot in the recordings folder (.png; .16.png: 16 bits); empty: date and time.\n/sink/snapshot/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/dmx/enable", "name": "Dmxenable", "label": "Dmx enable", "help": "Starts and stops light over Art-Net or sACN.\n/sink/dmx/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}, {"address": "/sink/dmx/protocol", "name": "Dmxprotocol", "label": "Dmx protocol", "help": "Protocol of light.\n/sink/dmx/protocol", "style": "Menu", "default": "sacn", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sacn", "artnet"], "starts_section": false}, {"address": "/sink/dmx/universe", "name": "Dmxuniverse", "label": "Dmx universe", "help": "First universe; further pixels are in the next ones.\n/sink/dmx/universe   0 to 63999", "style": "Int", "default": 1, "low": 0, "high": 63999, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/dmx/channel", "name": "Dmxchannel", "label": "Dmx channel", "help": "Channel of the first pixel in the first universe.\n/sink/dmx/channel   1 to 512", "style": "Int", "default": 1, "low": 1, "high": 512, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/dmx/to", "name": "Dmxto", "label": "Dmx to", "help": "IPv4 addresses to send to by unicast, HOST[:PORT] with commas; `broadcast`: Art-Net to all; empty: sACN by multicast, Art-Net to the nodes that answer a poll.\n/sink/dmx/to", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/dmx/interface", "name": "Dmxiface", "label": "Dmx interface", "help": "IPv4 address of this machine in the lighting network; empty: the system's choice.\n/sink/dmx/interface", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/dmx/source", "name": "Dmxsource", "label": "Dmx source", "help": "Name of the source for receivers; empty: that of the sink.\n/sink/dmx/source", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/dmx/priority", "name": "Dmxpriority", "label": "Dmx priority", "help": "Priority in sACN; the highest wins.\n/sink/dmx/priority   0 to 200", "style": "Int", "default": 100, "low": 0, "high": 200, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/dmx/sync_packets", "name": "Dmxsync", "label": "Dmx sync packets", "help": "Universe of sACN's synchronisation packets; with Art-Net any number but 0 sends ArtSync; 0: none.\n/sink/dmx/sync_packets   0 to 63999", "style": "Int", "default": 0, "low": 0, "high": 63999, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/dmx/content", "name": "Dmxcontent", "label": "Dmx content", "help": "What the pixels show: the picture, the layers' colours, these as bright as their sound, or with the beat.\n/sink/dmx/content", "style": "Menu", "default": "picture", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["picture", "palette", "levels", "beat"], "starts_section": false}, {"address": "/sink/dmx/width", "name": "Dmxwidth", "label": "Dmx width", "help": "Pixels in a row.\n/sink/dmx/width   1 to 170", "style": "Int", "default": 16, "low": 1, "high": 170, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/dmx/height", "name": "Dmxheight", "label": "Dmx height", "help": "Rows of pixels, from the top.\n/sink/dmx/height   1 to 64", "style": "Int", "default": 9, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/dmx/order", "name": "Dmxorder", "label": "Dmx order", "help": "Channels of a pixel.\n/sink/dmx/order", "style": "Menu", "default": "rgb", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["rgb", "rgbw", "grb", "grbw"], "starts_section": false}, {"address": "/sink/dmx/serpentine", "name": "Dmxsnake", "label": "Dmx serpentine", "help": "Every second row begins at the right.\n/sink/dmx/serpentine", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/sink/dmx/gamma", "name": "Dmxgamma", "label": "Dmx gamma", "help": "2.2: for LEDs, whose light follows the level; linear: for fixtures with a dimmer curve.\n/sink/dmx/gamma", "style": "Menu", "default": "2.2", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["2.2", "linear"], "starts_section": false}, {"address": "/sink/dmx/level", "name": "Dmxlevel", "label": "Dmx level", "help": "Brightness of all pixels.\n/sink/dmx/level   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/sink/null/enable", "name": "Nullenable", "label": "Null enable", "help": "Starts and stops the null sink, which discards pictures.\n/sink/null/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}]},
{"title": "Outputs", "controls": [{"address": "/output/1/crop/x", "name": "O1crpx", "label": "Output 1 crop x", "help": "Left side of the part of the picture that this output shows, in parts of the picture's width.\n/output/1/crop/x   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/crop/y", "name": "O1crpy", "label": "Output 1 crop y", "help": "Top of the part of the picture that this output shows, in parts of the picture's height.\n/output/1/crop/y   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/crop/width", "name": "O1crpwidth", "label": "Output 1 crop width", "help": "Width of the part of the picture that this output shows, in parts of the picture's width.\n/output/1/crop/width   0.01 to 1", "style": "Float", "default": 1.0, "low": 0.01, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/crop/height", "name": "O1crpheight", "label": "Output 1 crop height", "help": "Height of the part of the picture that this output shows, in parts of the picture's height.\n/output/1/crop/height   0.01 to 1", "style": "Float", "default": 1.0, "low": 0.01, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/blend/left", "name": "O1bldleft", "label": "Output 1 blend left", "help": "Width of the left edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/1/blend/left   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/1/blend/top", "name": "O1bldtop", "label": "Output 1 blend top", "help": "Width of the top edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/1/blend/top   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/blend/right", "name": "O1bldright", "label": "Output 1 blend right", "help": "Width of the right edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/1/blend/right   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/blend/bottom", "name": "O1bldbottom", "label": "Output 1 blend bottom", "help": "Width of the bottom edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/1/blend/bottom   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/blend/gamma", "name": "O1bldgamma", "label": "Output 1 blend gamma", "help": "Gamma of the projectors whose edges overlap.\n/output/1/blend/gamma   1 to 3", "style": "Float", "default": 2.2, "low": 1.0, "high": 3.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/pin/1/x", "name": "O1pin1x", "label": "Output 1 pin 1 x", "help": "Place of the top left corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/1/pin/1/x   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/1/pin/1/y", "name": "O1pin1y", "label": "Output 1 pin 1 y", "help": "Place of the top left corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/1/pin/1/y   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/pin/2/x", "name": "O1pin2x", "label": "Output 1 pin 2 x", "help": "Place of the top right corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/1/pin/2/x   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/1/pin/2/y", "name": "O1pin2y", "label": "Output 1 pin 2 y", "help": "Place of the top right corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/1/pin/2/y   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/pin/3/x", "name": "O1pin3x", "label": "Output 1 pin 3 x", "help": "Place of the bottom right corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/1/pin/3/x   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/1/pin/3/y", "name": "O1pin3y", "label": "Output 1 pin 3 y", "help": "Place of the bottom right corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/1/pin/3/y   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/1/pin/4/x", "name": "O1pin4x", "label": "Output 1 pin 4 x", "help": "Place of the bottom left corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/1/pin/4/x   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/1/pin/4/y", "name": "O1pin4y", "label": "Output 1 pin 4 y", "help": "Place of the bottom left corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/1/pin/4/y   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/source", "name": "O2source", "label": "Output 2 source", "help": "program: the same picture as output 1; look: the preset /output/2/look, drawn beside it with the same sound and clock.\n/output/2/source", "style": "Menu", "default": "program", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["program", "look"], "starts_section": true}, {"address": "/output/2/look", "name": "O2look", "label": "Output 2 look", "help": "Name of the preset of output 2, shown without its texts, logo and outlines; offline also without shaders.\n/output/2/look", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/output/2/width", "name": "O2width", "label": "Output 2 width (px)", "help": "Width of output 2; 0: as many pixels as its part of the picture has.\n/output/2/width   0 to 8192 px", "style": "Int", "default": 0, "low": 0, "high": 8192, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/height", "name": "O2height", "label": "Output 2 height (px)", "help": "Height of output 2; 0: as many pixels as its part of the picture has.\n/output/2/height   0 to 8192 px", "style": "Int", "default": 0, "low": 0, "high": 8192, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/crop/x", "name": "O2crpx", "label": "Output 2 crop x", "help": "Left side of the part of the picture that this output shows, in parts of the picture's width.\n/output/2/crop/x   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/2/crop/y", "name": "O2crpy", "label": "Output 2 crop y", "help": "Top of the part of the picture that this output shows, in parts of the picture's height.\n/output/2/crop/y   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/crop/width", "name": "O2crpwidth", "label": "Output 2 crop width", "help": "Width of the part of the picture that this output shows, in parts of the picture's width.\n/output/2/crop/width   0.01 to 1", "style": "Float", "default": 1.0, "low": 0.01, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/crop/height", "name": "O2crpheight", "label": "Output 2 crop height", "help": "Height of the part of the picture that this output shows, in parts of the picture's height.\n/output/2/crop/height   0.01 to 1", "style": "Float", "default": 1.0, "low": 0.01, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/blend/left", "name": "O2bldleft", "label": "Output 2 blend left", "help": "Width of the left edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/2/blend/left   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/2/blend/top", "name": "O2bldtop", "label": "Output 2 blend top", "help": "Width of the top edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/2/blend/top   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/blend/right", "name": "O2bldright", "label": "Output 2 blend right", "help": "Width of the right edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/2/blend/right   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/blend/bottom", "name": "O2bldbottom", "label": "Output 2 blend bottom", "help": "Width of the bottom edge that fades out, where another projector's picture lies over it, in parts of this output's size.\n/output/2/blend/bottom   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/blend/gamma", "name": "O2bldgamma", "label": "Output 2 blend gamma", "help": "Gamma of the projectors whose edges overlap.\n/output/2/blend/gamma   1 to 3", "style": "Float", "default": 2.2, "low": 1.0, "high": 3.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/pin/1/x", "name": "O2pin1x", "label": "Output 2 pin 1 x", "help": "Place of the top left corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/2/pin/1/x   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/2/pin/1/y", "name": "O2pin1y", "label": "Output 2 pin 1 y", "help": "Place of the top left corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/2/pin/1/y   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/pin/2/x", "name": "O2pin2x", "label": "Output 2 pin 2 x", "help": "Place of the top right corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/2/pin/2/x   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/2/pin/2/y", "name": "O2pin2y", "label": "Output 2 pin 2 y", "help": "Place of the top right corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/2/pin/2/y   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/pin/3/x", "name": "O2pin3x", "label": "Output 2 pin 3 x", "help": "Place of the bottom right corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/2/pin/3/x   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/2/pin/3/y", "name": "O2pin3y", "label": "Output 2 pin 3 y", "help": "Place of the bottom right corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/2/pin/3/y   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/output/2/pin/4/x", "name": "O2pin4x", "label": "Output 2 pin 4 x", "help": "Place of the bottom left corner, in parts of the output's width from the left. Corners that cross are not taken.\n/output/2/pin/4/x   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/output/2/pin/4/y", "name": "O2pin4y", "label": "Output 2 pin 4 y", "help": "Place of the bottom left corner, in parts of the output's height from the top. Corners that cross are not taken.\n/output/2/pin/4/y   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Window", "controls": [{"address": "/window/display", "name": "Windisplay", "label": "Display", "help": "Number or name of a display, or a part of its name: where /sink/window/enable opens the window, and which window the other settings change. Empty: the second display if there is one, and the first window.\n/window/display", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/window/fullscreen", "name": "Winfullscr", "label": "Fullscreen", "help": "Fills the display, without a pointer.\n/window/fullscreen", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/window/rotate", "name": "Winrotate", "label": "Rotate (degrees)", "help": "Turns the picture clockwise.\n/window/rotate   0 to 270 degrees, in steps of 90", "style": "Int", "default": 0, "low": 0, "high": 270, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/window/fit", "name": "Winfit", "label": "Fit", "help": "fit: the whole picture on black; fill: no black, its edges are cut off; stretch: another aspect ratio.\n/window/fit", "style": "Menu", "default": "fit", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["fit", "fill", "stretch"], "starts_section": false}, {"address": "/window/test_card", "name": "Wintestcard", "label": "Test card", "help": "Shows a grid with the numbers of the corners and the name of the display.\n/window/test_card", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/window/pin/1/x", "name": "Winpin1x", "label": "Pin 1 x", "help": "Place of the top left corner, in parts of the display's width from the left. Corners that cross are not taken.\n/window/pin/1/x   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/window/pin/1/y", "name": "Winpin1y", "label": "Pin 1 y", "help": "Place of the top left corner, in parts of the display's height from the top. Corners that cross are not taken.\n/window/pin/1/y   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/window/pin/2/x", "name": "Winpin2x", "label": "Pin 2 x", "help": "Place of the top right corner, in parts of the display's width from the left. Corners that cross are not taken.\n/window/pin/2/x   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/window/pin/2/y", "name": "Winpin2y", "label": "Pin 2 y", "help": "Place of the top right corner, in parts of the display's height from the top. Corners that cross are not taken.\n/window/pin/2/y   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/window/pin/3/x", "name": "Winpin3x", "label": "Pin 3 x", "help": "Place of the bottom right corner, in parts of the display's width from the left. Corners that cross are not taken.\n/window/pin/3/x   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/window/pin/3/y", "name": "Winpin3y", "label": "Pin 3 y", "help": "Place of the bottom right corner, in parts of the display's height from the top. Corners that cross are not taken.\n/window/pin/3/y   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/window/pin/4/x", "name": "Winpin4x", "label": "Pin 4 x", "help": "Place of the bottom left corner, in parts of the display's width from the left. Corners that cross are not taken.\n/window/pin/4/x   -0.5 to 1.5", "style": "Float", "default": 0.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true}, {"address": "/window/pin/4/y", "name": "Winpin4y", "label": "Pin 4 y", "help": "Place of the bottom left corner, in parts of the display's height from the top. Corners that cross are not taken.\n/window/pin/4/y   -0.5 to 1.5", "style": "Float", "default": 1.0, "low": -0.5, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Presets", "controls": [{"address": "/preset/number", "name": "Presetnum", "label": "Number", "help": "Loads a preset by its number, within /preset/fade_s, whenever it changes: the one whose name begins with it (`7 Finale`), else the built-in look with it: 1 Eclipse to 28 Dreamer. 0: none.\n/preset/number   0 to 255", "style": "Int", "default": 0, "low": 0, "high": 255, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/preset/fade_s", "name": "Presetfades", "label": "Fade (s)", "help": "Time in which /preset/number dissolves into its preset.\n/preset/fade_s   0 to 25.5 s", "style": "Float", "default": 0.0, "low": 0.0, "high": 25.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/preset/crossfader", "name": "Presetxfade", "label": "Crossfader", "help": "Fades by hand from the picture on screen to the prepared preset: from where it stands to either end. At an end the fade is complete, and the preset that has left is the prepared one; back where it began, the old look is as it was. It does nothing while another fade runs.\n/preset/crossfader   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/preset/take_fade", "name": "Presettake", "label": "Take fade", "help": "Time in which /preset/take dissolves into the prepared preset: seconds (`1.5`), beats (`4b`) or bars (`2bars`).\n/preset/take_fade", "style": "Str", "default": "2bars", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/preset/transition", "name": "Presettr", "label": "Transition", "help": "How one look becomes another: an ISF transition, by its name in `/fx/list`; `dissolve` or empty: the blend of /preset/blend. It is tested and built as soon as it is chosen; where it cannot be drawn, the looks blend.\n/preset/transition", "style": "Str", "default": "dissolve", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/preset/blend", "name": "Presetblend", "label": "Blend", "help": "How the pictures of two looks are mixed between the ends of a fade or of the crossfader, while no transition is chosen. dissolve: their average; add, screen, multiply: both in full in the middle; luma: the incoming look over the outgoing by its luma; key: over it where it is brighter than /preset/key.\n/preset/blend", "style": "Menu", "default": "dissolve", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["dissolve", "add", "screen", "multiply", "luma", "key"], "starts_section": false}, {"address": "/preset/key", "name": "Presetkey", "label": "Key", "help": "For the blend key: the incoming look is transparent up to this brightness (its largest of red, green and blue), and opaque from 0.2 above it.\n/preset/key   0 to 1", "style": "Float", "default": 0.05, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Banks", "controls": [{"address": "/bank/shown", "name": "Bankshown", "label": "Shown", "help": "The bank that /pad/1 to /pad/16, and the pads of controllers, play.\n/bank/shown   1 to 16", "style": "Int", "default": 1, "low": 1, "high": 16, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Cues", "controls": [{"address": "/cue/go_pause_s", "name": "Cuegopause", "label": "Go pause (s)", "help": "Shortest time between two gos: one that comes sooner after another, or after a cue that followed by itself, is ignored. 0: none is.\n/cue/go_pause_s   0 to 10 s", "style": "Float", "default": 0.3, "low": 0.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false}]},
{"title": "Autopilot", "controls": [{"address": "/autopilot/enable", "name": "Autoenable", "label": "Enable", "help": "Plays by itself, with the take fade of /preset/take_fade.\n/autopilot/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/autopilot/bank", "name": "Autobank", "label": "Bank", "help": "The bank from which it takes looks; 0: the built-in looks.\n/autopilot/bank   0 to 16", "style": "Int", "default": 0, "low": 0, "high": 16, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/autopilot/hands_off", "name": "Autopause", "label": "Hands off (s)", "help": "How long it does nothing after a hand has changed, loaded or prepared something.\n/autopilot/hands_off   0 to 3600 s", "style": "Float", "default": 60.0, "low": 0.0, "high": 3600.0, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/autopilot/bars", "name": "Autobars", "label": " (bars)", "help": "Longest stay of a look in a section that does not change; 0: no end.\n/autopilot/bars   0 to 512 bars", "style": "Int", "default": 16, "low": 0, "high": 512, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/autopilot/breath", "name": "Autobreath", "label": "Breath", "help": "How far the macros breathe meanwhile, over eight bars around their positions; 0: not at all.\n/autopilot/breath   0 to 0.5", "style": "Float", "default": 0.06, "low": 0.0, "high": 0.5, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/autopilot/drop", "name": "Autodrop", "label": "Drop", "help": "The drop is now: cuts to another look that fits a drop, also while it is off or a hand has the show. It plays for a drop until it hears another section.\n/autopilot/drop", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}, {"address": "/autopilot/break", "name": "Autobreak", "label": "Break", "help": "Like drop, for a break: another look that fits one comes with the take fade.\n/autopilot/break", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}]},
{"title": "Engine", "controls": [{"address": "/engine/width", "name": "Engwidth", "label": "Width (px)", "help": "Width of the picture; can change while running.\n/engine/width   64 to 8192 px", "style": "Int", "default": 1280, "low": 64, "high": 8192, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/engine/height", "name": "Engheight", "label": "Height (px)", "help": "Height of the picture; can change while running.\n/engine/height   64 to 8192 px", "style": "Int", "default": 720, "low": 64, "high": 8192, "is_clamped": true, "menu": [], "starts_section": false}, {"address": "/engine/fps", "name": "Engfps", "label": "Fps (frames/s)", "help": "Frame rate; can change while running. Without a GPU it starts at 30.\n/engine/fps   1 to 240 frames/s", "style": "Float", "default": 60.0, "low": 1.0, "high": 240.0, "is_clamped": true, "menu": [], "starts_section": false}]}]
''',
}

import re
from typing import Any

import td

NAME = "multiverse"
# The first build with Python 3.11; the builds of 2022 have 3.9, without dataclass(slots=, kw_only=)
# and zip(strict=).
MIN_BUILD = (2023, 11000)
MODULES = (
    "extension",
    "layout",
    "parameters",
    "link",
    "echo",
    "features",
    "found_objects",
    "picture_inputs",
    "status_page",
    "status_channels",
    "engine_inputs",
    "rtp_sender",
    "callbacks",
    "callbacks_template",
    "tree_reader",
    "engine_process",
    "receive_ports",
    "osc_in_callbacks",
    "pages",
    "readme",
)
PICTURES = (
    ("main_in", "out1_main"),
    ("sd_in", "out2_sd"),
    ("ndi_in", "out3_ndi"),
    (
        "sam3_in",
        "out5_sam3",
    ),  # after the audio output, so that the wires of older projects with four outputs stay
    ("sam3_mask_in", "out6_sam3_mask"),
    ("second_in", "out9_second"),  # after the state, for the same reason
)
AUDIO = ("features_in", "features_named", "audio", "audio_zeros", "audio_channels", "out4_audio")
OBJECTS = ("object_values", "object_channels", "out7_objects")
STATUS = ("status_values", "status_chop", "out8_status")
INPUTS = ("in1_picture", "in2_audio", "audio_resampled")
TAG = "multiverse"  # by which components find each other
CALLBACKS = ("parameter_callbacks", "frame_callbacks")
# network editor units
COLUMN = 200
ROW = 130


def build_if_supported(texts: dict[str, str]) -> None:
    """Build the component, or print why this TouchDesigner is not supported."""
    problem = too_old(td.app.build)
    if problem:
        print(problem)
    else:
        where = target_comp()
        for name in names_in(where):
            build(where, texts, name)


def names_in(where: Any) -> "list[str]":
    """The components there, also renamed ones and copies; the name of a new one if there is
    none."""
    there = [comp.name for comp in where.children if TAG in comp.tags or comp.name == NAME]
    return there or [NAME]


def too_old(build_number: str) -> str:
    """The error line if a build such as 2022.35320 is older than MIN_BUILD, else empty."""
    numbers = tuple(int(digits) for digits in re.findall(r"[0-9]+", build_number)[:2])
    if len(numbers) < 2 or numbers >= MIN_BUILD:
        return ""
    minimum = ".".join(map(str, MIN_BUILD))
    return (
        f"multiverse: not built: this is TouchDesigner {build_number}, but {minimum} or newer is "
        "needed (Python 3.11): "
        "install it from derivative.ca/download and run this again"
    )


def build(where: Any, texts: dict[str, str], name: str = NAME) -> Any:
    """Create or update the component inside the COMP `where`, and return it. Prints one line a
    step.

    Each line is what was read back from TouchDesigner afterwards, not what was asked of it.
    """
    comp = get_or_create(where, "baseCOMP", name)
    comp.tags.add(TAG)
    callbacks = [
        get_or_create(comp, "parameterexecuteDAT", "parameter_callbacks"),
        get_or_create(comp, "executeDAT", "frame_callbacks"),
    ]
    for callback in callbacks:
        callback.par.active = False  # no callbacks before everything exists
    add_network(comp, texts)
    renew_parameters(comp)
    add_extension(comp)
    for callback in callbacks:
        callback.text = texts[callback.name]
    watch_parameters, watch_frames = (callback.par for callback in callbacks)
    watch_parameters.op = ".."
    watch_parameters.pars = "*"
    watch_parameters.custom = True
    watch_parameters.builtin = False
    watch_parameters.valuechange = True
    watch_parameters.onpulse = True
    watch_frames.framestart = True
    watch_parameters.active = True
    watch_frames.active = True
    arrange(comp)
    if comp.par.Callbackdat.eval() is None:
        comp.op("callbacks").module.create(comp)
    report(comp, texts)
    return comp


def report(comp: Any, texts: dict[str, str]) -> None:
    """Read the component back, save it, and print a line for each step."""
    steps = (
        ("texts", texts_in(comp, texts)),
        ("operators", operators_in(comp)),
        ("parameters", parameters_in(comp)),
        ("extension", extension_in(comp)),
        ("callbacks", callbacks_in(comp, texts)),
    )
    if not any(problem for _, (_, problem) in steps):
        steps += (("saved", saved(comp)),)
    for number, (step, (found, problem)) in enumerate(steps, start=1):
        print(
            f"multiverse: {number}/{len(steps)} {step}: "
            f"{'FAILED: ' + problem if problem else found}"
        )
    failed = sum(bool(problem) for _, (_, problem) in steps)
    print(f"multiverse: {f'built with {failed} failures' if failed else 'built'}: {comp.path}")


def texts_in(comp: Any, texts: dict[str, str]) -> tuple[str, str]:
    """Check the modules' texts: what was found, and what is wrong ("" if nothing); so do the
    functions below."""
    wrong = [name for name in MODULES if comp.op(name) is None or comp.op(name).text != texts[name]]
    return f"{len(MODULES)} modules", f"not as written: {', '.join(wrong)}" if wrong else ""


def operators_in(comp: Any) -> tuple[str, str]:
    outs = (*(out for _, out in PICTURES), AUDIO[-1], OBJECTS[-1], STATUS[-1])
    loose = [out for out in outs if comp.op(out) is None or not comp.op(out).inputs]
    marked = [op.name for op in comp.children if op.errors()]
    problem = (
        f"not connected: {', '.join(loose)}"
        if loose
        else f"errors in {', '.join(marked)}"
        if marked
        else ""
    )
    return f"{len(comp.children)}, {len(INPUTS[:2])} inputs, {len(outs)} outputs", problem


def parameters_in(comp: Any) -> tuple[str, str]:
    pages = comp.op("layout").module.read_pages(comp.op("pages").text)
    names = [
        name
        for page in pages
        for control in page.controls
        for name in comp.op("layout").module.names_of(control)
    ]
    missing = [name for name in names if not hasattr(comp.par, name)]
    return (
        f"{len(names)} on {len(comp.customPages)} pages",
        f"missing: {', '.join(missing[:5])}" if missing else "",
    )


def extension_in(comp: Any) -> tuple[str, str]:
    if hasattr(comp.ext, "MultiverseExt"):
        return "MultiverseExt runs", ""
    return "", comp.par.Message.eval() or "it did not start; the lines above say why"


def callbacks_in(comp: Any, texts: dict[str, str]) -> tuple[str, str]:
    idle = [
        name
        for name in CALLBACKS
        if not comp.op(name).par.active.eval() or comp.op(name).text != texts[name]
    ]
    own = comp.par.Callbackdat.eval()
    return (
        f"{len(CALLBACKS)} active, yours in {own.path}",
        f"not active: {', '.join(idle)}" if idle else "",
    )


def saved(comp: Any) -> tuple[str, str]:
    """Save the component beside the project, as a .tox for other projects: there it has no
    callbacks yet."""
    path = f"{td.project.folder}/{comp.name}.tox"
    own = comp.par.Callbackdat.val
    comp.par.Callbackdat = ""
    try:
        comp.save(path)
    except (OSError, td.tdError) as error:
        return (
            "",
            f"{path}: {error}; save the project first, or the component by hand (right-click, "
            "Save Component)",
        )
    finally:
        comp.par.Callbackdat = own
    return path, ""


def get_or_create(comp: Any, kind: str, name: str) -> Any:
    """The operator of that name and kind, created if missing."""
    there = comp.op(name)
    if there is not None and there.OPType != kind:
        there.destroy()
        there = None
    return there if there is not None else comp.create(kind, name)


def add_network(comp: Any, texts: dict[str, str]) -> None:
    # Before its callbacks: TouchDesigner may dock a DAT with the same name to a new OSC In DAT.
    osc_in = get_or_create(comp, "oscinDAT", "osc_in")
    osc_in.par.active = False  # until the extension has set its port
    for name in MODULES:
        get_or_create(comp, "textDAT", name).text = texts[name]
    osc_in.par.callbacks = "osc_in_callbacks"
    # nothing reads its table, and each line costs time
    osc_in.par.clamp = True
    osc_in.par.maxlines = 10
    osc_out = get_or_create(comp, "oscoutDAT", "osc_out")
    for dat in (osc_in, osc_out):
        dat.par.protocol = "msging"

    for picture, out in PICTURES:
        top = get_or_create(
            comp, "ndiinTOP" if picture == "ndi_in" else "syphonspoutinTOP", picture
        )
        get_or_create(comp, "outTOP", out).inputConnectors[0].connect(top)
        if picture == "ndi_in":
            top.par.active = False  # it searches the network, so it starts only on request
        else:
            top.par.usespoutactivesender = False

    for kind, name in (("inTOP", "in1_picture"), ("inCHOP", "in2_audio")):
        get_or_create(comp, kind, name)
    sound = get_or_create(comp, "resampleCHOP", "audio_resampled")
    sound.inputConnectors[0].connect(comp.op("in2_audio"))
    sound.par.method = "preserve"
    sound.par.rate = comp.op("rtp_sender").module.RATE_HZ
    sound.par.timeslice = True  # also a sound that is longer arrives frame by frame

    for name in ("status", "objects"):
        get_or_create(comp, "tableDAT", name)
    names = comp.op("features").module
    add_values(comp, "audio", "audio_zeros", names.NAMES)
    features_in = get_or_create(comp, "oscinCHOP", "features_in")
    features_in.par.active = False  # until the extension has set its port
    features_in.par.protocol = "msging"
    features_in.par.stripsegments = 1
    features_in.par.queued = True  # else an onset is lost when two messages arrive within a frame
    named = get_or_create(comp, "renameCHOP", "features_named")
    named.par.renamefrom = " ".join(names.RECEIVED)
    named.par.renameto = " ".join(names.NAMES)
    named.inputConnectors[0].connect(features_in)
    # All channels exist, in their order, before the first has arrived.
    audio = get_or_create(comp, "replaceCHOP", "audio_channels")
    audio.inputConnectors[0].connect(comp.op("audio_zeros"))
    audio.inputConnectors[1].connect(named)
    get_or_create(comp, "outCHOP", "out4_audio").inputConnectors[0].connect(audio)
    objects = add_values(
        comp, "object_values", "object_channels", comp.op("found_objects").module.NAMES
    )
    get_or_create(comp, "outCHOP", "out7_objects").inputConnectors[0].connect(objects)
    status = add_values(
        comp, "status_values", "status_chop", comp.op("status_channels").module.NAMES
    )
    get_or_create(comp, "outCHOP", "out8_status").inputConnectors[0].connect(status)


def add_values(comp: Any, table_name: str, name: str, channels: tuple[str, ...]) -> Any:
    """A CHOP with a channel for each row of a table, which begins with zeros."""
    table = get_or_create(comp, "tableDAT", table_name)
    table.clear()
    for channel in channels:
        table.appendRow([channel, 0.0])
    chop = get_or_create(comp, "dattoCHOP", name)
    chop.par.dat = table_name
    chop.par.output = "chanperrow"
    chop.par.firstrow = "values"
    chop.par.firstcolumn = "names"
    return chop


def renew_parameters(comp: Any) -> None:
    """Rebuild all pages. Keeps the values on the component's own pages; the engine sends the
    others."""
    parameters = comp.op("parameters").module
    layout = comp.op("layout").module
    values = {
        # An operator as it was named: "" for none, and a name beside the component stays one.
        own.name: getattr(comp.par, own.name).val
        if own.style == "DAT"
        else getattr(comp.par, own.name).eval()
        for owns in parameters.OWN_PAGES.values()
        for own in owns
        if own.style != "Pulse"
        and own.name != "Preset"
        and not own.is_read_only
        and hasattr(comp.par, own.name)
    }
    comp.destroyCustomPars()
    parameters.put_own_pages(comp)
    for page in layout.read_pages(comp.op("pages").text):
        for control in page.controls:
            parameters.put(parameters.page_of(comp, page.title), control)
    for name, value in values.items():
        setattr(comp.par, name, value)


def add_extension(comp: Any) -> None:
    comp.par.ext0object = "op('./extension').module.opened(me)"
    comp.par.ext0name = "MultiverseExt"
    comp.par.ext0promote = True
    comp.initializeExtensions()
    for name in ("osc_out", "osc_in", "features_in"):
        comp.op(name).par.active = hasattr(comp.ext, "MultiverseExt")  # which has set their ports


def arrange(comp: Any) -> None:
    """Place modules in rows of five, and below them each chain in its own row."""
    for at, name in enumerate(MODULES):
        comp.op(name).nodeX, comp.op(name).nodeY = at % 5 * COLUMN, -(at // 5) * ROW
    rows = (("osc_out", "osc_in", "parameter_callbacks", "frame_callbacks", "status", "objects"),
        *PICTURES,
            AUDIO, OBJECTS, STATUS, INPUTS)  # fmt: skip
    for row, names in enumerate(rows, start=5):
        for column, name in enumerate(names):
            comp.op(name).nodeX, comp.op(name).nodeY = column * COLUMN, -row * ROW


def target_comp() -> Any:
    """The COMP to build in: the parent of the running Text DAT, or else the project's first
    component."""
    running = globals().get("me")
    if running is not None and running.isDAT:
        return running.parent()
    return td.op("/project1") or td.root

build_if_supported(TEXTS)
