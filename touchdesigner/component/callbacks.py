"""Calls the patch's own functions in the DAT that Callback DAT names, each with one dictionary.
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
