"""Custom parameters of a COMP: those described by `layout`, and the component's own."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A parameter of the component itself; has the members of `layout.CustomParameter` that `put` reads."""

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


def _display(name: str, label: str, help: str, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, is_read_only=True, **more)


def _pulse(name: str, label: str, help: str, **more: Any) -> Own:
    return Own(name=name, label=label, help=help, style="Pulse", default=None, **more)


def _port(name: str, label: str, default: int, help: str) -> Own:
    return Own(name=name, label=label, help=help, style="Int", default=default, low=1, high=65_535)


OWN_PAGES: tuple[tuple[str, tuple[Own, ...]], ...] = (
    (
        "Connect",
        (
            Own(
                name="Host", label="Host", default="127.0.0.1", help="The engine's address; 127.0.0.1 is this machine."
            ),
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
            _port("Webport", "Web port", 9001, "Port of the page and of OSCQuery: multiverse run --web HOST:PORT."),
            Own(
                name="Token",
                label="Token",
                help="For Fit Pages with an engine on another machine. That engine prints its token.",
            ),
            _display("Connected", "Connected", "On while the engine's heartbeat arrives.", style="Toggle", default=0),
            _display("Message", "Message", "The latest event, and what to do about it."),
            _pulse("Fit", "Fit Pages", "Rebuild the pages for the running engine: reads its parameters over OSCQuery."),
            Own(
                name="Audiochop",
                label="Audio CHOP",
                style="Toggle",
                default=1,
                help="Requests 60 audio features a second for output 4 if the engine sends none. Off: no request.",
            ),
            Own(
                name="Command",
                label="Command",
                default="multiverse",
                help="Program that Start Engine runs: a name on PATH, or a full path.",
                starts_section=True,
            ),
            Own(
                name="Options",
                label="Options",
                help="Options after `multiverse run --osc ... --web ...`, such as --audio demo --camera 0.",
            ),
            _pulse("Startengine", "Start Engine", "Start the engine here. It keeps running when TouchDesigner quits."),
            _pulse("Stopengine", "Stop Engine", "Stop the engine; files being written are finished."),
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
                help="Fade time of Load; more than 60 can be typed.",
            ),
            _pulse("Presetload", "Load", "/preset/load: loads the chosen preset over the fade time."),
            Own(name="Presetname", label="Name", help="Name for Save."),
            _pulse("Presetsave", "Save", "/preset/save: saves the current values; replaces a preset of that name."),
            _display("Cuenow", "Cue", "The last cue started.", starts_section=True),
            _pulse("Cuego", "Go", "/cue/go: starts the next cue."),
            _pulse("Cueback", "Back", "/cue/back: starts the previous cue."),
        ),
    ),
    (
        "Pictures",
        (
            Own(
                name="Mainsender",
                label="Main contains",
                default="Multiverse",
                help="Output 1: the Syphon or Spout sender whose name contains this.",
            ),
            _display("Mainfound", "Main is", "The sender that was found."),
            Own(
                name="Sdsender",
                label="SD contains",
                default="Multiverse SD",
                help="Output 2, the picture of Stable Diffusion: the sender whose name contains this.",
            ),
            _display("Sdfound", "SD is", "The sender that was found."),
            Own(
                name="Ndi",
                label="NDI",
                style="Toggle",
                default=0,
                starts_section=True,
                help="Output 3: the picture of an engine on another machine. Searches the network, so off by default.",
            ),
            Own(name="Ndisource", label="NDI contains", default="Multiverse", help="Part of the NDI source's name."),
            Own(
                name="Ndiips",
                label="NDI addresses",
                help="Machines that NDI does not find by itself, separated by spaces.",
            ),
            _display("Ndifound", "NDI is", "The source that was found."),
            Own(
                name="Sam3sender",
                label="SAM3 contains",
                default="Multiverse SAM3",
                starts_section=True,
                help="Output 5, the input of SAM3 with coloured masks over it: the sender whose name contains this.",
            ),
            _display("Sam3found", "SAM3 is", "The sender that was found."),
            Own(
                name="Masksender",
                label="SAM3 mask contains",
                default="Multiverse SAM3 mask",
                help="Output 6, the masks of SAM3 as numbers: the sender whose name contains this. Red is the object's "
                "id / 255, green its score, blue its coverage of the pixel.",
            ),
            _display("Maskfound", "SAM3 mask is", "The sender that was found."),
        ),
    ),
    (
        "Status",
        (
            _display("State", "State", "State of the connection."),
            _display("Fps", "Frames/s", "Frame rate of the last two seconds.", style="Float", default=0.0, high=120.0),
            _display("Framep50", "Frame (ms)", "Median frame time.", style="Float", default=0.0, high=100.0),
            _display(
                "Framep99", "Slowest (ms)", "99 of 100 frames take less time.", style="Float", default=0.0, high=100.0
            ),
            _display(
                "Latencyp50",
                "Latency (ms)",
                "From a packet's arrival to the published picture, median of the last minute.",
                style="Float",
                default=0.0,
                high=100.0,
            ),
            _display(
                "Latencyp99", "99 of 100 (ms)", "99 of 100 packets take less.", style="Float", default=0.0, high=100.0
            ),
            _display(
                "Latencyworst", "Worst (ms)", "The worst of the last minute.", style="Float", default=0.0, high=100.0
            ),
            _display("Late", "Late", "Frames published more than one period late.", style="Int", default=0, high=1000),
            _display(
                "Dropped", "Dropped", "Frames skipped because the engine was late.", style="Int", default=0, high=1000
            ),
            _display("Size", "Size", "Width x height of the picture."),
            _display("Renderer", "Renderer", "Graphics hardware that draws the picture."),
            _display("Sound", "Sound", "Sound source and its state."),
            _display("Camera", "Camera", "Camera and its state."),
            _display("Children", "Children", "Child processes and their states.", starts_section=True),
            _display("Sinks", "Sinks", "Outputs and their states."),
            _display("Warning", "Warning", "Latest warning of the engine."),
            _display("Fault", "Refused", "Latest command that failed, and why."),
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
    """Add the parameter to the page, or update the existing one; returns its Pars."""
    group = getattr(page, f"append{control.style}")(control.name, label=control.label, replace=True)
    pars = [group[at] for at in range(4 if control.style == "RGBA" else 1)]
    for at, par in enumerate(pars):
        # The documentation of Par.help says both "Get or set" and "Read Only" (docs.derivative.ca/Par_Class).
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
    """The custom page of that title, created if missing."""
    for page in comp.customPages:
        if page.name == title:
            return page
    return comp.appendCustomPage(title)
