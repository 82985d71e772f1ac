"""Builds the `multiverse` component. Run it once inside TouchDesigner: paste it into a Text DAT and choose Run Script,
or, in the textport: exec(open(r"/path/to/touchdesigner/build_component.py", encoding="utf-8").read())

Made from `touchdesigner/builder.py`, `touchdesigner/component/` and the declarations by `multiverse schema write`; do
not edit.
"""

# fmt: off
# ruff: noqa
TEXTS = {
    'echo': r'''"""What goes out and what comes in, so that a value never runs in circles. Pure; time comes in.

TouchDesigner tells of a change once a frame and does not say who made it: a flag held while a value from the engine is
set is long down again when the callback comes. So changes are told apart by value: what a parameter showed last is
known, and a change to just that is nobody's.

The engine never sends a client its own change, but somebody else's may be on its way while a hand moves the same
control here. For a moment after each value sent, what comes for that address is not shown; when the hand rests the
engine is asked what the value is now, which settles it either way.
"""

import math

HOLD_S = 0.25  # longer than a change is on its way to the engine and back, shorter than a hand notices
RELATIVE = 1e-6  # numbers travel as 32-bit floats, whose spacing is 1.2e-7 of their size
ABSOLUTE = 1e-9

Value = float | int | str | tuple[float, ...]


class Echo:
    def __init__(self) -> None:
        self._shown: dict[str, Value] = {}
        self._held_until_s: dict[str, float] = {}
        self._doubtful: set[str] = set()

    def show(self, address: str, value: Value) -> None:
        """`value` is what TouchDesigner has made of what the engine sent: its change is not to be sent."""
        self._shown[address] = value

    def wants_sending(self, address: str, value: Value, now_s: float) -> bool:
        """Whether this change came from here; holds the address when it did."""
        if address in self._shown and is_same(value, self._shown[address]):
            return False
        self._shown[address] = value
        self._held_until_s[address] = now_s + HOLD_S
        return True

    def may_show(self, address: str, now_s: float) -> bool:
        """Whether a value that the engine sent is to be shown; if not, `take_doubts` will name the address."""
        if now_s < self._held_until_s.get(address, -math.inf):
            self._doubtful.add(address)
            return False
        self._doubtful.discard(address)
        return True

    def take_doubts(self, now_s: float) -> list[str]:
        """Addresses whose hand rests and whose value of now the engine must be asked for."""
        rested = [address for address in self._doubtful if now_s >= self._held_until_s[address]]
        self._doubtful.difference_update(rested)
        return sorted(rested)


def is_same(one: Value, other: Value) -> bool:
    """Equal, numbers up to the rounding of a 32-bit float."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
''',
    'engine_process': r'''"""Starting the installed `multiverse run`, and noticing its end.

TouchDesigner sets PYTHONHOME and PYTHONPATH for its own Python: another one that inherits them loads the wrong
standard library and dies at its start. The engine outlives TouchDesigner and writes into a file, not a pipe: a pipe
that nobody reads any more would end it in mid-show.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

TOUCHDESIGNERS_OWN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONEXECUTABLE",
    "PYTHONNOUSERSITE",
    "PYTHONIOENCODING",
    "__PYVENV_LAUNCHER__",
)
NOT_FOUND = (
    "{command}: no such program. Programs started from the Dock or the Start menu see a short PATH: write the full path"
    " into Command, of a checkout its .venv/bin/multiverse (Windows: .venv\\Scripts\\multiverse.exe)"
)


class StartError(Exception):
    """One line: why the engine cannot be started."""


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what belongs to TouchDesigner's Python. The engine writes its log in UTF-8, as we read it:
    Windows' own code page has not every letter of a name."""
    kept = {key: value for key, value in environment.items() if key not in TOUCHDESIGNERS_OWN}
    return {**kept, "PYTHONUTF8": "1"}


def split_options(options: str, platform: str) -> list[str]:
    """The words of `options`; quotes, single or double, hold a word with blanks together and are no part of it.
    ValueError for one that is not closed. `platform` as in `sys.platform`: on Windows a backslash parts folders."""
    words = shlex.shlex(options, posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.commenters = ""
    if platform == "win32":
        words.escape = ""
    return list(words)


class EngineProcess:
    """The engine started from here, if any. One thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log_file = Path()

    def start(self, command: str, options: str, osc: str, web: str) -> str:
        """Start `command run --osc OSC --web WEB OPTIONS`; the line to show. Raises StartError."""
        if self._process is not None:
            raise StartError(f"the engine started here runs already (process {self._process.pid})")
        command = command.strip().strip('"')  # Windows' "Copy as path" puts quotes round it
        program = shutil.which(os.path.expanduser(command))
        if program is None:
            raise StartError(NOT_FOUND.format(command=command or "Command is empty"))
        try:
            words = split_options(options, sys.platform)
        except ValueError as error:
            raise StartError(f"Options: {error}") from None
        self._log_file = Path(tempfile.gettempdir()) / f"multiverse-{osc.rpartition(':')[2]}.log"
        # A process group of its own: Ctrl-C in a console that TouchDesigner was started from is not meant for it.
        if sys.platform == "win32":
            own_group = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        else:
            own_group = {"start_new_session": True}
        try:
            with self._log_file.open("wb") as log:
                self._process = subprocess.Popen(
                    [program, "run", "--osc", osc, "--web", web, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=clean_environment(os.environ),
                    **own_group,
                )
        except OSError as error:
            raise StartError(f"{program}: {error.strerror or error}") from None
        return f"started {program} (process {self._process.pid}); it writes to {self._log_file}"

    @property
    def is_running(self) -> bool:
        """The engine started here has not been seen to end."""
        return self._process is not None

    def ended(self) -> str:
        """The line to show when it has ended since the last call, with the last one it wrote; else empty."""
        if self._process is None or self._process.poll() is None:
            return ""
        code, self._process = self._process.returncode, None
        if code == 0:
            return "the engine has ended"
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
        return f"the engine ended with code {code}: {last}"

    def terminate(self) -> bool:
        """Ask the one started here to end (SIGTERM: files are finished); whether there is one."""
        if self._process is None:
            return False
        self._process.terminate()
        return True
''',
    'extension': r'''"""The component's extension: its parts, joined to operators and parameters. TouchDesigner's main thread.

parameters -> on_value, on_pulse -> echo -> osc_out -> engine
engine -> osc_in -> on_message -> echo -> parameters, status, tables of audio and objects
frame -> on_frame -> link (heartbeat, subscription), pictures, the engine's process
"""

import time
from collections.abc import Callable
from typing import Any

STOP_PATIENCE_S = 5.0  # the engine's children get 3 s to end
POLL_INTERVAL_S = 2.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FEATURES_RATE = "/audio/features/rate_hz"
FEATURES_HZ = 60.0


class MultiverseExt:
    def __init__(self, ownerComp: Any) -> None:
        self.ownerComp = ownerComp
        part = self._part
        self._layout = part("layout")
        self._link = part("link").Link()
        self._echo = part("echo").Echo()
        self._features = part("features").Features()
        self._objects = part("found_objects").FoundObjects()
        self._status = part("status_page").StatusPage(ownerComp)
        self._process = part("engine_process").EngineProcess()
        self._tree = part("tree_reader").TreeReader()
        self._pictures = part("picture_inputs").PictureInputs(ownerComp, part("senders"))
        self.now_s: Callable[[], float] = time.perf_counter
        self._kill_at_s: float | None = None
        self._next_look_s = float("-inf")
        self._presets: list[str] = []
        self._unanswered_looks = 0
        self._is_new_to_engine = True
        self._target = (self._own("Host"), self._own("Port"), self._own("Listenport"))
        self._aim()
        self._on_answer = self._answers()
        self._on_own_pulse = self._pulses()
        self._read_pages()

    def onDestroyTD(self) -> None:
        """The engine need not send to a port where nobody listens. Deleted with its component there is nothing left."""
        if self.ownerComp.op("osc_out") is not None:
            self.Send("/engine/notify", 0, self._target[2])

    # -- for patches ---------------------------------------------------------------------------

    def Send(self, address: str, *args: float | int | str) -> None:
        """Any OSC message to the engine: `op('multiverse').Send('/sink/start', 'record', 'show.mp4')`."""
        self.ownerComp.op("osc_out").sendOSC(address, list(args))

    # -- callbacks -----------------------------------------------------------------------------

    def on_value(self, par: Any) -> None:
        """A parameter has changed, by whomever."""
        control = self._by_name.get(par.name)
        if control is None:
            if par.name in ("Host", "Port", "Listenport"):
                self._move()
            elif par.name == "Audiochop" and self._link.is_connected:
                self._want_features()
            return
        value = self._value(control)
        if self._echo.wants_sending(control.address, value, self.now_s()):
            self.Send(control.address, *(value if isinstance(value, tuple) else (value,)))

    def on_pulse(self, par: Any) -> None:
        control = self._by_name.get(par.name)
        if control is not None:
            self.Send(control.address, 1)
        elif par.name in self._on_own_pulse:
            self._on_own_pulse[par.name]()

    def on_message(self, address: str, args: list[Any]) -> None:
        """Hot path: a value of the engine."""
        control = self._by_address.get(address)
        if control is not None:
            if self._show(control, args) and address == FEATURES_RATE and self._is_new_to_engine:
                self._is_new_to_engine = False
                self._want_features()
        elif address.startswith("/engine/status/"):
            self._status.take(address, args)
        elif not (args and (self._features.take(address, args[0]) or self._objects.take(address, args))):
            key = f"/done {args[0]}" if address == "/done" and args else address
            if key in self._on_answer:
                self._on_answer[key](args)

    def on_frame(self) -> None:
        now_s = self.now_s()
        todo = self._link.step(now_s)
        if todo.say_lost:
            self._set("Connected", 0)
            self._status.say_lost()
            self._objects.forget()
            self._is_new_to_engine = True
        if todo.subscribe:
            self.Send("/engine/notify", 1, self._target[2])
        if todo.ask_status:
            self.Send("/engine/status")
        for address in self._echo.take_doubts(now_s):
            self.Send("/get", address)
        table = self.ownerComp.op("audio")
        for name, value in self._features.take_changes().items():
            table[name, 1] = value
        self._show_objects()
        self._watch_process(now_s)
        tree = self._tree.take_result()
        if tree is not None:
            self._fit(tree)
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + POLL_INTERVAL_S
            self._pictures.look()
            self._tell(self._pictures.take_news(self._expected_px()))
            self._tell_of_absence()

    # -- parameters ----------------------------------------------------------------------------

    def _read_pages(self) -> None:
        """Which parameter is which address, as the embedded pages say; what is shown now is not sent."""
        pages = self._layout.read_pages(self.ownerComp.op("pages").text)
        self._by_address = {control.address: control for page in pages for control in page.controls}
        self._by_name = {
            name: control for control in self._by_address.values() for name in self._layout.names_of(control)
        }
        for control in self._by_address.values():
            if control.style != "Pulse":
                self._echo.show(control.address, self._value(control))

    def _value(self, control: Any) -> Any:
        """As it goes out: whole numbers and switches as int, items of a menu by name, a colour as four numbers."""
        values = [getattr(self.ownerComp.par, name).eval() for name in self._layout.names_of(control)]
        if control.style == "RGBA":
            return tuple(values)
        return int(values[0]) if control.style in ("Toggle", "Int") else values[0]

    def _show(self, control: Any, args: list[Any]) -> bool:
        """Make the parameter show what the engine sent; whether it does."""
        if control.style == "Pulse" or not self._echo.may_show(control.address, self.now_s()):
            return False
        for name, value in zip(self._layout.names_of(control), args, strict=False):
            par = getattr(self.ownerComp.par, name)
            # An expression, export or binding drives it, and through it the engine.
            if par.mode != ParMode.CONSTANT:  # noqa: F821  TouchDesigner's
                return False
            if control.style == "Menu" and value not in par.menuNames:
                self._say(f"{control.address} is {value}, which this page does not have: pulse Fit Pages")
                return False
            par.val = value
        self._echo.show(control.address, self._value(control))
        return True

    def _fit(self, tree: dict[str, Any] | str) -> None:
        """Make the pages those of the engine's OSCQuery tree, and ask for all values again."""
        if isinstance(tree, str):
            self._say(f"the pages stay as they are: {tree}")
            return
        try:
            pages = self._layout.control_pages(self._layout.leaves_of(tree))
            if not pages:
                raise ValueError("no parameter of this engine is in it")
        except (AttributeError, LookupError, TypeError, ValueError) as error:  # whatever an unknown server may send
            self._say(f"the pages stay as they are: the tree cannot be used ({error})")
            return
        parameters = self._part("parameters")
        before = {control.address: control for control in self._by_address.values()}
        wanted = {name for page in pages for control in page.controls for name in self._layout.names_of(control)}
        # Destroying a parameter makes every Par object held elsewhere invalid: all of it before any is made.
        for name in set(self._by_name) - wanted:
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
        self._say(f"the pages fit the engine: {len(self._by_address)} parameters, {changed} of them new or changed")

    def _want_features(self) -> None:
        """Let the engine send audio features where it sends none: the CHOP runs without a knob on the page Audio."""
        control = self._by_address.get(FEATURES_RATE)
        if control is None or not self._own("Audiochop"):
            return
        par = getattr(self.ownerComp.par, control.name)
        if par.mode == ParMode.CONSTANT and par.eval() == 0.0:  # noqa: F821  TouchDesigner's
            # Sent here: a saved project whose value was 60 sees no change of its own from 60 to 0 to 60 in one frame.
            par.val = FEATURES_HZ
            self._echo.show(FEATURES_RATE, FEATURES_HZ)
            self.Send(FEATURES_RATE, FEATURES_HZ)

    # -- the connection ------------------------------------------------------------------------

    def _answers(self) -> dict[str, Callable[[list[Any]], None]]:
        ask_presets = lambda args: self.Send("/preset/list")  # noqa: E731
        return {
            "/engine/heartbeat": self._on_sign_of_life,
            "/done /engine/notify": self._on_sign_of_life,
            "/done /engine/status": lambda args: self._status.show(),
            "/engine/warning": lambda args: self._set("Warning", args[0]),
            "/fail": lambda args: self._set("Fault", " ".join(map(str, args))),
            "/preset/name": lambda args: self._presets.append(str(args[0])),
            "/done /preset/list": lambda args: self._show_presets(),
            "/preset/changed": ask_presets,
            "/cue/current": lambda args: self._set("Cuenow", " ".join(map(str, args))),
        }

    def _on_sign_of_life(self, args: list[Any]) -> None:
        if not self._link.hear(self.now_s()):
            return
        self._unanswered_looks = 0
        self._set("Connected", 1)
        self._status.say_connected(f"{self._target[0]}:{self._target[1]}")
        self._say(f"connected to {self._target[0]}:{self._target[1]}")
        self.Send("/preset/list")
        self.Send("/cue/list")

    def _move(self) -> None:
        """Another host or port: what the old engine sends is not wanted any more."""
        target = (self._own("Host"), self._own("Port"), self._own("Listenport"))
        if target != self._target:
            self.Send("/engine/notify", 0, self._target[2])
            self._target = target
            self._aim()
            self._link.start_over()
            self._set("Connected", 0)
            self._objects.forget()
            self._unanswered_looks = 0
            self._is_new_to_engine = True

    def _aim(self) -> None:
        host, port, listen_port = self._target
        out, heard = self.ownerComp.op("osc_out").par, self.ownerComp.op("osc_in").par
        out.address, out.port, heard.port = host, port, listen_port

    # -- what SAM3 finds -----------------------------------------------------------------------

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
            "Fit": lambda: self._tree.start(self._own("Host"), self._own("Webport"), self._own("Token")),
            "Startengine": self._start_engine,
            "Stopengine": self._stop_engine,
            "Presetload": self._load_preset,
            "Presetsave": self._save_preset,
            "Cuego": lambda: self.Send("/cue/go"),
            "Cueback": lambda: self.Send("/cue/back"),
        }

    def _show_presets(self) -> None:
        names, self._presets = self._presets, []
        par = self.ownerComp.par.Preset
        chosen = par.eval()
        par.menuNames = par.menuLabels = names
        if names:
            par.val = chosen if chosen in names else names[0]

    def _load_preset(self) -> None:
        if self._own("Preset"):
            self.Send("/preset/load", self._own("Preset"), float(self._own("Presetfade")))
        else:
            self._say("Load: the engine has named no presets yet")

    def _save_preset(self) -> None:
        if self._own("Presetname"):
            self.Send("/preset/save", self._own("Presetname"))
        else:
            self._say("Save: write a name into Name first")

    def _start_engine(self) -> None:
        process = self._part("engine_process")
        host, port, _ = self._target
        if host not in LOOPBACK:
            self._say(
                f"Start Engine starts it on this machine, and Host is {host}: start it there, or make Host 127.0.0.1"
            )
        elif self._link.is_connected:
            self._say(f"an engine answers at {host}:{port} already")
        else:
            osc, web = f"127.0.0.1:{port}", f"127.0.0.1:{self._own('Webport')}"
            try:
                self._say(self._process.start(self._own("Command"), self._own("Options"), osc, web))
            except process.StartError as error:
                self._say(str(error))

    def _stop_engine(self) -> None:
        self.Send("/engine/quit")
        self._kill_at_s = self.now_s() + STOP_PATIENCE_S
        self._say("the engine was asked to end")

    def _watch_process(self, now_s: float) -> None:
        line = self._process.ended()
        if line:
            self._kill_at_s = None
            self._say(line)
        elif self._kill_at_s is not None and now_s >= self._kill_at_s:
            self._kill_at_s = None
            if self._process.terminate():
                self._say("the engine did not answer and was told to end by a signal")

    def _expected_px(self) -> tuple[int, int] | None:
        """Size of the picture that a Syphon or Spout sender here should bring; None without an engine here."""
        return self._status.size_px if self._link.is_connected and self._target[0] in LOOPBACK else None

    def _tell_of_absence(self) -> None:
        """Nobody has answered from one look to the next, and no engine started here is on its way: say so once."""
        if self._link.is_connected or self._process.is_running:
            return
        self._unanswered_looks += 1
        if self._unanswered_looks != 2:
            return
        host, port, listen_port = self._target
        osc_in = self.ownerComp.op("osc_in")
        problem = " ".join((osc_in.errors() or osc_in.warnings()).split())
        if problem:
            self._say(f"Listen port {listen_port} does not open ({problem}): write a free one")
        elif host in LOOPBACK:
            self._say(f"no engine answers at {host}:{port}: pulse Start Engine, or start it with `multiverse run`")
        else:
            self._say(f"no engine answers at {host}:{port}: start it there with `multiverse run --lan`")

    # -- operators -----------------------------------------------------------------------------

    def _part(self, name: str) -> Any:
        return self.ownerComp.op(name).module

    def _own(self, name: str) -> Any:
        return getattr(self.ownerComp.par, name).eval()

    def _set(self, name: str, value: Any) -> None:
        par = getattr(self.ownerComp.par, name)
        if par.eval() != value:
            par.val = value

    def _tell(self, line: str) -> None:
        if line:
            self._say(line)

    def _say(self, line: str) -> None:
        self._set("Message", line)
''',
    'features': r'''"""Audio features between their messages and the next frame. Pure."""

CHANNELS = 4
FEATURES = ("rms", "peak", "low", "mid", "high", "pitch", "onset")
NAMES = tuple(f"{feature}{channel}" for channel in range(1, CHANNELS + 1) for feature in FEATURES)


class Features:
    """What the channels rms1 ... onset4 become in the next frame."""

    def __init__(self) -> None:
        self._changed: dict[str, float] = {}
        self._onsets: set[str] = set()

    def take(self, address: str, value: float) -> bool:
        """`/audio/2/rms 0.3`; whether it is a feature. Of an onset and none within one frame the onset stays."""
        name = _name_of(address)
        if name is None:
            return False
        if name.startswith("onset"):
            value = max(value, self._changed.get(name, 0.0))
        self._changed[name] = float(value)
        return True

    def take_changes(self) -> dict[str, float]:
        """Values by channel name for this frame; an onset lasts one frame."""
        changes = {name: 0.0 for name in self._onsets} | self._changed
        self._onsets = {name for name, value in changes.items() if name.startswith("onset") and value > 0.0}
        self._changed = {}
        return changes


def _name_of(address: str) -> str | None:
    parts = address.split("/")
    if len(parts) != 4 or parts[1] != "audio":
        return None
    name = parts[3] + parts[2]
    return name if name in NAMES else None
''',
    'found_objects': r'''"""What SAM3 finds, between its messages and the next frame. Pure.

With every result comes how many objects there are, then each of them, best first. A message may be missing, and one of
an older result may come behind the count of a newer one: an object that is not counted is not there.
"""

from typing import Any

COLUMNS = ("k", "id", "prompt", "score", "cx", "cy", "w", "h")
CHANNEL_OBJECTS = 4
CHANNEL_COLUMNS = ("id", "cx", "cy", "w", "h", "score")
NAMES = ("objects", *(f"o{k}_{column}" for k in range(1, CHANNEL_OBJECTS + 1) for column in CHANNEL_COLUMNS))

_COUNT, _OBJECT = "/sam3/objects", "/sam3/object/"


class FoundObjects:
    def __init__(self) -> None:
        self._count = 0
        self._rows: dict[int, dict[str, Any]] = {}
        self._is_changed = True  # a saved project shows what was there when it was saved

    def take(self, address: str, args: list[Any]) -> bool:
        """`/sam3/objects 2`, or `/sam3/object/1` with what stands in COLUMNS behind k; whether it is one of them."""
        place = address.removeprefix(_OBJECT)
        if address == _COUNT:
            self._count = int(args[0])
            self._rows = {k: row for k, row in self._rows.items() if k <= self._count}
        elif place == address or not place.isdecimal():
            return False
        elif int(place) <= self._count:
            self._rows[int(place)] = dict(zip(COLUMNS, (int(place), *args), strict=True))
        self._is_changed = True
        return True

    def forget(self) -> None:
        """Whoever told of them is gone."""
        self.take(_COUNT, [0])

    def take_changes(self) -> tuple[list[list[Any]], dict[str, float]] | None:
        """Rows of the table, best first, and values by channel name; None where nothing has come since the last."""
        if not self._is_changed:
            return None
        self._is_changed = False
        rows = [list(self._rows[k].values()) for k in sorted(self._rows)]
        values = dict.fromkeys(NAMES, 0.0) | {"objects": float(self._count)}
        for k in range(1, CHANNEL_OBJECTS + 1):
            if k in self._rows:
                values |= {f"o{k}_{column}": float(self._rows[k][column]) for column in CHANNEL_COLUMNS}
        return rows, values
''',
    'frame_callbacks': r'''"""Each frame goes to the extension."""


def onFrameStart(frame):
    parent().ext.MultiverseExt.on_frame()  # noqa: F821  TouchDesigner's
''',
    'link': r'''"""Whether the engine is there, and when to ask it for what. Pure; time comes in.

UDP tells nobody that the other side is gone. The engine sends a heartbeat a second to whoever has subscribed; when
three are missing it is taken for gone, and the subscription is repeated until one comes. A new engine knows nobody: it
is found by the same repetition, and its values, sent with the subscription, replace those shown here.
"""

import math
from dataclasses import dataclass

LOST_AFTER_S = 3.0
RETRY_S = 2.0
STATUS_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """What is due now."""

    subscribe: bool = False
    ask_status: bool = False
    say_lost: bool = False


class Link:
    def __init__(self) -> None:
        self.is_connected = False
        self._heard_s = -math.inf
        self._next_subscription_s = -math.inf
        self._next_status_s = -math.inf

    def hear(self, now_s: float) -> bool:
        """A heartbeat, or the answer to a subscription, has come; whether that is a new connection."""
        self._heard_s = now_s
        is_new, self.is_connected = not self.is_connected, True
        return is_new

    def step(self, now_s: float) -> Todo:
        """What to do in this frame."""
        is_lost = self.is_connected and now_s - self._heard_s > LOST_AFTER_S
        if is_lost:
            self.start_over()
        if not self.is_connected:
            if now_s < self._next_subscription_s:
                return Todo(say_lost=is_lost)
            self._next_subscription_s = now_s + RETRY_S
            return Todo(subscribe=True, say_lost=is_lost)
        if now_s < self._next_status_s:
            return Todo()
        self._next_status_s = now_s + STATUS_S
        return Todo(ask_status=True)

    def start_over(self) -> None:
        """Not connected, and subscribing with the next step: lost, or another host or port was chosen."""
        self.is_connected = False
        self._next_subscription_s = self._next_status_s = -math.inf
''',
    'osc_in_callbacks': r'''"""What the OSC In DAT hears goes to the extension."""


def onReceiveOSC(dat, rowIndex, message, bytes, timeStamp, address, args, peer):
    dat.parent().ext.MultiverseExt.on_message(address, args)
''',
    'parameter_callbacks': r'''"""Changes and pulses of the component's parameters go to the extension."""


def onValueChange(par, prev):
    par.owner.ext.MultiverseExt.on_value(par)


def onPulse(par):
    par.owner.ext.MultiverseExt.on_pulse(par)
''',
    'parameters': r'''"""Custom parameters of a COMP, from what `layout` says of them, and those that belong to the component itself."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A parameter of the component itself; the members that `put` reads are those of `layout.Control`."""

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


def _shows(name: str, label: str, help: str, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, is_read_only=True, **more)


def _pulse(name: str, label: str, help: str, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, style="Pulse", default=None, **more)


def _port(name: str, label: str, default: int, help: str) -> Own:
    return Own(name=name, label=label, help=help, style="Int", default=default, low=1, high=65_535)


OWN_PAGES: tuple[tuple[str, tuple[Own, ...]], ...] = (
    (
        "Connect",
        (
            Own(name="Host", label="Host", default="127.0.0.1", help="The engine's machine; 127.0.0.1 is this one."),
            _port("Port", "OSC port", 9000, "Where the engine hears OSC: multiverse run --osc HOST:PORT."),
            _port("Listenport", "Listen port", 9010, "Where this component hears the engine; one for each component."),
            _port("Webport", "Web port", 9001, "The engine's page and OSCQuery: multiverse run --web HOST:PORT."),
            Own(name="Token", label="Token", help="For Fit Pages when the engine is another machine; it prints it."),
            _shows("Connected", "Connected", "On while the engine's heartbeat is heard.", style="Toggle", default=0),
            _shows("Message", "Message", "The latest thing that happened, and what to do about it."),
            _pulse("Fit", "Fit Pages", "Make the pages fit the running engine: read its parameters over OSCQuery."),
            Own(
                name="Audiochop",
                label="Audio CHOP",
                style="Toggle",
                default=1,
                help="Where the engine sends no audio features, ask for 60 a second: output 4. Off: leave its rate.",
            ),
            Own(
                name="Command",
                label="Command",
                default="multiverse",
                help="The program that Start Engine runs: a name on PATH, or its full path.",
                starts_section=True,
            ),
            Own(
                name="Options",
                label="Options",
                help="What follows `multiverse run --osc ... --web ...`: --audio demo --camera 0, for instance.",
            ),
            _pulse("Startengine", "Start Engine", "Run the engine here. It goes on when TouchDesigner ends."),
            _pulse("Stopengine", "Stop Engine", "End the engine; files being written are finished."),
        ),
    ),
    (
        "Show",
        (
            Own(name="Preset", label="Preset", style="Menu", help="The engine's presets."),
            Own(
                name="Presetfade",
                label="Fade (s)",
                style="Float",
                default=0.0,
                high=60.0,
                is_clamped=False,
                help="How long Load takes to get there; longer than 60 can be typed.",
            ),
            _pulse("Presetload", "Load", "/preset/load: bring the chosen preset in over the fade time."),
            Own(name="Presetname", label="Name", help="Under which Save writes the values of now."),
            _pulse("Presetsave", "Save", "/preset/save: write the values of now, over an older preset of that name."),
            _shows("Cuenow", "Cue", "The cue that went last.", starts_section=True),
            _pulse("Cuego", "Go", "/cue/go: the next cue."),
            _pulse("Cueback", "Back", "/cue/back: the cue before."),
        ),
    ),
    (
        "Pictures",
        (
            Own(
                name="Mainsender",
                label="Main contains",
                default="Multiverse",
                help="First output: the Syphon or Spout sender whose name contains this.",
            ),
            _shows("Mainfound", "Main is", "The sender that was found."),
            Own(
                name="Sdsender",
                label="SD contains",
                default="Multiverse SD",
                help="Second output: the picture of Stable Diffusion, by a part of its sender's name.",
            ),
            _shows("Sdfound", "SD is", "The sender that was found."),
            Own(
                name="Ndi",
                label="NDI",
                style="Toggle",
                default=0,
                starts_section=True,
                help="Third output: the picture of another machine's engine. It searches the network: off at first.",
            ),
            Own(name="Ndisource", label="NDI contains", default="Multiverse", help="A part of the NDI source's name."),
            Own(name="Ndiips", label="NDI addresses", help="Machines that NDI does not find by itself, with spaces."),
            _shows("Ndifound", "NDI is", "The source that was found."),
            Own(
                name="Sam3sender",
                label="SAM3 contains",
                default="Multiverse SAM3",
                starts_section=True,
                help="Fifth output: where SAM3 looks, with coloured masks over it, by a part of its sender's name.",
            ),
            _shows("Sam3found", "SAM3 is", "The sender that was found."),
            Own(
                name="Masksender",
                label="SAM3 mask contains",
                default="Multiverse SAM3 mask",
                help="Sixth output: the masks of SAM3 as numbers, by a part of its sender's name. Red is the object's "
                "id / 255, green its score, blue how much of the pixel it covers.",
            ),
            _shows("Maskfound", "SAM3 mask is", "The sender that was found."),
        ),
    ),
    (
        "Status",
        (
            _shows("State", "State", "Whether the engine answers."),
            _shows("Fps", "Frames/s", "Over the latest two seconds.", style="Float", default=0.0, high=120.0),
            _shows("Framep50", "Frame (ms)", "Time of a frame, median.", style="Float", default=0.0, high=100.0),
            _shows("Framep99", "Slowest (ms)", "Of 100 frames 99 take less.", style="Float", default=0.0, high=100.0),
            _shows("Late", "Late", "Frames published more than a period late.", style="Int", default=0, high=1000),
            _shows("Dropped", "Dropped", "Frames left out.", style="Int", default=0, high=1000),
            _shows("Size", "Size", "Width x height."),
            _shows("Renderer", "Renderer", "What draws."),
            _shows("Sound", "Sound", "What is heard, and its state."),
            _shows("Camera", "Camera", "What is seen, and its state."),
            _shows("Children", "Children", "Inference processes and their states.", starts_section=True),
            _shows("Sinks", "Sinks", "Where pictures go."),
            _shows("Warning", "Warning", "The engine's latest warning."),
            _shows("Fault", "Refused", "The latest command that failed, and why."),
        ),
    ),
)
OWN_NAMES = frozenset(own.name for _, owns in OWN_PAGES for own in owns)


def put_own_pages(comp: Any) -> None:
    for title, owns in OWN_PAGES:
        page = page_of(comp, title)
        for own in owns:
            for par in put(page, own):
                par.readOnly = own.is_read_only


def put(page: Any, control: Any) -> list[Any]:
    """Add the parameter to the page, or give the one of that name these attributes; its Pars."""
    group = getattr(page, f"append{control.style}")(control.name, label=control.label, replace=True)
    pars = [group[at] for at in range(4 if control.style == "RGBA" else 1)]
    for at, par in enumerate(pars):
        # Par.help is "Get or set" and "Read Only" in one line of its documentation (docs.derivative.ca/Par_Class).
        with suppress(AttributeError):
            par.help = control.help
        par.startSection = control.starts_section
        if control.style in ("Float", "Int", "RGBA"):
            par.min = par.normMin = control.low
            par.max = par.normMax = control.high
            par.clampMin = par.clampMax = control.is_clamped
        if control.style == "Menu":
            par.menuNames = par.menuLabels = list(control.menu)
        if control.style == "Pulse" or (control.style == "Menu" and not control.menu):
            continue
        par.default = control.default[at] if control.style == "RGBA" else control.default
        par.val = par.default
    return pars


def page_of(comp: Any, title: str) -> Any:
    """The custom page of that title, made where there is none."""
    for page in comp.customPages:
        if page.name == title:
            return page
    return comp.appendCustomPage(title)
''',
    'picture_inputs': r'''"""Pictures from other programs: each Syphon, Spout or NDI input is pointed at its sender, and a picture that does not
come is told of. TouchDesigner's main thread.

A Syphon Spout In TOP says nothing of a sender that is not there: it shows a placeholder of 128 x 128, without warning
or error. So what is there is read from its menu, and whether it comes from its size.
"""

import sys
from typing import Any

SENDERS = (
    ("main_in", "Mainsender", "Mainfound"),
    ("sd_in", "Sdsender", "Sdfound"),
    ("sam3_in", "Sam3sender", "Sam3found"),
    ("sam3_mask_in", "Masksender", "Maskfound"),
)  # each may be told from those after it by their longer names
PLACEHOLDER_PX = (128, 128)
# How many senders Spout takes unless the registry says otherwise: 10 by docs.derivative.ca/Syphon_Spout_In_TOP, which
# also asks for an Nvidia or AMD card; 64 by Spout's own library since 2020 (SpoutSenderNames.cpp).
SPOUT_LIMITS = (10, 64)
MAX_NON_COMMERCIAL_PX = 1280  # docs.derivative.ca/TOP
Size = tuple[int, int]


class PictureInputs:
    def __init__(self, comp: Any, senders: Any) -> None:
        """`senders` is the module of that name."""
        self._comp = comp
        self._senders = senders
        self._trouble = ""
        self._is_told = False

    def look(self) -> None:
        """Point each picture at the sender that contains what is asked for; none found: it stays as it is."""
        own, pick = self._own, self._senders.pick
        for place, (top, part, found) in enumerate(SENDERS, start=1):
            sender = self._comp.op(top).par.sendername
            others = [own(other) for _, other, _ in SENDERS[place:]]
            self._point(sender, found, pick(own(part), sender.menuNames, others))
        ndi = self._comp.op("ndi_in").par
        ndi.active, ndi.extraips = own("Ndi"), own("Ndiips")
        self._point(ndi.name, "Ndifound", pick(own("Ndisource"), ndi.name.menuNames) if own("Ndi") else "")

    def take_news(self, engine_px: Size | None) -> str:
        """What is wrong with the main picture, or that it has come; empty where nothing new is to be told.

        `engine_px` is the size of the engine's picture on this machine; None: unknown, or none is to be expected.
        What is wrong in two looks in a row is told, once: a sender may be a moment late.
        """
        trouble = "" if engine_px is None or self._own("Ndi") else self._trouble_of_main(engine_px)
        before, self._trouble = self._trouble, trouble
        if trouble != before:
            was_told, self._is_told = self._is_told, False
            name = self._own("Mainfound")
            return f"output 1 shows {name}" if was_told and not trouble and engine_px and name else ""
        if not trouble or self._is_told:
            return ""
        self._is_told = True
        return trouble

    def _trouble_of_main(self, engine_px: Size) -> str:
        top = self._comp.op("main_in")
        top.cook()  # nobody may be looking at it: what does not cook has the size of its last picture
        return main_trouble(
            self._own("Mainsender"), self._own("Mainfound"), len(top.par.sendername.menuNames), (top.width, top.height),
            engine_px, is_windows=sys.platform == "win32",
            is_non_commercial=licenses.isNonCommercial,  # noqa: F821  TouchDesigner's
        )  # fmt: skip

    def _point(self, sender: Any, shown_in: str, name: str) -> None:
        if name and sender.eval() != name:
            sender.val = name
        shown = getattr(self._comp.par, shown_in)
        if shown.eval() != name:
            shown.val = name

    def _own(self, name: str) -> Any:
        return getattr(self._comp.par, name).eval()


def main_trouble(
    part: str, name: str, senders: int, shown_px: Size, engine_px: Size, *, is_windows: bool, is_non_commercial: bool
) -> str:
    """Why output 1 does not show the engine's picture as it is: one line, or empty. Pure.

    `name` is the sender that contains `part`, or empty; `senders` counts all that are there.
    """
    placeholder = "TouchDesigner's placeholder, {} x {}".format(*PLACEHOLDER_PX)
    if not name:
        line = (
            f"no Syphon or Spout sender contains {part!r}: output 1 shows {placeholder}; see Sinks on the Status page"
        )
        full = f". {senders} senders are there, which may be all that Spout takes: end one"
        return line + (full if is_windows and senders in SPOUT_LIMITS else "")
    if shown_px == PLACEHOLDER_PX != engine_px:
        why = ": Spout In needs an Nvidia or AMD card" if is_windows else ""
        return f"{name} is there, and output 1 still shows {placeholder}{why}"
    if is_non_commercial and max(engine_px) > MAX_NON_COMMERCIAL_PX:
        size, most = " x ".join(map(str, engine_px)), f"{MAX_NON_COMMERCIAL_PX} x {MAX_NON_COMMERCIAL_PX}"
        return f"TouchDesigner Non-Commercial stops at {most}: the engine's {size} comes smaller"
    return ""
''',
    'senders': r'''"""Which of the senders that a menu lists is meant by a part of its name. Pure.

A sender's full name is not known beforehand: Syphon puts the application before it, Spout a number after it where the
name is taken, NDI the machine's name around it.
"""

from collections.abc import Iterable


def pick(part: str, names: Iterable[str], but_not: Iterable[str] = ()) -> str:
    """The shortest name that contains `part`, in any case, and nothing of `but_not`; empty where there is none."""
    wanted = part.strip().lower()
    unwanted = [other.strip().lower() for other in but_not]
    # Multiverse SD is told from Multiverse, not the other way round. What is empty is in all.
    unwanted = [other for other in unwanted if other not in wanted]
    found = [name for name in names if wanted and wanted in name.lower()]
    return min((name for name in found if not any(other in name.lower() for other in unwanted)), key=len, default="")
''',
    'status_page': r'''"""`/engine/status`, line by line, on the Status page and in the table `status`."""

from typing import Any

SHOWN = {"fps": "Fps", "frame_ms_p50": "Framep50", "frame_ms_p99": "Framep99", "late": "Late", "dropped": "Dropped"}
TEXTS = {"renderer": "Renderer", "audio": "Sound", "camera": "Camera"}


class StatusPage:
    def __init__(self, comp: Any) -> None:
        self._comp = comp
        self._lines: list[tuple[str, list[Any]]] = []
        self.size_px: tuple[int, int] | None = None
        """Width and height of the engine's picture; None before it has told them."""

    def say_connected(self, where: str) -> None:
        self._comp.par.State = f"connected to {where}"

    def say_lost(self) -> None:
        self._comp.par.State = "disconnected: no heartbeat for 3 s"
        self._comp.par.Fps = 0.0

    def take(self, address: str, args: list[Any]) -> None:
        """One line of an answer."""
        self._lines.append((address.removeprefix("/engine/status/"), args))

    def show(self) -> None:
        """The answer is whole."""
        lines, self._lines = self._lines, []
        par = self._comp.par
        facts = dict(lines)
        for what, name in SHOWN.items():
            if what in facts:
                setattr(par, name, facts[what][0])
        for what, name in TEXTS.items():
            setattr(par, name, " ".join(map(str, facts.get(what, []))))
        size = facts.get("size", [])
        self.size_px = (size[0], size[1]) if len(size) == 2 else None
        par.Size = " x ".join(map(str, size))
        children = [
            f"{what.split('/')[1]} {args[0]}"
            for what, args in lines
            if what.startswith("child/") and what.endswith("/state")
        ]
        par.Children = ", ".join(children) or "none in this run"
        sinks = [f"{what.split('/')[1]} {args[0]} {args[1]}" for what, args in lines if what.startswith("sink/")]
        par.Sinks = ", ".join(sinks) or "none"
        table = self._comp.op("status")
        table.clear()
        for what, args in lines:
            table.appendRow([what, *args])
''',
    'tree_reader': r'''"""The running engine's OSCQuery tree, read without holding up a frame."""

import json
import threading
import urllib.request
from typing import Any

TIMEOUT_S = 3.0


class TreeReader:
    """`start` and `take_result` on one thread, TouchDesigner's; the reading on its own, which touches no operator."""

    def __init__(self) -> None:
        self._result: dict[str, Any] | str | None = None
        self._thread: threading.Thread | None = None

    def start(self, host: str, port: int, token: str) -> None:
        """Begin to read; nothing where one is being read."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._read, args=(host, port, token), daemon=True)
            self._thread.start()

    def take_result(self) -> dict[str, Any] | str | None:
        """The tree, or why it could not be had; once. None while there is nothing."""
        result, self._result = self._result, None
        return result

    def _read(self, host: str, port: int, token: str) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            # No proxy: the engine is this machine or the one beside it.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=TIMEOUT_S) as response:
                tree = json.load(response)
            self._result = tree if isinstance(tree, dict) else f"{url}: is no OSCQuery server"
        except (OSError, ValueError) as error:
            self._result = f"{url}: {error}"
''',
    'layout': r'''"""TouchDesigner's parameter pages: one control a parameter, from the declarations or from a running engine's OSCQuery.

The text of this file is embedded in the component, where it fits the pages to whatever engine runs: so it imports
the standard library only, and knows a parameter as a plain mapping (`Leaf`).

TouchDesigner takes a parameter's name only as an upper-case letter followed by lower-case letters and digits. Its
manual advises fewer than 12 characters, preferably 10: longer ones are legal and unreadable in the parameter dialog
(docs.derivative.ca/Custom_Parameters). A name here is a pure function of its address, each word whole or as
`SHORT_WORDS` shortens it, so that it stays when others come and go: a patch that says `par.L1angle` goes on working.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Leaf = Mapping[str, Any]
"""address, type, default, low, high, step, unit, description, out_of_range, scale, menu, stops, area_title."""

MAX_NAME_CHARACTERS = 11
SHORT_WORDS = {
    # Typed most: L1angle, A2gaindb, Mvblend, Mfade.
    "layer": "l",
    "audio": "a",
    "multiverse": "mv",
    "master": "m",
    # A whole part of an address.
    "crossfade_s": "xfade",  # without its s, which would be read as a plural
    "duty_auto": "dtyauto",
    "flash_guard": "flash",
    "gpu_retrieval": "gpuretr",
    "hue_offset": "hueofs",
    "index_rate": "idxrate",
    "input_channel": "inchan",
    "interval_s": "intvl",
    "ip_adapter": "ipa",
    "mask_edge": "edge",
    "release_ms": "release",  # rel is read as relative
    "retrieval_power": "retrpow",
    "tempo_sync": "sync",
    # A word, wherever it stands.
    "background": "bg",
    "brightness": "bright",
    "colour": "col",
    "controlnet": "cn",
    "crossfade": "xfade",
    "engine": "eng",
    "fallback": "fallbk",
    "features": "feat",
    "feedback": "fb",
    "objects": "obj",
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
    "threshold": "thresh",
    "weight": "wt",
}
"""Add what a new address needs; never change a line: the names are in patches that people have saved."""
COLOUR_SUFFIXES = "rgba"
STYLES = {
    "float": "Float",
    "stops": "Float",
    "int": "Int",
    "bool": "Toggle",
    "menu": "Menu",
    "text": "Str",
    "file": "Str",  # a name on the engine's machine, where TouchDesigner's file dialog may not look
    "trigger": "Pulse",
    "colour": "RGBA",
}
_LEGAL_NAME = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One custom parameter, as `Page.append<style>` and the members of `Par` want it."""

    address: str
    name: str
    """Of a colour without the r, g, b or a that TouchDesigner appends."""
    label: str
    help: str
    style: str
    default: Any
    """None for a Pulse."""
    low: float
    high: float
    is_clamped: bool
    """Whether TouchDesigner keeps a number inside low..high; what wraps is left to the engine."""
    menu: tuple[str, ...]
    starts_section: bool
    """A line is drawn above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPage:
    title: str
    controls: tuple[Control, ...]


def control_pages(leaves: Iterable[Leaf]) -> tuple[ControlPage, ...]:
    """One page an area, in the order of `leaves`, what shares all but the last part of its address side by side.

    Raises ValueError where two addresses would share a name.
    """
    areas: dict[str, dict[str, list[Leaf]]] = {}
    for leaf in leaves:
        areas.setdefault(leaf["area_title"], {}).setdefault(leaf["address"].rpartition("/")[0], []).append(leaf)
    pages = []
    addresses: dict[str, str] = {}
    for title, folders in areas.items():
        controls: list[Control] = []
        for folder in folders.values():
            controls += [_control(leaf, bool(controls) and at == 0) for at, leaf in enumerate(folder)]
        for control in controls:
            for name in names_of(control):
                taken_by = addresses.setdefault(name, control.address)
                if taken_by != control.address:
                    raise ValueError(f"{control.address} and {taken_by} would both be called {name}")
        pages.append(ControlPage(title=title, controls=tuple(controls)))
    return tuple(pages)


def names_of(control: Control) -> tuple[str, ...]:
    """The names of its parameters: four of a colour, else one."""
    if control.style == "RGBA":
        return tuple(control.name + suffix for suffix in COLOUR_SUFFIXES)
    return (control.name,)


def parameter_name(address: str) -> str:
    """`/layer/1/angle` -> `L1angle`, of a colour without its last letter. ValueError where TouchDesigner allows none.

    It may be longer than MAX_NAME_CHARACTERS: of an engine newer than this table.
    """
    words = []
    for part in address.lower().strip("/").split("/"):
        words += [part] if part in SHORT_WORDS else re.split(r"[^a-z0-9]+", part)
    name = "".join(SHORT_WORDS.get(word, word) for word in words).capitalize()
    if not _LEGAL_NAME.fullmatch(name):
        raise ValueError(f"{address}: TouchDesigner allows no parameter called {name!r}")
    return name


def require_short_names(pages: Iterable[ControlPage]) -> None:
    """Raise ValueError for a name of more than MAX_NAME_CHARACTERS."""
    for page in pages:
        for control in page.controls:
            name = max(names_of(control), key=len)
            if len(name) > MAX_NAME_CHARACTERS:
                raise ValueError(
                    f"{control.address}: {name} has {len(name)} characters, and a page of TouchDesigner has room for "
                    f"{MAX_NAME_CHARACTERS}: add a short form of one of its words, or of a whole part of the address, "
                    "to SHORT_WORDS in osc_schema/generate/touchdesigner.py"
                )


def require_same_names(released: Iterable[ControlPage], pages: Iterable[ControlPage]) -> None:
    """Raise ValueError for an address that has another name in `pages` than it has in `released`."""
    names = {control.address: control.name for page in released for control in page.controls}
    for page in pages:
        for control in page.controls:
            name = names.get(control.address, control.name)
            if name != control.name:
                raise ValueError(
                    f"{control.address}: would be called {control.name}, and is {name} in patches that people have "
                    "saved (touchdesigner/generated/pages.json): leave what makes that name in SHORT_WORDS in "
                    "osc_schema/generate/touchdesigner.py"
                )


def pages_json(pages: Iterable[ControlPage]) -> str:
    """The pages as JSON, one control a line; ASCII, which reads the same in every Windows locale."""
    blocks = []
    for page in pages:
        lines = ",\n".join("  " + json.dumps(asdict(control)) for control in page.controls)
        blocks.append(f' {{"title": {json.dumps(page.title)}, "controls": [\n{lines}\n ]}}')
    return "[\n" + ",\n".join(blocks) + "\n]\n"


def read_pages(text: str) -> tuple[ControlPage, ...]:
    """What `pages_json` wrote."""
    return tuple(
        ControlPage(
            title=page["title"],
            controls=tuple(
                Control(**{key: _frozen(value) for key, value in control.items()}) for control in page["controls"]
            ),
        )
        for page in json.loads(text)
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def leaves_of(node: Mapping[str, Any]) -> Iterable[Leaf]:
    """The parameters of an OSCQuery tree, in its order; commands, which carry no value, are left out."""
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


def _control(leaf: Leaf, starts_section: bool) -> Control:
    address, kind = leaf["address"], leaf["type"]
    return Control(
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
    """`/sd/crossfade_s` -> `Crossfade (s)`. The first part goes, where it is the page's own name."""
    parts = address.strip("/").split("/")
    if len(parts) > 1 and not parts[1].isdigit():
        parts = parts[1:]
    words = " ".join(parts).replace("_", " ").split()
    shown_unit = unit if unit != "characters" else ""
    if shown_unit and words[-1] == shown_unit.lower():
        words = words[:-1]
    text = " ".join(words)
    return text[:1].upper() + text[1:] + (f" ({shown_unit})" if shown_unit else "")


def _help(leaf: Leaf) -> str:
    kind, notes = leaf["type"], []
    if kind in ("float", "int", "stops"):
        notes.append(f"{leaf['low']:g} to {leaf['high']:g} {leaf['unit']}".strip())
    if kind == "int" and leaf.get("step", 1) > 1:
        notes.append(f"in steps of {leaf['step']}")
    if leaf["stops"]:
        notes.append("; ".join(f"{at} {name}" for at, name in enumerate(leaf["stops"])))
    return f"{leaf['description']}\n{leaf['address']}" + (f"   {', '.join(notes)}" if notes else "")
''',
    'readme': r'''# Multiverse in TouchDesigner

One component with every control of the engine as a custom parameter, its pictures as TOPs, its audio features and what
SAM3 finds as CHOP channels. It needs TouchDesigner 2023.11000 or newer. In the textport:

```python
exec(open(r"/path/to/touchdesigner/build_component.py", encoding="utf-8").read())
```

Outputs: 1 the picture, 2 the picture of Stable Diffusion, 3 NDI from another machine, 4 audio features (CHOP), 5 where
SAM3 looks with masks over it, 6 its masks as numbers, 7 where its objects are (CHOP). *Message* on the page Connect says
what happened last and what to do about it.

The whole page, with what goes wrong and what to do then: [`docs/touchdesigner.md`](../docs/touchdesigner.md) of the
project. [`example.py`](example.py) is a small network around the component.
''',
    'pages': r'''[
 {"title": "Multiverse", "controls": [
  {"address": "/mode", "name": "Mode", "label": "Mode", "help": "multiverse: the four layers; simple: the SD picture alone, or the camera while SD is off.\n/mode", "style": "Menu", "default": "multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["multiverse", "simple"], "starts_section": false},
  {"address": "/multiverse/blend", "name": "Mvblend", "label": "Blend", "help": "How each layer meets those before it. Between two stops their results are crossfaded.\n/multiverse/blend   0 to 3, 0 add; 1 screen; 2 difference; 3 dodge", "style": "Float", "default": 2.0, "low": 0.0, "high": 3.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/multiverse/brightness", "name": "Mvbright", "label": "Brightness", "help": "Gain of the mixed picture, after layer 5 and before the tone curve.\n/multiverse/brightness   0 to 4", "style": "Float", "default": 3.8, "low": 0.0, "high": 4.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/multiverse/bias", "name": "Mvbias", "label": "Bias", "help": "Grey level of silence. 0: silence is dark; 0.5 is the original VAV look (silence is half bright).\n/multiverse/bias   0 to 0.5", "style": "Float", "default": 0.0, "low": 0.0, "high": 0.5, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/multiverse/tone", "name": "Mvtone", "label": "Tone", "help": "soft: rolls bright parts off, (x/(1+x))^0.8; clip: cuts them at white, as the original did.\n/multiverse/tone", "style": "Menu", "default": "clip", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["soft", "clip"], "starts_section": false},
  {"address": "/multiverse/alpha", "name": "Mvalpha", "label": "Alpha", "help": "Alpha of the published picture. luma: premultiplied, the largest of red, green and blue, for compositing. Belongs to the wiring behind the engine, so presets and panic leave it.\n/multiverse/alpha", "style": "Menu", "default": "opaque", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["opaque", "luma"], "starts_section": false},
  {"address": "/multiverse/window_ms", "name": "Mvwindowms", "label": "Window (ms)", "help": "Length of sound that one width of the picture shows.\n/multiverse/window_ms   5 to 1000 ms", "style": "Float", "default": 11.0, "low": 5.0, "high": 1000.0, "is_clamped": true, "menu": [], "starts_section": false}
 ]},
 {"title": "Colour", "controls": [
  {"address": "/colour/mode", "name": "Colmode", "label": "Mode", "help": "pitch: C is red, an octave is once round the hue circle; scheme: the hues of /colour/scheme.\n/colour/mode", "style": "Menu", "default": "pitch", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["pitch", "scheme"], "starts_section": false},
  {"address": "/colour/base_hue", "name": "Colbasehue", "label": "Base hue (turns)", "help": "Turns the hues of all layers together; 1 is once round.\n/colour/base_hue   0 to 1 turns", "style": "Float", "default": 0.57, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/colour/glide_ms", "name": "Colglidems", "label": "Glide (ms)", "help": "In pitch mode a layer's hue goes to that of a new note with this time constant, the short way round, and slower the less sure the pitch is: noise does not move it. 0: at once, whatever is heard.\n/colour/glide_ms   0 to 10000 ms", "style": "Float", "default": 1500.0, "low": 0.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/colour/scheme", "name": "Colscheme", "label": "Scheme", "help": "Hues of layers 1 to 4 in scheme mode. 0: 0 1/4 1/2 3/4; 0.5: 0 1/3 2/3 1/2; 1: 0 1/3 2/3 1/6.\n/colour/scheme   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/colour/spread", "name": "Colspread", "label": "Spread", "help": "How far apart the layers' hues may lie. 1: anywhere on the hue circle; 0: all at the base hue; between, the hues of the pitches or of the scheme are drawn together around it.\n/colour/spread   0 to 1", "style": "Float", "default": 0.14, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false}
 ]},
 {"title": "Layers", "controls": [
  {"address": "/layer/1/intensity", "name": "L1intensity", "label": "Layer 1 intensity", "help": "Strength of layer 1; at 0 it is gone, without a jump on the way.\n/layer/1/intensity   0 to 1.5", "style": "Float", "default": 1.3, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/1/angle", "name": "L1angle", "label": "Layer 1 angle (deg)", "help": "Turns layer 1 clockwise about the centre.\n/layer/1/angle   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/1/curve", "name": "L1curve", "label": "Layer 1 curve", "help": "Bends the stripes of layer 1; 0 is straight.\n/layer/1/curve   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/1/phase", "name": "L1phase", "label": "Layer 1 phase (widths)", "help": "Shifts the wave of layer 1 along itself; 1 is one width.\n/layer/1/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/1/ratio", "name": "L1ratio", "label": "Layer 1 ratio (widths)", "help": "Widths of wave that layer 1 shows: below 1 stretches the wave, above 1 repeats it.\n/layer/1/ratio   0.0625 to 16 widths", "style": "Float", "default": 0.8, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/1/wrap", "name": "L1wrap", "label": "Layer 1 wrap", "help": "What follows where the wave of layer 1 ends. mirror: it runs back, without a seam; repeat: it starts again with a seam, as the original did.\n/layer/1/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false},
  {"address": "/layer/1/mute", "name": "L1mute", "label": "Layer 1 mute", "help": "Takes layer 1 out.\n/layer/1/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/1/solo", "name": "L1solo", "label": "Layer 1 solo", "help": "Shows layer 1 and the other soloed layers, no others of 1 to 4.\n/layer/1/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/2/intensity", "name": "L2intensity", "label": "Layer 2 intensity", "help": "Strength of layer 2; at 0 it is gone, without a jump on the way.\n/layer/2/intensity   0 to 1.5", "style": "Float", "default": 1.3, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/layer/2/angle", "name": "L2angle", "label": "Layer 2 angle (deg)", "help": "Turns layer 2 clockwise about the centre.\n/layer/2/angle   -180 to 180 deg", "style": "Float", "default": 45.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/2/curve", "name": "L2curve", "label": "Layer 2 curve", "help": "Bends the stripes of layer 2; 0 is straight.\n/layer/2/curve   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/2/phase", "name": "L2phase", "label": "Layer 2 phase (widths)", "help": "Shifts the wave of layer 2 along itself; 1 is one width.\n/layer/2/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/2/ratio", "name": "L2ratio", "label": "Layer 2 ratio (widths)", "help": "Widths of wave that layer 2 shows: below 1 stretches the wave, above 1 repeats it.\n/layer/2/ratio   0.0625 to 16 widths", "style": "Float", "default": 1.1, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/2/wrap", "name": "L2wrap", "label": "Layer 2 wrap", "help": "What follows where the wave of layer 2 ends. mirror: it runs back, without a seam; repeat: it starts again with a seam, as the original did.\n/layer/2/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false},
  {"address": "/layer/2/mute", "name": "L2mute", "label": "Layer 2 mute", "help": "Takes layer 2 out.\n/layer/2/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/2/solo", "name": "L2solo", "label": "Layer 2 solo", "help": "Shows layer 2 and the other soloed layers, no others of 1 to 4.\n/layer/2/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/3/intensity", "name": "L3intensity", "label": "Layer 3 intensity", "help": "Strength of layer 3; at 0 it is gone, without a jump on the way.\n/layer/3/intensity   0 to 1.5", "style": "Float", "default": 1.2, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/layer/3/angle", "name": "L3angle", "label": "Layer 3 angle (deg)", "help": "Turns layer 3 clockwise about the centre.\n/layer/3/angle   -180 to 180 deg", "style": "Float", "default": 90.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/3/curve", "name": "L3curve", "label": "Layer 3 curve", "help": "Bends the stripes of layer 3; 0 is straight.\n/layer/3/curve   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/3/phase", "name": "L3phase", "label": "Layer 3 phase (widths)", "help": "Shifts the wave of layer 3 along itself; 1 is one width.\n/layer/3/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/3/ratio", "name": "L3ratio", "label": "Layer 3 ratio (widths)", "help": "Widths of wave that layer 3 shows: below 1 stretches the wave, above 1 repeats it.\n/layer/3/ratio   0.0625 to 16 widths", "style": "Float", "default": 1.6, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/3/wrap", "name": "L3wrap", "label": "Layer 3 wrap", "help": "What follows where the wave of layer 3 ends. mirror: it runs back, without a seam; repeat: it starts again with a seam, as the original did.\n/layer/3/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false},
  {"address": "/layer/3/mute", "name": "L3mute", "label": "Layer 3 mute", "help": "Takes layer 3 out.\n/layer/3/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/3/solo", "name": "L3solo", "label": "Layer 3 solo", "help": "Shows layer 3 and the other soloed layers, no others of 1 to 4.\n/layer/3/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/4/intensity", "name": "L4intensity", "label": "Layer 4 intensity", "help": "Strength of layer 4; at 0 it is gone, without a jump on the way.\n/layer/4/intensity   0 to 1.5", "style": "Float", "default": 0.8, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/layer/4/angle", "name": "L4angle", "label": "Layer 4 angle (deg)", "help": "Turns layer 4 clockwise about the centre.\n/layer/4/angle   -180 to 180 deg", "style": "Float", "default": 135.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/4/curve", "name": "L4curve", "label": "Layer 4 curve", "help": "Bends the stripes of layer 4; 0 is straight.\n/layer/4/curve   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/4/phase", "name": "L4phase", "label": "Layer 4 phase (widths)", "help": "Shifts the wave of layer 4 along itself; 1 is one width.\n/layer/4/phase   0 to 1 widths", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/4/ratio", "name": "L4ratio", "label": "Layer 4 ratio (widths)", "help": "Widths of wave that layer 4 shows: below 1 stretches the wave, above 1 repeats it.\n/layer/4/ratio   0.0625 to 16 widths", "style": "Float", "default": 0.2, "low": 0.0625, "high": 16.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/4/wrap", "name": "L4wrap", "label": "Layer 4 wrap", "help": "What follows where the wave of layer 4 ends. mirror: it runs back, without a seam; repeat: it starts again with a seam, as the original did.\n/layer/4/wrap", "style": "Menu", "default": "mirror", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["mirror", "repeat"], "starts_section": false},
  {"address": "/layer/4/mute", "name": "L4mute", "label": "Layer 4 mute", "help": "Takes layer 4 out.\n/layer/4/mute", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/4/solo", "name": "L4solo", "label": "Layer 4 solo", "help": "Shows layer 4 and the other soloed layers, no others of 1 to 4.\n/layer/4/solo", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/5/source", "name": "L5source", "label": "Layer 5 source", "help": "Picture on layer 5. auto: the SD picture while SD is on, else the camera.\n/layer/5/source", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "camera", "sd", "off"], "starts_section": true},
  {"address": "/layer/5/intensity", "name": "L5intensity", "label": "Layer 5 intensity", "help": "How much of layer 5 is mixed in (Camera Intensity of the original).\n/layer/5/intensity   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/layer/5/mirror", "name": "L5mirror", "label": "Layer 5 mirror", "help": "Flips layer 5 left to right, as a mirror would.\n/layer/5/mirror", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/layer/5/matte", "name": "L5matte", "label": "Layer 5 matte", "help": "Part of layer 5 that is used, cut out by SAM3. subject: what it finds; background: all but that; all: the whole picture, as it is for the others while there are no masks yet.\n/layer/5/matte", "style": "Menu", "default": "all", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["all", "subject", "background"], "starts_section": false},
  {"address": "/layer/5/matte_sync", "name": "L5mattesync", "label": "Layer 5 matte sync", "help": "While layer 5 is cut out it is shown as it was when its masks were found: nothing trails, but it moves only as often as SAM3 answers. Off: always the newest picture.\n/layer/5/matte_sync", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}
 ]},
 {"title": "Regions", "controls": [
  {"address": "/region/enable", "name": "Rgnenable", "label": "Enable", "help": "Lets the region map choose the leading layer at each place.\n/region/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/region/mode", "name": "Rgnmode", "label": "Mode", "help": "How the map is made: from luma, hue, the four quarters of the picture, its outlines, or from the objects that SAM3 finds: the best is region 0, the next 1, 2 and 3, and while they are followed each keeps its region. edges draws quadrant where there is no outline, sam3 while there are no masks yet.\n/region/mode", "style": "Menu", "default": "brightness", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["brightness", "colour", "quadrant", "edges", "sam3"], "starts_section": false},
  {"address": "/region/spread", "name": "Rgnspread", "label": "Spread", "help": "Weight of the three layers that do not lead; 1: as if there were no map.\n/region/spread   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/region/equalise", "name": "Rgnequalise", "label": "Equalise", "help": "Brightness thresholds at the quartiles, so that all four regions exist in any picture; off: at 1/4, 1/2, 3/4.\n/region/equalise", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/region/hue_offset", "name": "Rgnhueofs", "label": "Hue offset (turns)", "help": "Where the first of the four hue quarters begins.\n/region/hue_offset   0 to 1 turns", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/region/sat_min", "name": "Rgnsatmin", "label": "Sat min", "help": "In colour mode greyer places than this go by brightness.\n/region/sat_min   0 to 1", "style": "Float", "default": 0.2, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/region/background", "name": "Rgnbg", "label": "Background", "help": "In sam3 mode the region of what is in none of the four objects (0 is layer 1).\n/region/background   0 to 3", "style": "Int", "default": 3, "low": 0, "high": 3, "is_clamped": true, "menu": [], "starts_section": false}
 ]},
 {"title": "Stable Diffusion", "controls": [
  {"address": "/sd/enable", "name": "Sdenable", "label": "Enable", "help": "Switches the SD picture on. Refused while no model is configured.\n/sd/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/model", "name": "Sdmodel", "label": "Model", "help": "Another model: a name in the configured model folders. The old one paints on until the new one is ready. Empty: the configured model.\n/sd/model", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/prompt", "name": "Sdprompt", "label": "Prompt", "help": "What the picture shall show.\n/sd/prompt", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/negative", "name": "Sdnegative", "label": "Negative", "help": "What it shall not show; needs a guidance above 1.\n/sd/negative", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/prompt_b", "name": "Sdpromptb", "label": "Prompt b", "help": "Second prompt, mixed in by /sd/prompt_mix.\n/sd/prompt_b", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/prompt_mix", "name": "Sdpromptmix", "label": "Prompt mix", "help": "From the prompt (0) to the second one (1).\n/sd/prompt_mix   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/clip_skip", "name": "Sdclipskip", "label": "Clip skip", "help": "Layer of the text encoder that is read, from the end, as CivitAI counts: 1 the last, 2 the last but one. 0: the model's own.\n/sd/clip_skip   0 to 12", "style": "Int", "default": 0, "low": 0, "high": 12, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/seed", "name": "Sdseed", "label": "Seed", "help": "The noise to start from: the same seed and picture give the same result. -1: new noise each time.\n/sd/seed   -1 to 2.14748e+09", "style": "Int", "default": 1, "low": -1, "high": 2147483647, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/steps", "name": "Sdsteps", "label": "Steps", "help": "Steps from noise to picture; `strength` of them are made: of 2 at 0.5 one. More is finer and slower.\n/sd/steps   1 to 20", "style": "Int", "default": 2, "low": 1, "high": 20, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/strength", "name": "Sdstrength", "label": "Strength", "help": "How far the result may leave the picture it is fed. Whole steps are made, at least one: with 2 steps it moves at 1 only, with 20 at each 0.05.\n/sd/strength   0.05 to 1", "style": "Float", "default": 0.5, "low": 0.05, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/guidance", "name": "Sdguidance", "label": "Guidance", "help": "How hard the prompt pulls; 1 is off. LCM models want 1 to 2; turbo, lightning and most Hyper-SD have none. A model that takes it as an input (LCM_Dreamshaper_v7) has its own 8 at 1.\n/sd/guidance   1 to 15", "style": "Float", "default": 1.0, "low": 1.0, "high": 15.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/cfg_type", "name": "Sdcfgtype", "label": "Cfg type", "help": "How guidance above 1 is worked out while streaming. full: exact, twice the work; self and initialise: estimated, almost free; none: no guidance.\n/sd/cfg_type", "style": "Menu", "default": "self", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["self", "full", "initialise", "none"], "starts_section": false},
  {"address": "/sd/delta", "name": "Sddelta", "label": "Delta", "help": "Strength of the estimate of cfg_type self and initialise.\n/sd/delta   0 to 2", "style": "Float", "default": 1.0, "low": 0.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/mode", "name": "Sdmode", "label": "Mode", "help": "stream: all steps of consecutive pictures in one call (models made for few steps); single: one picture after the other.\n/sd/mode", "style": "Menu", "default": "stream", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stream", "single"], "starts_section": false},
  {"address": "/sd/t_index", "name": "Sdtindex", "label": "T index", "help": "For experts: places in the 50-step table, from noisy to clean, such as `32 45`; overrides steps and strength while streaming. Empty: not used.\n/sd/t_index", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/interval_s", "name": "Sdintvl", "label": "Interval (s)", "help": "Least time from picture to picture; 0: as fast as it can.\n/sd/interval_s   0 to 10 s", "style": "Float", "default": 0.0, "low": 0.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/width", "name": "Sdwidth", "label": "Width (px)", "help": "Width of the SD picture.\n/sd/width   64 to 1024 px, in steps of 64", "style": "Int", "default": 512, "low": 64, "high": 1024, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/height", "name": "Sdheight", "label": "Height (px)", "help": "Height of the SD picture.\n/sd/height   64 to 1024 px, in steps of 64", "style": "Int", "default": 512, "low": 64, "high": 1024, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/source", "name": "Sdsource", "label": "Source", "help": "What SD repaints. auto: the camera where there is one, else the Multiverse; multiverse: the finished picture, with SD in it where it is shown; video: the file of --sd-video; feedback: its own last picture, moved.\n/sd/source", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "camera", "multiverse", "video", "feedback"], "starts_section": false},
  {"address": "/sd/duty", "name": "Sdduty", "label": "Duty", "help": "Share of the time that SD may work, where duty_auto is off.\n/sd/duty   0.05 to 1", "style": "Float", "default": 1.0, "low": 0.05, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/duty_auto", "name": "Sddtyauto", "label": "Duty auto", "help": "Lets SD take what the picture leaves: less after late frames, slowly more again. Off: /sd/duty.\n/sd/duty_auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/slice_ms", "name": "Sdslicems", "label": "Slice (ms)", "help": "Longest stretch of GPU work before SD looks whether the picture needs the GPU.\n/sd/slice_ms   1 to 50 ms", "style": "Float", "default": 4.0, "low": 1.0, "high": 50.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/gate", "name": "Sdgate", "label": "Gate", "help": "Lets SD wait while the picture is being drawn.\n/sd/gate", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/oom", "name": "Sdoom", "label": "Oom", "help": "When the GPU's memory is full. stop: SD ends with a message; shrink: it goes on 64 px smaller.\n/sd/oom", "style": "Menu", "default": "stop", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["stop", "shrink"], "starts_section": false},
  {"address": "/sd/paused", "name": "Sdpaused", "label": "Paused", "help": "Lets SD rest; its last picture stays.\n/sd/paused", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/freeze", "name": "Sdfreeze", "label": "Freeze", "help": "Holds the SD picture while SD works on.\n/sd/freeze", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/crossfade_s", "name": "Sdxfade", "label": "Crossfade (s)", "help": "Time in which a new SD picture replaces the old, but never longer than new pictures take to come.\n/sd/crossfade_s   0 to 5 s", "style": "Float", "default": 1.0, "low": 0.0, "high": 5.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/fallback", "name": "Sdfallbk", "label": "Fallback", "help": "What is shown while SD is away. hold: its last picture; black; source: what it is fed, in its size (of feedback its last picture).\n/sd/fallback", "style": "Menu", "default": "hold", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["hold", "black", "source"], "starts_section": false},
  {"address": "/sd/feedback/zoom", "name": "Sdfbzoom", "label": "Feedback zoom", "help": "Growth of the last picture before it is painted again.\n/sd/feedback/zoom   0.9 to 1.1", "style": "Float", "default": 1.02, "low": 0.9, "high": 1.1, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/sd/feedback/rotate", "name": "Sdfbrotate", "label": "Feedback rotate (deg)", "help": "Turn of the last picture before it is painted again, clockwise.\n/sd/feedback/rotate   -180 to 180 deg", "style": "Float", "default": 0.0, "low": -180.0, "high": 180.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sd/similarity/enable", "name": "Sdsimenable", "label": "Similarity enable", "help": "Leaves pictures out that hardly differ from the last.\n/sd/similarity/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sd/similarity/threshold", "name": "Sdsimthresh", "label": "Similarity threshold", "help": "How alike pictures must be to be left out.\n/sd/similarity/threshold   0.5 to 0.999", "style": "Float", "default": 0.98, "low": 0.5, "high": 0.999, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/controlnet/1/enable", "name": "Sdcn1enable", "label": "Controlnet 1 enable", "help": "Lets ControlNet 1 of the configuration steer the picture.\n/sd/controlnet/1/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sd/controlnet/1/scale", "name": "Sdcn1scale", "label": "Controlnet 1 scale", "help": "Strength of ControlNet 1; at 0 it changes nothing.\n/sd/controlnet/1/scale   0 to 2", "style": "Float", "default": 1.0, "low": 0.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/controlnet/1/source", "name": "Sdcn1source", "label": "Controlnet 1 source", "help": "What ControlNet 1 sees. input: the picture that SD is fed; edges: its outlines, white on black; sam3: the objects that SAM3 finds, in the colours that segmentation ControlNets know.\n/sd/controlnet/1/source", "style": "Menu", "default": "input", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["input", "edges", "sam3"], "starts_section": false},
  {"address": "/sd/controlnet/2/enable", "name": "Sdcn2enable", "label": "Controlnet 2 enable", "help": "Lets ControlNet 2 of the configuration steer the picture.\n/sd/controlnet/2/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sd/controlnet/2/scale", "name": "Sdcn2scale", "label": "Controlnet 2 scale", "help": "Strength of ControlNet 2; at 0 it changes nothing.\n/sd/controlnet/2/scale   0 to 2", "style": "Float", "default": 1.0, "low": 0.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/controlnet/2/source", "name": "Sdcn2source", "label": "Controlnet 2 source", "help": "What ControlNet 2 sees. input: the picture that SD is fed; edges: its outlines, white on black; sam3: the objects that SAM3 finds, in the colours that segmentation ControlNets know.\n/sd/controlnet/2/source", "style": "Menu", "default": "input", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["input", "edges", "sam3"], "starts_section": false},
  {"address": "/sd/ip_adapter/image", "name": "Sdipaimage", "label": "Ip adapter image", "help": "Picture that the IP-Adapter follows: a name in the pictures folder. Empty: none.\n/sd/ip_adapter/image", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sd/ip_adapter/scale", "name": "Sdipascale", "label": "Ip adapter scale", "help": "Strength of that picture; at 0 it changes nothing.\n/sd/ip_adapter/scale   0 to 1.5", "style": "Float", "default": 0.6, "low": 0.0, "high": 1.5, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sd/lora/1/weight", "name": "Sdlora1wt", "label": "Lora 1 weight", "help": "Strength of LoRA 1 of the configuration; 0: without it. A tag `<lora:name:0.8>` in the prompt sets it, too; the last one touched counts.\n/sd/lora/1/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/sd/lora/2/weight", "name": "Sdlora2wt", "label": "Lora 2 weight", "help": "Strength of LoRA 2 of the configuration; 0: without it. A tag `<lora:name:0.8>` in the prompt sets it, too; the last one touched counts.\n/sd/lora/2/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/sd/lora/3/weight", "name": "Sdlora3wt", "label": "Lora 3 weight", "help": "Strength of LoRA 3 of the configuration; 0: without it. A tag `<lora:name:0.8>` in the prompt sets it, too; the last one touched counts.\n/sd/lora/3/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/sd/lora/4/weight", "name": "Sdlora4wt", "label": "Lora 4 weight", "help": "Strength of LoRA 4 of the configuration; 0: without it. A tag `<lora:name:0.8>` in the prompt sets it, too; the last one touched counts.\n/sd/lora/4/weight   -2 to 2", "style": "Float", "default": 1.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": true}
 ]},
 {"title": "SAM3", "controls": [
  {"address": "/sam3/enable", "name": "Sam3enable", "label": "Enable", "help": "Switches SAM3 on. Refused while no model is configured.\n/sam3/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/source", "name": "Sam3source", "label": "Source", "help": "Where SAM3 looks. auto: the camera where there is one, else the Multiverse; video: the file of --sam3-video; multiverse: the finished picture; sd: the picture of Stable Diffusion.\n/sam3/source", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "camera", "video", "multiverse", "sd"], "starts_section": false},
  {"address": "/sam3/mode", "name": "Sam3mode", "label": "Mode", "help": "image: every picture by itself, ids by rank; track: objects are followed and keep their ids.\n/sam3/mode", "style": "Menu", "default": "image", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["image", "track"], "starts_section": false},
  {"address": "/sam3/threshold", "name": "Sam3thresh", "label": "Threshold", "help": "Least score of an object, 0 to 1.\n/sam3/threshold   0.05 to 0.95", "style": "Float", "default": 0.5, "low": 0.05, "high": 0.95, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/max_objects", "name": "Sam3maxobj", "label": "Max objects", "help": "Most objects at once; the best are kept.\n/sam3/max_objects   1 to 16", "style": "Int", "default": 16, "low": 1, "high": 16, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/mask_edge", "name": "Sam3edge", "label": "Mask edge", "help": "Edges of masks in the texture `Multiverse SAM3` and of layer 5's matte: soft: graded; hard: cut at one half.\n/sam3/mask_edge", "style": "Menu", "default": "soft", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["soft", "hard"], "starts_section": false},
  {"address": "/sam3/opacity", "name": "Sam3opacity", "label": "Opacity", "help": "Strength of the colours over the picture in `Multiverse SAM3`.\n/sam3/opacity   0 to 1", "style": "Float", "default": 0.5, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/fallback", "name": "Sam3fallbk", "label": "Fallback", "help": "What masks do while SAM3 is away. hold: the last ones stay; source: as if there were none: the picture without colours, all of layer 5, regions by quadrant.\n/sam3/fallback", "style": "Menu", "default": "hold", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["hold", "source"], "starts_section": false},
  {"address": "/sam3/interval_s", "name": "Sam3intvl", "label": "Interval (s)", "help": "Least time from result to result; 0: as fast as it can.\n/sam3/interval_s   0 to 10 s", "style": "Float", "default": 0.0, "low": 0.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/resolution", "name": "Sam3res", "label": "Resolution (px)", "help": "Side of the square the picture is scaled to: 1008 finds most, 336 is a tenth of the work. The old one works on until the new one is ready.\n/sam3/resolution   336 to 1008 px, in steps of 336", "style": "Int", "default": 1008, "low": 336, "high": 1008, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/duty", "name": "Sam3duty", "label": "Duty", "help": "Share of the time that SAM3 may work, where duty_auto is off.\n/sam3/duty   0.05 to 1", "style": "Float", "default": 1.0, "low": 0.05, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/duty_auto", "name": "Sam3dtyauto", "label": "Duty auto", "help": "Lets SAM3 take what the picture leaves: less after late frames, slowly more again. Off: /sam3/duty.\n/sam3/duty_auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/slice_ms", "name": "Sam3slicems", "label": "Slice (ms)", "help": "Longest stretch of GPU work before SAM3 looks whether the picture needs the GPU.\n/sam3/slice_ms   1 to 50 ms", "style": "Float", "default": 4.0, "low": 1.0, "high": 50.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/sam3/gate", "name": "Sam3gate", "label": "Gate", "help": "Lets SAM3 wait while the picture is being drawn.\n/sam3/gate", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/compile", "name": "Sam3compile", "label": "Compile", "help": "Compiles the model: minutes at the start, faster after it. The one before works on meanwhile.\n/sam3/compile", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/offload", "name": "Sam3offload", "label": "Offload", "help": "Keeps the weights in main memory and brings them to the GPU as they are used: for small cards, slow.\n/sam3/offload", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/prompt/1", "name": "Sam3prompt1", "label": "Prompt 1", "help": "Concept 1 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/1", "style": "Str", "default": "person", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sam3/prompt/2", "name": "Sam3prompt2", "label": "Prompt 2", "help": "Concept 2 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/2", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/prompt/3", "name": "Sam3prompt3", "label": "Prompt 3", "help": "Concept 3 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/3", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sam3/prompt/4", "name": "Sam3prompt4", "label": "Prompt 4", "help": "Concept 4 to find, in a few words, such as `person in red`. Empty: not used.\n/sam3/prompt/4", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}
 ]},
 {"title": "Voice", "controls": [
  {"address": "/rvc/enable", "name": "Rvcenable", "label": "Enable", "help": "Converts the voice. Refused while no model is configured.\n/rvc/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/rvc/model", "name": "Rvcmodel", "label": "Model", "help": "Another model: a name in the configured model folders; an index of the same name beside it is used with it. The old one converts on until the new one is ready. Empty: the configured model and index.\n/rvc/model", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/rvc/speaker", "name": "Rvcspeaker", "label": "Speaker", "help": "Which of the model's speakers.\n/rvc/speaker   0 to 255", "style": "Int", "default": 0, "low": 0, "high": 255, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/pitch", "name": "Rvcpitch", "label": "Pitch (semitones)", "help": "How much higher or lower: 12 from a low voice to a high one.\n/rvc/pitch   -24 to 24 semitones", "style": "Float", "default": 0.0, "low": -24.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/autotune", "name": "Rvcautotune", "label": "Autotune", "help": "Draws the pitch to the nearest semitone.\n/rvc/autotune", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/rvc/formant", "name": "Rvcformant", "label": "Formant (semitones)", "help": "A smaller (up) or larger (down) throat at the same pitch.\n/rvc/formant   -2 to 2 semitones", "style": "Float", "default": 0.0, "low": -2.0, "high": 2.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/index_rate", "name": "Rvcidxrate", "label": "Index rate", "help": "How much of what the model's own voice would say (from the index) replaces what was said: more of its accent, less clear words. Without an index it changes nothing.\n/rvc/index_rate   0 to 1", "style": "Float", "default": 0.3, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/retrieval_power", "name": "Rvcretrpow", "label": "Retrieval power", "help": "How the nearest entries of the index are weighed: by 1/distance to the 4th (2) or to the 2nd (1): at 1 more of them have a say.\n/rvc/retrieval_power   1 to 2", "style": "Int", "default": 2, "low": 1, "high": 2, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/protect", "name": "Rvcprotect", "label": "Protect", "help": "Keeps breath and consonants from the index: their share of it; 0.5 is off.\n/rvc/protect   0 to 0.5", "style": "Float", "default": 0.33, "low": 0.0, "high": 0.5, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/rms_mix", "name": "Rvcrmsmix", "label": "Rms mix", "help": "Whose loudness: 0 that of the voice, 1 that of the model.\n/rvc/rms_mix   0 to 1", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/threshold", "name": "Rvcthresh", "label": "Threshold (dB)", "help": "What is softer is silence: keeps the room out. -60 is off.\n/rvc/threshold   -60 to 0 dB", "style": "Float", "default": -60.0, "low": -60.0, "high": 0.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/block_ms", "name": "Rvcblockms", "label": "Block (ms)", "help": "How much is converted at once: less is sooner heard and more work.\n/rvc/block_ms   20 to 1500 ms", "style": "Float", "default": 250.0, "low": 20.0, "high": 1500.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/crossfade_ms", "name": "Rvcxfadems", "label": "Crossfade (ms)", "help": "How long blocks overlap; adds to the delay.\n/rvc/crossfade_ms   10 to 150 ms", "style": "Float", "default": 50.0, "low": 10.0, "high": 150.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/extra_ms", "name": "Rvcextrams", "label": "Extra (ms)", "help": "How much of what was said before is listened to: more is steadier.\n/rvc/extra_ms   50 to 5000 ms", "style": "Float", "default": 2500.0, "low": 50.0, "high": 5000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/f0", "name": "Rvcf0", "label": "F0", "help": "How the pitch is found. rmvpe needs its checkpoint, fcpe `pip install torchfcpe`, yin nothing; auto: the first of them that is here. The one before works on until it is ready.\n/rvc/f0", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "rmvpe", "fcpe", "yin"], "starts_section": false},
  {"address": "/rvc/fp16", "name": "Rvcfp16", "label": "Fp16", "help": "Half precision. auto: on with CUDA. The process before works on until the new one is ready.\n/rvc/fp16", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "on", "off"], "starts_section": false},
  {"address": "/rvc/gpu_retrieval", "name": "Rvcgpuretr", "label": "Gpu retrieval", "help": "Searches the index on the device; off: on the CPU. auto: on. A change is a new process, as with fp16.\n/rvc/gpu_retrieval", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "on", "off"], "starts_section": false},
  {"address": "/rvc/profiling", "name": "Rvcprofile", "label": "Profiling", "help": "Tells the milliseconds of each stage in /engine/status.\n/rvc/profiling", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/rvc/monitor", "name": "Rvcmonitor", "label": "Monitor", "help": "What is heard: 0 the voice itself, 1 the converted one; both at the same moment.\n/rvc/monitor   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/gain_db", "name": "Rvcgaindb", "label": "Gain (dB)", "help": "Of what is heard; -60 is silence.\n/rvc/gain_db   -60 to 12 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 12.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/fallback", "name": "Rvcfallbk", "label": "Fallback", "help": "What is heard where the conversion is late or its process away: the voice itself, or nothing.\n/rvc/fallback", "style": "Menu", "default": "dry", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["dry", "silence"], "starts_section": false},
  {"address": "/rvc/channel", "name": "Rvcchannel", "label": "Channel", "help": "Which of the Multiverse's channels hears what is heard, in place of its own sound; 0: none.\n/rvc/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/input_channel", "name": "Rvcinchan", "label": "Input channel", "help": "Which channel of its source is the voice.\n/rvc/input_channel   1 to 64", "style": "Int", "default": 1, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/rvc/delay_ms", "name": "Rvcdelayms", "label": "Delay (ms)", "help": "From spoken to heard, devices included, to keep step with a picture. 0, and what cannot be kept: as soon as can be.\n/rvc/delay_ms   0 to 5000 ms", "style": "Float", "default": 0.0, "low": 0.0, "high": 5000.0, "is_clamped": true, "menu": [], "starts_section": false}
 ]},
 {"title": "Feedback", "controls": [
  {"address": "/feedback/amount", "name": "Fbamount", "label": "Amount", "help": "How bright the last picture comes back; 0: no feedback.\n/feedback/amount   0 to 0.98", "style": "Float", "default": 0.72, "low": 0.0, "high": 0.98, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/feedback/zoom", "name": "Fbzoom", "label": "Zoom", "help": "Size of the last picture in this one.\n/feedback/zoom   0.9 to 1.1", "style": "Float", "default": 1.03, "low": 0.9, "high": 1.1, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/feedback/rotate", "name": "Fbrotate", "label": "Rotate (deg)", "help": "Turn of the last picture from frame to frame.\n/feedback/rotate   -10 to 10 deg", "style": "Float", "default": 0.4, "low": -10.0, "high": 10.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/feedback/hue", "name": "Fbhue", "label": "Hue (turns)", "help": "Hue shift of the last picture from frame to frame.\n/feedback/hue   -0.1 to 0.1 turns", "style": "Float", "default": 0.045, "low": -0.1, "high": 0.1, "is_clamped": true, "menu": [], "starts_section": false}
 ]},
 {"title": "Mirror", "controls": [
  {"address": "/mirror/mode", "name": "Mirrormode", "label": "Mode", "help": "x: the left half is also the right; y: the top half is also the bottom; xy: both; kaleidoscope: /mirror/segments sectors about the centre.\n/mirror/mode", "style": "Menu", "default": "kaleidoscope", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "x", "y", "xy", "kaleidoscope"], "starts_section": false},
  {"address": "/mirror/segments", "name": "Mirrorsegs", "label": "Segments", "help": "Sectors of the kaleidoscope.\n/mirror/segments   2 to 24", "style": "Int", "default": 8, "low": 2, "high": 24, "is_clamped": true, "menu": [], "starts_section": false}
 ]},
 {"title": "Modulation", "controls": [
  {"address": "/mod/1/source", "name": "Mod1source", "label": "Mod 1 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/1/source", "style": "Menu", "default": "onset", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": false},
  {"address": "/mod/1/channel", "name": "Mod1channel", "label": "Mod 1 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/1/channel   0 to 4", "style": "Int", "default": 1, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/1/target", "name": "Mod1target", "label": "Mod 1 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/1/target", "style": "Str", "default": "/feedback/zoom", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/1/amount", "name": "Mod1amount", "label": "Mod 1 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/1/amount   -1 to 1", "style": "Float", "default": 0.2, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/1/offset", "name": "Mod1offset", "label": "Mod 1 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/1/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/1/curve", "name": "Mod1curve", "label": "Mod 1 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/1/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/1/release_ms", "name": "Mod1release", "label": "Mod 1 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/1/release_ms   1 to 10000 ms", "style": "Float", "default": 250.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/2/source", "name": "Mod2source", "label": "Mod 2 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/2/source", "style": "Menu", "default": "high", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/2/channel", "name": "Mod2channel", "label": "Mod 2 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/2/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/2/target", "name": "Mod2target", "label": "Mod 2 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/2/target", "style": "Str", "default": "/layer/4/intensity", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/2/amount", "name": "Mod2amount", "label": "Mod 2 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/2/amount   -1 to 1", "style": "Float", "default": 0.4, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/2/offset", "name": "Mod2offset", "label": "Mod 2 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/2/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/2/curve", "name": "Mod2curve", "label": "Mod 2 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/2/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/2/release_ms", "name": "Mod2release", "label": "Mod 2 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/2/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/3/source", "name": "Mod3source", "label": "Mod 3 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/3/source", "style": "Menu", "default": "lfo1", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/3/channel", "name": "Mod3channel", "label": "Mod 3 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/3/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/3/target", "name": "Mod3target", "label": "Mod 3 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/3/target", "style": "Str", "default": "/colour/base_hue", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/3/amount", "name": "Mod3amount", "label": "Mod 3 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/3/amount   -1 to 1", "style": "Float", "default": 0.12, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/3/offset", "name": "Mod3offset", "label": "Mod 3 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/3/offset   -1 to 1", "style": "Float", "default": -0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/3/curve", "name": "Mod3curve", "label": "Mod 3 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/3/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/3/release_ms", "name": "Mod3release", "label": "Mod 3 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/3/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/4/source", "name": "Mod4source", "label": "Mod 4 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/4/source", "style": "Menu", "default": "lfo2", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/4/channel", "name": "Mod4channel", "label": "Mod 4 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/4/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/4/target", "name": "Mod4target", "label": "Mod 4 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/4/target", "style": "Str", "default": "/feedback/rotate", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/4/amount", "name": "Mod4amount", "label": "Mod 4 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/4/amount   -1 to 1", "style": "Float", "default": 0.1, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/4/offset", "name": "Mod4offset", "label": "Mod 4 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/4/offset   -1 to 1", "style": "Float", "default": -0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/4/curve", "name": "Mod4curve", "label": "Mod 4 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/4/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/4/release_ms", "name": "Mod4release", "label": "Mod 4 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/4/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/5/source", "name": "Mod5source", "label": "Mod 5 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/5/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/5/channel", "name": "Mod5channel", "label": "Mod 5 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/5/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/5/target", "name": "Mod5target", "label": "Mod 5 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/5/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/5/amount", "name": "Mod5amount", "label": "Mod 5 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/5/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/5/offset", "name": "Mod5offset", "label": "Mod 5 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/5/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/5/curve", "name": "Mod5curve", "label": "Mod 5 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/5/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/5/release_ms", "name": "Mod5release", "label": "Mod 5 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/5/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/6/source", "name": "Mod6source", "label": "Mod 6 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/6/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/6/channel", "name": "Mod6channel", "label": "Mod 6 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/6/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/6/target", "name": "Mod6target", "label": "Mod 6 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/6/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/6/amount", "name": "Mod6amount", "label": "Mod 6 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/6/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/6/offset", "name": "Mod6offset", "label": "Mod 6 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/6/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/6/curve", "name": "Mod6curve", "label": "Mod 6 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/6/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/6/release_ms", "name": "Mod6release", "label": "Mod 6 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/6/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/7/source", "name": "Mod7source", "label": "Mod 7 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/7/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/7/channel", "name": "Mod7channel", "label": "Mod 7 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/7/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/7/target", "name": "Mod7target", "label": "Mod 7 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/7/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/7/amount", "name": "Mod7amount", "label": "Mod 7 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/7/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/7/offset", "name": "Mod7offset", "label": "Mod 7 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/7/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/7/curve", "name": "Mod7curve", "label": "Mod 7 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/7/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/7/release_ms", "name": "Mod7release", "label": "Mod 7 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/7/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/8/source", "name": "Mod8source", "label": "Mod 8 source", "help": "What moves the target, as a level 0..1. Levels of the sound: 0 at -48 dBFS, 1 at -6 dBFS, straight in decibels between; pitch: 0 at 55 Hz, 1 at 1760 Hz, straight in octaves between; onset: 1 at each onset, then it falls.\n/mod/8/source", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rms", "peak", "envelope", "low", "mid", "high", "onset", "pitch", "lfo1", "lfo2", "lfo3", "lfo4"], "starts_section": true},
  {"address": "/mod/8/channel", "name": "Mod8channel", "label": "Mod 8 channel", "help": "Audio channel whose sound counts; 0: whichever of the four is loudest. LFOs have none.\n/mod/8/channel   0 to 4", "style": "Int", "default": 0, "low": 0, "high": 4, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/8/target", "name": "Mod8target", "label": "Mod 8 target", "help": "Address of the parameter that is moved: a float that presets hold, but none of /audio, /mod and /lfo; empty: none. Its own value stays as it is: the route is added to it.\n/mod/8/target", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/mod/8/amount", "name": "Mod8amount", "label": "Mod 8 amount", "help": "How far the target is moved at level 1, as a part of its range, on its own scale; routes to one target add up.\n/mod/8/amount   -1 to 1", "style": "Float", "default": 0.5, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/8/offset", "name": "Mod8offset", "label": "Mod 8 offset", "help": "Added to the level; -0.5 lets it swing to both sides of the target's value.\n/mod/8/offset   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/8/curve", "name": "Mod8curve", "label": "Mod 8 curve", "help": "Bends the level: at 1 only high levels move much (its fourth power), at -1 low ones do (its fourth root).\n/mod/8/curve   -1 to 1", "style": "Float", "default": 0.0, "low": -1.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/mod/8/release_ms", "name": "Mod8release", "label": "Mod 8 release (ms)", "help": "A level of the sound rises at once and falls with this time constant. An LFO keeps its shape.\n/mod/8/release_ms   1 to 10000 ms", "style": "Float", "default": 150.0, "low": 1.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/lfo/1/shape", "name": "Lfo1shape", "label": "Lfo 1 shape", "help": "Course of one cycle, 0..1. sine and triangle: from 0 up and down again; saw: from 0 up to 1; square: 1 for half the cycle, then 0; random: another value each cycle.\n/lfo/1/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true},
  {"address": "/lfo/1/rate_hz", "name": "Lfo1ratehz", "label": "Lfo 1 rate (Hz)", "help": "Cycles a second, where `tempo_sync` is free.\n/lfo/1/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.02, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/lfo/1/tempo_sync", "name": "Lfo1sync", "label": "Lfo 1 tempo sync", "help": "Length of one cycle in the tempo of /tempo/bpm, four beats a bar.\n/lfo/1/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false},
  {"address": "/lfo/1/phase", "name": "Lfo1phase", "label": "Lfo 1 phase (cycles)", "help": "Place in the cycle at its beginning.\n/lfo/1/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/lfo/2/shape", "name": "Lfo2shape", "label": "Lfo 2 shape", "help": "Course of one cycle, 0..1. sine and triangle: from 0 up and down again; saw: from 0 up to 1; square: 1 for half the cycle, then 0; random: another value each cycle.\n/lfo/2/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true},
  {"address": "/lfo/2/rate_hz", "name": "Lfo2ratehz", "label": "Lfo 2 rate (Hz)", "help": "Cycles a second, where `tempo_sync` is free.\n/lfo/2/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.5, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/lfo/2/tempo_sync", "name": "Lfo2sync", "label": "Lfo 2 tempo sync", "help": "Length of one cycle in the tempo of /tempo/bpm, four beats a bar.\n/lfo/2/tempo_sync", "style": "Menu", "default": "eight_bars", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false},
  {"address": "/lfo/2/phase", "name": "Lfo2phase", "label": "Lfo 2 phase (cycles)", "help": "Place in the cycle at its beginning.\n/lfo/2/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/lfo/3/shape", "name": "Lfo3shape", "label": "Lfo 3 shape", "help": "Course of one cycle, 0..1. sine and triangle: from 0 up and down again; saw: from 0 up to 1; square: 1 for half the cycle, then 0; random: another value each cycle.\n/lfo/3/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true},
  {"address": "/lfo/3/rate_hz", "name": "Lfo3ratehz", "label": "Lfo 3 rate (Hz)", "help": "Cycles a second, where `tempo_sync` is free.\n/lfo/3/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.5, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/lfo/3/tempo_sync", "name": "Lfo3sync", "label": "Lfo 3 tempo sync", "help": "Length of one cycle in the tempo of /tempo/bpm, four beats a bar.\n/lfo/3/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false},
  {"address": "/lfo/3/phase", "name": "Lfo3phase", "label": "Lfo 3 phase (cycles)", "help": "Place in the cycle at its beginning.\n/lfo/3/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/lfo/4/shape", "name": "Lfo4shape", "label": "Lfo 4 shape", "help": "Course of one cycle, 0..1. sine and triangle: from 0 up and down again; saw: from 0 up to 1; square: 1 for half the cycle, then 0; random: another value each cycle.\n/lfo/4/shape", "style": "Menu", "default": "sine", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["sine", "triangle", "saw", "square", "random"], "starts_section": true},
  {"address": "/lfo/4/rate_hz", "name": "Lfo4ratehz", "label": "Lfo 4 rate (Hz)", "help": "Cycles a second, where `tempo_sync` is free.\n/lfo/4/rate_hz   0.01 to 20 Hz", "style": "Float", "default": 0.5, "low": 0.01, "high": 20.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/lfo/4/tempo_sync", "name": "Lfo4sync", "label": "Lfo 4 tempo sync", "help": "Length of one cycle in the tempo of /tempo/bpm, four beats a bar.\n/lfo/4/tempo_sync", "style": "Menu", "default": "free", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["free", "sixteenth", "triplet", "eighth", "beat", "half", "bar", "two_bars", "four_bars", "eight_bars"], "starts_section": false},
  {"address": "/lfo/4/phase", "name": "Lfo4phase", "label": "Lfo 4 phase (cycles)", "help": "Place in the cycle at its beginning.\n/lfo/4/phase   0 to 1 cycles", "style": "Float", "default": 0.0, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}
 ]},
 {"title": "Tempo", "controls": [
  {"address": "/tempo/bpm", "name": "Tempobpm", "label": "Bpm (beats/min)", "help": "Tempo of the beats, set, tapped or told.\n/tempo/bpm   20 to 300 beats/min", "style": "Float", "default": 120.0, "low": 20.0, "high": 300.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/tempo/tap", "name": "Tempotap", "label": "Tap", "help": "A beat, now. From the second tap on the last eight make the tempo; a pause, or a tap far from the others, begins anew.\n/tempo/tap", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/tempo/reset", "name": "Temporeset", "label": "Reset", "help": "Bar one, beat one, now.\n/tempo/reset", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/tempo/midi", "name": "Tempomidi", "label": "Midi", "help": "Follows MIDI clock (24 a beat, start, continue, stop) while one comes in; taps do nothing then.\n/tempo/midi", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false}
 ]},
 {"title": "Master and safety", "controls": [
  {"address": "/master/fade", "name": "Mfade", "label": "Fade", "help": "Fades the finished picture to black.\n/master/fade   0 to 1", "style": "Float", "default": 1.0, "low": 0.0, "high": 1.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/master/blackout", "name": "Mblackout", "label": "Blackout", "help": "Black at once, while everything runs on behind it.\n/master/blackout", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/master/freeze", "name": "Mfreeze", "label": "Freeze", "help": "Holds the picture on screen.\n/master/freeze", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/master/panic", "name": "Mpanic", "label": "Panic", "help": "Returns every look to its default; audio, sinks, models and the master stay as they are.\n/master/panic", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/safety/flash_guard", "name": "Safetyflash", "label": "Flash guard", "help": "Flash guard: dims the picture, or a part of it, where it would flash more than three times in a second, and desaturates red that flashes (WCAG 2.3.1); what moves goes on moving. On again at every start.\n/safety/flash_guard", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}
 ]},
 {"title": "Audio", "controls": [
  {"address": "/audio/layout", "name": "Alayout", "label": "Layout", "help": "direct: source channels as /audio/<1-4>/channel says; stereo: left, right, low band, high band; mono: four bands; auto: by the number of source channels.\n/audio/layout", "style": "Menu", "default": "auto", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["auto", "direct", "stereo", "mono"], "starts_section": false},
  {"address": "/audio/1/gain_db", "name": "A1gaindb", "label": "Audio 1 gain (dB)", "help": "Gain of channel 1.\n/audio/1/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/audio/1/auto", "name": "A1auto", "label": "Audio 1 auto", "help": "Slow gain of channel 1 towards a peak of -12 dBFS: at most +24 dB, held below -55 dBFS.\n/audio/1/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/audio/1/trigger", "name": "A1trigger", "label": "Audio 1 trigger", "help": "rising: wave 1 begins at a rising zero crossing, so that a steady tone stands still.\n/audio/1/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false},
  {"address": "/audio/1/decay_ms", "name": "A1decayms", "label": "Audio 1 decay (ms)", "help": "Release of the envelope follower of channel 1.\n/audio/1/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/1/channel", "name": "A1channel", "label": "Audio 1 channel", "help": "Source channel that channel 1 hears in the layout direct.\n/audio/1/channel   1 to 64", "style": "Int", "default": 1, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/2/gain_db", "name": "A2gaindb", "label": "Audio 2 gain (dB)", "help": "Gain of channel 2.\n/audio/2/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/audio/2/auto", "name": "A2auto", "label": "Audio 2 auto", "help": "Slow gain of channel 2 towards a peak of -12 dBFS: at most +24 dB, held below -55 dBFS.\n/audio/2/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/audio/2/trigger", "name": "A2trigger", "label": "Audio 2 trigger", "help": "rising: wave 2 begins at a rising zero crossing, so that a steady tone stands still.\n/audio/2/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false},
  {"address": "/audio/2/decay_ms", "name": "A2decayms", "label": "Audio 2 decay (ms)", "help": "Release of the envelope follower of channel 2.\n/audio/2/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/2/channel", "name": "A2channel", "label": "Audio 2 channel", "help": "Source channel that channel 2 hears in the layout direct.\n/audio/2/channel   1 to 64", "style": "Int", "default": 2, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/3/gain_db", "name": "A3gaindb", "label": "Audio 3 gain (dB)", "help": "Gain of channel 3.\n/audio/3/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/audio/3/auto", "name": "A3auto", "label": "Audio 3 auto", "help": "Slow gain of channel 3 towards a peak of -12 dBFS: at most +24 dB, held below -55 dBFS.\n/audio/3/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/audio/3/trigger", "name": "A3trigger", "label": "Audio 3 trigger", "help": "rising: wave 3 begins at a rising zero crossing, so that a steady tone stands still.\n/audio/3/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false},
  {"address": "/audio/3/decay_ms", "name": "A3decayms", "label": "Audio 3 decay (ms)", "help": "Release of the envelope follower of channel 3.\n/audio/3/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/3/channel", "name": "A3channel", "label": "Audio 3 channel", "help": "Source channel that channel 3 hears in the layout direct.\n/audio/3/channel   1 to 64", "style": "Int", "default": 3, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/4/gain_db", "name": "A4gaindb", "label": "Audio 4 gain (dB)", "help": "Gain of channel 4.\n/audio/4/gain_db   -60 to 24 dB", "style": "Float", "default": 0.0, "low": -60.0, "high": 24.0, "is_clamped": true, "menu": [], "starts_section": true},
  {"address": "/audio/4/auto", "name": "A4auto", "label": "Audio 4 auto", "help": "Slow gain of channel 4 towards a peak of -12 dBFS: at most +24 dB, held below -55 dBFS.\n/audio/4/auto", "style": "Toggle", "default": true, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/audio/4/trigger", "name": "A4trigger", "label": "Audio 4 trigger", "help": "rising: wave 4 begins at a rising zero crossing, so that a steady tone stands still.\n/audio/4/trigger", "style": "Menu", "default": "off", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": ["off", "rising"], "starts_section": false},
  {"address": "/audio/4/decay_ms", "name": "A4decayms", "label": "Audio 4 decay (ms)", "help": "Release of the envelope follower of channel 4.\n/audio/4/decay_ms   10 to 10000 ms", "style": "Float", "default": 1000.0, "low": 10.0, "high": 10000.0, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/4/channel", "name": "A4channel", "label": "Audio 4 channel", "help": "Source channel that channel 4 hears in the layout direct.\n/audio/4/channel   1 to 64", "style": "Int", "default": 4, "low": 1, "high": 64, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/audio/features/rate_hz", "name": "Afeatratehz", "label": "Features rate (Hz)", "help": "How often the features of the four channels go out to subscribers; 0: never.\n/audio/features/rate_hz   0 to 120 Hz", "style": "Float", "default": 0.0, "low": 0.0, "high": 120.0, "is_clamped": true, "menu": [], "starts_section": true}
 ]},
 {"title": "Sinks", "controls": [
  {"address": "/sink/syphon/enable", "name": "Syphenable", "label": "Syphon enable", "help": "Starts and stops the Syphon server (macOS). Those of the pictures of Stable Diffusion and SAM3 come and go with it.\n/sink/syphon/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/syphon/name", "name": "Syphname", "label": "Syphon name", "help": "Name under which receivers find the Syphon server (macOS); taken at its next start.\n/sink/syphon/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/spout/enable", "name": "Spoutenable", "label": "Spout enable", "help": "Starts and stops the Spout sender (Windows). Those of the pictures of Stable Diffusion and SAM3 come and go with it.\n/sink/spout/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sink/spout/name", "name": "Spoutname", "label": "Spout name", "help": "Name under which receivers find the Spout sender (Windows); taken at its next start.\n/sink/spout/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/shared/enable", "name": "Shareenable", "label": "Shared enable", "help": "Starts and stops the shared-memory ring. Those of the pictures of Stable Diffusion and SAM3 come and go with it.\n/sink/shared/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sink/shared/name", "name": "Sharename", "label": "Shared name", "help": "Name under which receivers find the shared-memory ring; taken at its next start.\n/sink/shared/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/ndi/enable", "name": "Ndienable", "label": "Ndi enable", "help": "Starts and stops the NDI source (other machines). Those of the pictures of Stable Diffusion and SAM3 come and go with it.\n/sink/ndi/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sink/ndi/name", "name": "Ndiname", "label": "Ndi name", "help": "Name under which receivers find the NDI source (other machines); taken at its next start.\n/sink/ndi/name", "style": "Str", "default": "Multiverse", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/record/enable", "name": "Recenable", "label": "Record enable", "help": "Starts and stops the recording (with sound, MP4).\n/sink/record/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sink/record/file", "name": "Recfile", "label": "Record file", "help": "Name of the next recording in the recordings folder; empty: date and time.\n/sink/record/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/snapshot/enable", "name": "Snapenable", "label": "Snapshot enable", "help": "Starts and stops the PNG writer.\n/sink/snapshot/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true},
  {"address": "/sink/snapshot/take", "name": "Snaptake", "label": "Snapshot take", "help": "Writes the next picture as a PNG.\n/sink/snapshot/take", "style": "Pulse", "default": null, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/snapshot/file", "name": "Snapfile", "label": "Snapshot file", "help": "Name of the next snapshot in the recordings folder; empty: date and time.\n/sink/snapshot/file", "style": "Str", "default": "", "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": false},
  {"address": "/sink/null/enable", "name": "Nullenable", "label": "Null enable", "help": "Starts and stops the sink that throws pictures away.\n/sink/null/enable", "style": "Toggle", "default": false, "low": 0.0, "high": 1.0, "is_clamped": false, "menu": [], "starts_section": true}
 ]},
 {"title": "Engine", "controls": [
  {"address": "/engine/width", "name": "Engwidth", "label": "Width (px)", "help": "Width of the picture; changes while running.\n/engine/width   64 to 8192 px", "style": "Int", "default": 1280, "low": 64, "high": 8192, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/engine/height", "name": "Engheight", "label": "Height (px)", "help": "Height of the picture; changes while running.\n/engine/height   64 to 8192 px", "style": "Int", "default": 720, "low": 64, "high": 8192, "is_clamped": true, "menu": [], "starts_section": false},
  {"address": "/engine/fps", "name": "Engfps", "label": "Fps (frames/s)", "help": "Frame rate; changes while running. Without a GPU the engine starts at 30.\n/engine/fps   1 to 240 frames/s", "style": "Float", "default": 60.0, "low": 1.0, "high": 240.0, "is_clamped": true, "menu": [], "starts_section": false}
 ]}
]
''',
}

import re
from typing import Any

import td

NAME = "multiverse"
# The first builds with Python 3.11; that of 2022, 3.9, lacks dataclass(slots=, kw_only=) and zip(strict=).
MIN_BUILD = (2023, 11000)
MODULES = (
    "extension",
    "layout",
    "parameters",
    "link",
    "echo",
    "features",
    "found_objects",
    "senders",
    "picture_inputs",
    "status_page",
    "tree_reader",
    "engine_process",
    "osc_in_callbacks",
    "pages",
    "readme",
)
PICTURES = (
    ("main_in", "out1_main"),
    ("sd_in", "out2_sd"),
    ("ndi_in", "out3_ndi"),
    ("sam3_in", "out5_sam3"),  # behind the audio's: wires of projects that know four outputs stay
    ("sam3_mask_in", "out6_sam3_mask"),
)
CHANNELS = (
    ("features", "audio", "audio_channels", "out4_audio"),
    ("found_objects", "object_values", "object_channels", "out7_objects"),
)  # the module that names them, a table of their values, and what makes channels of it
COLUMN, ROW = 200, 130  # network editor units


def build_where_it_can(texts: dict[str, str]) -> None:
    """Build the component, or print why this TouchDesigner cannot; then nothing is made."""
    problem = too_old(td.app.build)
    if problem:
        print(problem)
    else:
        build(place(), texts)


def too_old(build_number: str) -> str:
    """One line where a build such as 2022.35320 is older than MIN_BUILD, else empty."""
    numbers = tuple(int(digits) for digits in re.findall(r"[0-9]+", build_number)[:2])
    if len(numbers) < 2 or numbers >= MIN_BUILD:
        return ""
    least = ".".join(map(str, MIN_BUILD))
    return (
        f"multiverse: not built: this is TouchDesigner {build_number}, and it needs {least} or newer (Python 3.11): "
        "install that from derivative.ca/download and run this again"
    )


def build(where: Any, texts: dict[str, str], name: str = NAME) -> Any:
    """The component, made or renewed inside the COMP `where`."""
    comp = made(where, "baseCOMP", name)
    callbacks = [made(comp, "parameterexecuteDAT", "parameter_callbacks"), made(comp, "executeDAT", "frame_callbacks")]
    for callback in callbacks:
        callback.par.active = False  # nothing is called before everything is there
    add_network(comp, texts)
    renew_parameters(comp)
    add_extension(comp)
    for callback in callbacks:
        callback.text = texts[callback.name]
    watch_parameters, watch_frames = (callback.par for callback in callbacks)
    watch_parameters.op, watch_parameters.pars = "..", "*"
    watch_parameters.custom, watch_parameters.builtin = True, False
    watch_parameters.valuechange, watch_parameters.onpulse = True, True
    watch_frames.framestart = True
    watch_parameters.active = watch_frames.active = True
    arrange(comp)
    return comp


def made(comp: Any, kind: str, name: str) -> Any:
    """The operator of that name and kind, made where there is none."""
    there = comp.op(name)
    if there is not None and there.OPType != kind:
        there.destroy()
        there = None
    return there if there is not None else comp.create(kind, name)


def add_network(comp: Any, texts: dict[str, str]) -> None:
    # Before its callbacks: TouchDesigner may dock a DAT of that very name to a new OSC In DAT.
    osc_in = made(comp, "oscinDAT", "osc_in")
    osc_in.par.active = False  # until the extension has told it its port
    for name in MODULES:
        made(comp, "textDAT", name).text = texts[name]
    osc_in.par.callbacks = "osc_in_callbacks"
    osc_in.par.clamp, osc_in.par.maxlines = True, 10  # its table is read by nobody: each line costs time
    osc_out = made(comp, "oscoutDAT", "osc_out")
    for dat in (osc_in, osc_out):
        dat.par.protocol = "msging"

    for picture, out in PICTURES:
        top = made(comp, "ndiinTOP" if picture == "ndi_in" else "syphonspoutinTOP", picture)
        made(comp, "outTOP", out).inputConnectors[0].connect(top)
        if picture == "ndi_in":
            top.par.active = False  # it searches the network: when it is wanted
        else:
            top.par.usespoutactivesender = False

    for name in ("status", "objects"):
        made(comp, "tableDAT", name)
    for module, values, channels, out in CHANNELS:
        table = made(comp, "tableDAT", values)
        table.clear()
        for name in comp.op(module).module.NAMES:
            table.appendRow([name, 0.0])
        chop = made(comp, "dattoCHOP", channels)
        chop.par.dat = values
        chop.par.output, chop.par.firstrow, chop.par.firstcolumn = "chanperrow", "values", "names"
        made(comp, "outCHOP", out).inputConnectors[0].connect(chop)


def renew_parameters(comp: Any) -> None:
    """All pages anew; what a person has set on the component's own stays. The engine's values come from the engine."""
    parameters, layout = comp.op("parameters").module, comp.op("layout").module
    kept = {
        own.name: getattr(comp.par, own.name).eval()
        for _, owns in parameters.OWN_PAGES
        for own in owns
        if own.style not in ("Pulse", "Menu") and not own.is_read_only and hasattr(comp.par, own.name)
    }
    comp.destroyCustomPars()
    parameters.put_own_pages(comp)
    for page in layout.read_pages(comp.op("pages").text):
        for control in page.controls:
            parameters.put(parameters.page_of(comp, page.title), control)
    for name, value in kept.items():
        setattr(comp.par, name, value)


def add_extension(comp: Any) -> None:
    comp.par.ext0object = "op('./extension').module.MultiverseExt(me)"
    comp.par.ext0promote = True
    comp.initializeExtensions()
    comp.op("osc_out").par.active = comp.op("osc_in").par.active = True


def arrange(comp: Any) -> None:
    """Modules in rows of five, below them each chain in a row of its own."""
    for at, name in enumerate(MODULES):
        comp.op(name).nodeX, comp.op(name).nodeY = at % 5 * COLUMN, -(at // 5) * ROW
    rows = (("osc_out", "osc_in", "parameter_callbacks", "frame_callbacks", "status", "objects"), *PICTURES,
            *(names for _, *names in CHANNELS))  # fmt: skip
    for row, names in enumerate(rows, start=4):
        for column, name in enumerate(names):
            comp.op(name).nodeX, comp.op(name).nodeY = column * COLUMN, -row * ROW


def place() -> Any:
    """Beside the Text DAT that is run, or the project's first component."""
    running = globals().get("me")
    if running is not None and running.isDAT:
        return running.parent()
    return td.op("/project1") or td.root

build_where_it_can(TEXTS)
