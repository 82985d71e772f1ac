"""The operators of the fake TouchDesigner, each with its parameters and its `program`, the
`TouchDesigner` of fake_td.py.

Each member of the fake is on these pages of docs.derivative.ca (or derivative.ca/UserGuide):

| OP_Class | name path parent par inputs tags errors warnings addScriptError clearScriptErrors dock |
| OP_Class | time destroy |
| COMP_Class | create op findChildren appendCustomPage destroyCustomPars initializeExtensions save |
| COMP_Class | loadTox, connectors |
| DAT_Class, TextDAT_Class | text module clear appendRow numRows, cells |
| OscoutDAT_Class, OSC_In_DAT | sendOSC; onReceiveOSC |
| CHOP_Class | numChans numpyArray, channels by name |
| TOP_Class | width height cook |
"""

import collections
import json
import socket
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from tests.touchdesigner import fake_project
from tests.touchdesigner.fake_parameters import (
    Page,
    ParCollection,
    Slot,
    tdAttributeError,
    tdError,
)

PARAMETERS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "published/op_types.json").read_text(encoding="utf-8")
)
"""The operators that the component uses, and those of their parameters that it may set, with their
menus: as in TouchDesigner's documentation (docs.derivative.ca, one page per operator), also where
it spells `strech`."""
MEMBERS_TO_SET = {"name", "text", "nodeX", "nodeY", "viewer", "comment", "color", "dock"}
MAX_PACKET = 65_536


class OP:
    def __init__(self, program: Any, kind: str, name: str, parent: "COMP | None") -> None:
        hold = self.__dict__.__setitem__
        hold("program", program)
        hold("OPType", kind)
        hold("name", name)
        hold("_parent", parent)
        hold("par_generation", 0)
        hold("slots", {})
        for key, built_in in PARAMETERS[kind].items():
            slot = Slot(self, key, built_in["style"], False, built_in["default"])
            slot.menuNames = list(built_in.get("menu", ()))
            self.slots[key] = slot
        hold("par", ParCollection(self))
        hold("nodeX", 0)
        hold("nodeY", 0)
        hold("dock", None)
        hold("valid", True)
        hold("inputs", [])
        hold("tags", set())
        hold("script_errors", [])
        is_source = kind in ("inTOP", "inCHOP", "audiooscillatorCHOP")
        count = 2 if kind == "replaceCHOP" else kind[-3:] in ("TOP", "HOP") and not is_source
        hold("inputConnectors", [Connector(self, index) for index in range(count)])

    def __getattr__(self, name: str) -> Any:
        raise tdAttributeError(f"{self.OPType} has no member {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in MEMBERS_TO_SET:
            raise tdAttributeError(f"{self.OPType} has no member {name} that can be set")
        if name == "text" and not isinstance(self, DAT):
            raise tdAttributeError(f"{self.OPType} has no text")
        object.__setattr__(self, name, value)

    @property
    def path(self) -> str:
        return "/" if self._parent is None else f"{self._parent.path.rstrip('/')}/{self.name}"

    def errors(self, recurse: bool = False) -> str:
        return "\n".join(filter(None, (self.__dict__.get("error", ""), *self.script_errors)))

    def addScriptError(self, msg: str) -> None:
        self.script_errors.append(msg)

    def clearScriptErrors(self, recurse: bool = False, error: str = "*") -> None:
        self.script_errors.clear()

    def warnings(self, recurse: bool = False) -> str:
        return ""

    @property
    def time(self) -> Any:
        """The Time COMP of this operator: its timeline."""
        return self.program.time

    isDAT = property(lambda self: self.OPType.endswith("DAT"))
    isCOMP = property(lambda self: self.OPType.endswith("COMP"))

    def parent(self, n: int = 1) -> "COMP | None":
        return self._parent if n == 1 or self._parent is None else self._parent.parent(n - 1)

    def find(self, path: str) -> "OP | None":
        """The operator at a path in a parameter of this one: `..` its parent, `./x` a child, `x` a
        sibling."""
        if path.startswith("/"):
            return self.program.root.op(path)
        if path == "..":
            return self._parent
        return (
            self.op(path[2:])
            if path.startswith("./")
            else (self._parent.op(path) if path else None)
        )

    def evaluate(self, expression: str) -> Any:
        return eval(expression, self.program.names_for(self) | {"op": self.find})

    def destroy(self) -> None:
        self._parent.children.remove(self)
        self.__dict__["valid"] = False

    # -- what parameters report ----------------------------------------------------------------

    def note_change(self, slot: Slot, before: Any) -> None:
        if slot.evaluate() != before:
            self.program.changes.setdefault((self, slot.name), before)

    def note_pulse(self, slot: Slot) -> None:
        self.program.pulses.append((self, slot.name))

    def forget_parameter(self, slot: Slot) -> None:
        del self.slots[slot.name]
        self.program.changes.pop((self, slot.name), None)
        self.__dict__["par_generation"] += 1


class Connector:
    """The input of an operator; that of a component is one of its In operators."""

    def __init__(self, owner: OP, index: int = 0) -> None:
        self.owner, self.index = owner, index

    def connect(self, target: OP) -> None:
        if target.OPType[-3:] != self.owner.OPType[-3:]:
            raise tdError(f"{target.OPType} cannot be wired to {self.owner.OPType}")
        self.owner.inputs[self.index : self.index + 1] = [target]


class OutputConnector:
    """The output of a component, connected to one of its Out operators."""

    def __init__(self, out: OP) -> None:
        self.out = out

    def connect(self, target: OP) -> None:
        Connector(target).connect(self.out)


class COMP(OP):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(
            children=[], customPages=[], extensions=[], ext=types.SimpleNamespace()
        )
        del self.__dict__["inputConnectors"]

    def __getattr__(self, name: str) -> Any:
        if name[0].isupper() and self.par.ext0promote.eval():
            for extension in self.__dict__["extensions"]:
                if hasattr(extension, name):
                    return getattr(extension, name)
        return super().__getattr__(name)

    @property
    def outputConnectors(self) -> list[OutputConnector]:
        outs = [child for child in self.children if child.OPType in ("outTOP", "outCHOP")]
        return [OutputConnector(out) for out in sorted(outs, key=lambda out: out.name)]

    @property
    def inputConnectors(self) -> list[Connector]:
        ins = [child for child in self.children if child.OPType in ("inTOP", "inCHOP")]
        return [Connector(into) for into in sorted(ins, key=lambda into: into.name)]

    def save(self, filepath: str, createFolders: bool = False) -> str:
        """Write the component as a .tox: what is docked to it stays outside."""
        Path(filepath).write_text(json.dumps(fake_project.saved(self)), encoding="utf-8")
        return filepath

    def loadTox(self, filepath: str) -> "COMP":
        own = json.loads(Path(filepath).read_text(encoding="utf-8"))
        name, number = own["name"], 0
        while self.op(name) is not None:
            number += 1
            name = f"{own['name']}{number}"
        created = self.create(own["kind"], name, initialize=False)
        fake_project.restore(created, own)
        created.initializeExtensions()
        return created

    def op(self, path: str) -> OP | None:
        if path.startswith("/"):
            found: OP | None = self.program.root
            for part in filter(None, path.split("/")):
                found = found.op(part) if isinstance(found, COMP) else None
            return found
        return next((child for child in self.children if child.name == path), None)

    def create(self, opType: str, name: str, initialize: bool = True) -> OP:
        if opType not in PARAMETERS:
            raise tdError(f"unknown operator type {opType}")
        while self.op(name) is not None:
            name += "1"
        family = FAMILIES.get(opType.lstrip("abcdefghijklmnopqrstuvwxyz"), OP)
        created = KINDS.get(opType, family)(self.program, opType, name, self)
        self.children.append(created)
        if isinstance(created, OscInDAT) and initialize:
            self.create("textDAT", f"{name}_callbacks")
        return created

    def findChildren(self, *, tags: list[str], maxDepth: int = 1) -> list[OP]:
        found, level = [], [self]
        for _ in range(maxDepth):
            below = [child for comp in level for child in comp.children]
            found += [child for child in below if child.tags.intersection(tags)]
            level = [child for child in below if isinstance(child, COMP)]
        return found

    def appendCustomPage(self, name: str) -> Page:
        if any(page.name == name for page in self.customPages):
            raise tdError(f"there is a page {name}")
        self.customPages.append(Page(self, name))
        return self.customPages[-1]

    def destroyCustomPars(self) -> int:
        custom = [slot for slot in self.slots.values() if slot.is_custom]
        for slot in custom:
            self.forget_parameter(slot)
        self.customPages.clear()
        return len(custom)

    def initializeExtensions(self, index: int | None = None) -> None:
        for extension in self.extensions:
            getattr(extension, "onDestroyTD", lambda: None)()
        name = self.par.ext0name.eval()
        self.extensions.clear()
        self.ext.__dict__.pop(name, None)
        try:
            self.extensions.append(self.evaluate(self.par.ext0object.eval()))
        except Exception:  # the textport shows it, the component does not
            self.program.printed.append(traceback.format_exc())
            return
        setattr(self.ext, name, self.extensions[0])


class DAT(OP):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(text="", rows=[], compiled=("", None))

    @property
    def module(self) -> types.ModuleType:
        """The module of the text, executed once and not in `sys.modules`."""
        text, module = self.compiled
        if module is None or text != self.text:
            module = types.ModuleType(self.name)
            module.__dict__.update(self.program.names_for(self))
            exec(compile(self.text, self.path, "exec"), module.__dict__)
            self.__dict__["compiled"] = (self.text, module)
        return module

    def clear(self) -> None:
        self.rows.clear()

    def appendRow(self, vals: list[Any]) -> int:
        if self.OPType != "tableDAT":
            raise tdError("only a table has rows")
        self.rows.append([str(value) for value in vals])
        return len(self.rows) - 1

    numRows = property(lambda self: len(self.rows))

    def __getitem__(self, cell: tuple[int | str, int | str]) -> str | None:
        row, column = self._row(cell[0]), cell[1]
        if row is None or (isinstance(column, str) and column not in self.rows[0]):
            return None
        return row[self.rows[0].index(column) if isinstance(column, str) else column]

    def __setitem__(self, cell: tuple[int | str, int], value: Any) -> None:
        row = self._row(cell[0])
        if row is None:
            raise tdError(f"{self.path}: no row {cell[0]}")
        row[cell[1]] = str(value)

    def _row(self, which: int | str) -> list[str] | None:
        if isinstance(which, int):
            return self.rows[which] if which < len(self.rows) else None
        return next((row for row in self.rows if row[0] == which), None)


class OscOutDAT(DAT):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__["socket"] = self.program.open_socket()

    def sendOSC(
        self, address: str, *values: Any, asBundle: bool = False, useNonStandardTypes: bool = True,
        use64BitPrecision: bool = False,
    ) -> int:  # fmt: skip
        (arguments,) = values
        if not isinstance(arguments, list | tuple):
            raise TypeError("sendOSC takes the values as a list")
        if not self.par.active.eval():
            return 0
        message = OscMessageBuilder(address)
        for value in arguments:
            message.add_arg(value)
        self.program.sent.append((address, *arguments))
        target = (self.par.address.eval(), self.par.port.eval())
        try:
            return self.socket.sendto(message.build().dgram, target)
        except OSError:  # no such network: UDP reports no error
            return 0


class Receiver:
    """The socket of an operator that receives OSC."""

    def __init__(self, owner: OP) -> None:
        self._owner = owner
        self._socket: socket.socket | None = None
        self._bound_to: int | None = None

    def messages(self) -> Iterator[tuple[OscMessage, tuple[str, int]]]:
        """Everything received since the last frame, with the sender."""
        owner = self._owner
        port = owner.par.port.eval() if owner.par.active.eval() else None
        if port != self._bound_to:
            self._bound_to = port
            if self._socket is not None:
                self._socket.close()
            self._socket = None
            owner.__dict__["error"] = ""
            try:
                self._socket = None if port is None else owner.program.open_socket(port)
            except OSError:
                owner.__dict__["error"] = "Unable to bind to port\n"
        while self._socket is not None:
            try:
                data, peer = self._socket.recvfrom(MAX_PACKET)
            except BlockingIOError:
                return
            yield OscMessage(data), peer


class OscInDAT(DAT):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(receiver=Receiver(self), calls=0)

    def hear(self) -> None:
        """Call the callbacks DAT with each message."""
        for message, (host, port) in self.receiver.messages():
            self.__dict__["calls"] += 1
            callbacks = self.par.callbacks.eval()
            peer = types.SimpleNamespace(address=host, port=port, owner=self)
            line = " ".join([message.address, *map(str, message.params)])
            callbacks.module.onReceiveOSC(
                self, 0, line, message.dgram, 0.0, message.address, list(message.params), peer
            )


class TOP(OP):
    """A TOP that cooks only when viewed. Without its sender it has the size of before, and gives no
    warning."""

    _cooked_px = (128, 128)
    width = property(lambda self: self._cooked_px[0])
    height = property(lambda self: self._cooked_px[1])

    def cook(self, force: bool = False, recurse: bool = False) -> None:
        if self.OPType != "syphonspoutinTOP":
            raise tdError(f"{self.OPType}: its size is not in this fake")
        self.__dict__["_cooked_px"] = self.program.senders.get(
            self.par.sendername.eval(), self._cooked_px
        )


class CHOP(OP):
    def channels(self) -> dict[str, float]:
        if self.OPType in ("inCHOP", "resampleCHOP"):
            return {
                f"chan{row}": float(values[-1])
                for row, values in enumerate(self.numpyArray(), start=1)
            }
        if self.OPType in ("outCHOP", "nullCHOP"):
            return self.inputs[0].channels()
        if self.OPType == "renameCHOP":
            names = (getattr(self.par, name).eval().split() for name in ("renamefrom", "renameto"))
            renamed = dict(zip(*names, strict=True))
            return {
                renamed.get(name, name): value for name, value in self.inputs[0].channels().items()
            }
        if self.OPType == "replaceCHOP":
            first, second = (source.channels() for source in self.inputs)
            return {name: second.get(name, value) for name, value in first.items()}
        assert (self.par.output.eval(), self.par.firstrow.eval()) == ("chanperrow", "values")
        assert self.par.firstcolumn.eval() == "names"
        return {row[0]: float(row[1]) for row in self.par.dat.eval().rows}

    numChans = property(lambda self: len(self.channels()))

    def numpyArray(self) -> np.ndarray:
        """(channels, samples) float32 of this frame's time slice."""
        if self.OPType == "resampleCHOP":
            assert (self.par.method.eval(), self.par.timeslice.eval()) == ("preserve", True)
            assert self.par.rate.eval() == self.program.sound_hz, "the fake does not resample"
        return self.inputs[0].numpyArray() if self.inputs else np.zeros((0, 0), np.float32)

    def __getitem__(self, name: str) -> float:
        return self.channels()[name]


class OscInCHOP(CHOP):
    """A fake OSC In CHOP: each channel begins to exist with its first message. It takes numbers
    only."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__.update(receiver=Receiver(self), queues={}, values={})

    def hear(self) -> None:
        """With a queue every message of a channel is a sample, one a frame; without, the last one
        of a frame counts."""
        for message, _ in self.receiver.messages():
            assert all(isinstance(value, int | float) for value in message.params), (
                f"{message.address}: a warning"
            )
            (value,) = message.params
            name = "/".join(message.address.split("/")[1 + self.par.stripsegments.eval() :])
            queue = self.queues.setdefault(name, collections.deque())
            if not self.par.queued.eval():
                queue.clear()
            queue.append(value)
        self.values.update({name: queue.popleft() for name, queue in self.queues.items() if queue})

    def channels(self) -> dict[str, float]:
        return dict.fromkeys(self.values, 0.0) if self.par.resetvalues.eval() else dict(self.values)


class AudioOscillatorCHOP(CHOP):
    """Plays what the test puts in `sound`, (channels, samples), at the frame rate of 60."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.__dict__["sound"] = np.zeros((1, 800), np.float32)

    def channels(self) -> dict[str, float]:
        return dict.fromkeys([f"chan{row + 1}" for row in range(len(self.sound))], 0.0)

    def numpyArray(self) -> np.ndarray:
        step = self.program.sound_hz // 60
        columns = np.arange(self.program.frames * step, (self.program.frames + 1) * step)
        return self.sound.take(columns, axis=1, mode="wrap").astype(np.float32)


FAMILIES: dict[str, type[OP]] = {"DAT": DAT, "CHOP": CHOP, "TOP": TOP}
KINDS: dict[str, type[OP]] = {
    "baseCOMP": COMP, "oscinCHOP": OscInCHOP, "oscinDAT": OscInDAT, "oscoutDAT": OscOutDAT,
    "audiooscillatorCHOP": AudioOscillatorCHOP,
}  # fmt: skip
