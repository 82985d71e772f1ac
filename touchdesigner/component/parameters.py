"""Custom parameters of a COMP, from what `layout` says of them, and those that belong to the component itself."""

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
