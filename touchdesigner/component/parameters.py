"""Custom parameters of a COMP: those described by `layout`, and the component's own."""

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
