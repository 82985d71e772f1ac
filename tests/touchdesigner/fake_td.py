"""A fake of the parts of TouchDesigner that the component uses; anything else raises.

`TouchDesigner` is the program: it makes the `td` module, runs texts, and advances frame by frame.
As in the real one, a change of a parameter is reported once a frame, afterwards, for any cause. An
exception in a callback ends the test; the real one would write it into its textport. OSC goes over
real sockets, packed and unpacked by python-osc.

Its operators are in fake_operators.py. Each other member is on these pages of docs.derivative.ca:

| TimeCOMP_Class | seconds tempo |
| Project_Class, App_Class, Licenses_Class | folder; version build; isNonCommercial |
"""

import fnmatch
import json
import socket
import types
from collections.abc import Callable
from typing import Any

from tests.touchdesigner import fake_project
from tests.touchdesigner.fake_operators import COMP, DAT, OP, OscInCHOP, OscInDAT
from tests.touchdesigner.fake_parameters import Par, ParMode, tdError


class Timeline:
    """A fake Time COMP, in which a second is 60 frames."""

    tempo = 120.0

    def __init__(self, program: "TouchDesigner") -> None:
        self._program = program

    seconds = property(lambda self: self._program.frames / 60)


class TouchDesigner:
    """One run of the program."""

    sound_hz = 48_000

    def __init__(self, build: str = "2023.11510", folder: str = "") -> None:
        """`folder`: that of the project; nothing can be saved without one."""
        self.folder = folder
        self.time: Any = Timeline(self)
        self.changes: dict[tuple[OP, str], Any] = {}
        self.pulses: list[tuple[OP, str]] = []
        self.sent: list[tuple[Any, ...]] = []
        """Every OSC message sent, address first."""
        self.frames = 0
        self._sockets: list[socket.socket] = []
        self.printed: list[str] = []
        """Lines in the textport."""
        self.app = types.SimpleNamespace(version="099", build=build)
        self.licenses = types.SimpleNamespace(isNonCommercial=False)
        self.senders: dict[str, tuple[int, int]] = {}
        """Size of the picture of each Syphon or Spout sender that can be received here."""
        self.root = COMP(self, "baseCOMP", "", None)
        self.project = self.root.create("baseCOMP", "project1")
        self.module = types.ModuleType("td")
        self.module.__dict__.update(
            op=self.root.op, root=self.root, ParMode=ParMode, Par=Par, tdError=tdError
        )
        self.module.__dict__.update(app=self.app, licenses=self.licenses)
        self.module.__dict__["project"] = types.SimpleNamespace(folder=folder)

    def names_for(self, op: OP) -> dict[str, Any]:
        """The globals for a text or an expression of this operator."""
        abs_time = types.SimpleNamespace(frame=self.frames, seconds=self.frames / 60)
        names = {"me": op, "parent": op.parent, "op": self.root.op, "root": self.root}
        return names | {
            "absTime": abs_time,
            "ParMode": ParMode,
            "app": self.app,
            "licenses": self.licenses,
        }

    def run_text(self, text: str) -> None:
        """Paste the text into a Text DAT of the project and choose Run Script."""
        dat = self.project.op("pasted") or self.project.create("textDAT", "pasted")
        dat.text = text
        self._run(compile(text, dat.path, "exec"), dat)

    def type_into_textport(self, line: str) -> None:
        self._run(compile(line, "textport", "single"), self.root)

    def _run(self, code: types.CodeType, me: OP) -> None:
        say = lambda *values: self.printed.append(" ".join(map(str, values)))  # noqa: E731
        exec(code, self.names_for(me) | {"__name__": "__main__", "print": say})

    def frame(self) -> None:
        self.frames += 1
        for receiving in (*self._each(OscInDAT), *self._each(OscInCHOP)):
            receiving.hear()
        self._watch_expressions()
        for dat in self._each(DAT, "executeDAT"):
            if dat.par.active.eval() and dat.par.framestart.eval():
                dat.module.onFrameStart(self.frames)
        self._report_changes()

    def _watch_expressions(self) -> None:
        """Evaluate expressions: they change a parameter without an assignment."""
        for comp in self._each(COMP):
            for slot in comp.slots.values():
                if slot.mode is ParMode.EXPRESSION and slot.is_custom:
                    before, slot.evaluated = slot.evaluated, slot.evaluate()
                    if slot.evaluated != before:
                        self.changes.setdefault((comp, slot.name), before)

    def _report_changes(self) -> None:
        """Run callbacks; changes made by them wait for the next frame."""
        changes, pulses = self.changes, self.pulses
        self.changes, self.pulses = {}, []
        for dat in self._each(DAT, "parameterexecuteDAT"):
            if not dat.par.active.eval():
                continue
            for (owner, name), before in changes.items():
                if dat.par.valuechange.eval() and self._watches(dat, owner, name):
                    dat.module.onValueChange(getattr(owner.par, name), before)
            for owner, name in pulses:
                if dat.par.onpulse.eval() and self._watches(dat, owner, name):
                    dat.module.onPulse(getattr(owner.par, name))

    def _watches(self, dat: DAT, owner: OP, name: str) -> bool:
        if dat.par.op.eval() is not owner or name not in owner.slots:
            return False
        is_kind_watched = dat.par.custom if owner.slots[name].is_custom else dat.par.builtin
        patterns = dat.par.pars.eval().split()
        return is_kind_watched.eval() and any(
            fnmatch.fnmatchcase(name, pattern) for pattern in patterns
        )

    def _each(self, kind: type[OP], op_type: str = "") -> list[Any]:
        found, left = [], [self.root]
        while left:
            children = left.pop().children
            found += [
                op
                for op in children
                if isinstance(op, kind) and (not op_type or op.OPType == op_type)
            ]
            left += [op for op in children if isinstance(op, COMP)]
        return found

    def save(self) -> str:
        """The saved project: texts and parameters survive, Python objects do not."""
        return json.dumps(fake_project.saved(self.project))

    def load(self, text: str) -> None:
        """Open a project; extensions are initialised again."""
        self.root.children.clear()
        self.changes.clear()
        self.project = self.root.create("baseCOMP", "project1")
        fake_project.restore(self.project, json.loads(text))
        for comp in self._each(COMP):
            if comp.par.ext0object.eval():
                comp.initializeExtensions()

    def set_menu(self, par: Par, names: Callable[[], list[str]]) -> None:
        """Set the items of a system menu: senders or sources."""
        par._slot.live_menu = names

    def open_socket(self, port: int = 0) -> socket.socket:
        created = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(created)
        created.bind(("127.0.0.1", port))
        created.setblocking(False)
        return created

    def close(self) -> None:
        for comp in self._each(COMP):
            for extension in comp.extensions:
                extension.onDestroyTD()
        self.close_sockets()

    def close_sockets(self) -> None:
        for created in self._sockets:
            created.close()
        self._sockets.clear()
