"""Builds the `multiverse` component inside TouchDesigner from embedded texts; no other file is needed.

This is the hand-written part of `build_component.py`, between the embedded texts and the final call. Running it again
updates the component in place: wires and the values on the pages Connect, Show and Pictures stay.

It uses Python 3.9 syntax only, so that older builds can run it and report that they are too old.
"""

import re
from typing import Any

import td

NAME = "multiverse"
# The first build with Python 3.11; the builds of 2022 have 3.9, without dataclass(slots=, kw_only=) and zip(strict=).
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
    ("sam3_in", "out5_sam3"),  # after the audio output, so that the wires of older projects with four outputs stay
    ("sam3_mask_in", "out6_sam3_mask"),
)
CHANNELS = (
    ("features", "audio", "audio_channels", "out4_audio"),
    ("found_objects", "object_values", "object_channels", "out7_objects"),
)  # module with the names, table of the values, CHOP, output
COLUMN, ROW = 200, 130  # network editor units


def build_if_supported(texts: dict[str, str]) -> None:
    """Build the component, or print why this TouchDesigner is not supported."""
    problem = too_old(td.app.build)
    if problem:
        print(problem)
    else:
        build(target_comp(), texts)


def too_old(build_number: str) -> str:
    """The error line if a build such as 2022.35320 is older than MIN_BUILD, else empty."""
    numbers = tuple(int(digits) for digits in re.findall(r"[0-9]+", build_number)[:2])
    if len(numbers) < 2 or numbers >= MIN_BUILD:
        return ""
    minimum = ".".join(map(str, MIN_BUILD))
    return (
        f"multiverse: not built: this is TouchDesigner {build_number}, but {minimum} or newer is needed (Python 3.11): "
        "install it from derivative.ca/download and run this again"
    )


def build(where: Any, texts: dict[str, str], name: str = NAME) -> Any:
    """Create or update the component inside the COMP `where`, and return it."""
    comp = get_or_create(where, "baseCOMP", name)
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
    watch_parameters.op, watch_parameters.pars = "..", "*"
    watch_parameters.custom, watch_parameters.builtin = True, False
    watch_parameters.valuechange, watch_parameters.onpulse = True, True
    watch_frames.framestart = True
    watch_parameters.active = watch_frames.active = True
    arrange(comp)
    return comp


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
    osc_in.par.clamp, osc_in.par.maxlines = True, 10  # nothing reads its table, and each line costs time
    osc_out = get_or_create(comp, "oscoutDAT", "osc_out")
    for dat in (osc_in, osc_out):
        dat.par.protocol = "msging"

    for picture, out in PICTURES:
        top = get_or_create(comp, "ndiinTOP" if picture == "ndi_in" else "syphonspoutinTOP", picture)
        get_or_create(comp, "outTOP", out).inputConnectors[0].connect(top)
        if picture == "ndi_in":
            top.par.active = False  # it searches the network, so it starts only on request
        else:
            top.par.usespoutactivesender = False

    for name in ("status", "objects"):
        get_or_create(comp, "tableDAT", name)
    for module, values, channels, out in CHANNELS:
        table = get_or_create(comp, "tableDAT", values)
        table.clear()
        for name in comp.op(module).module.NAMES:
            table.appendRow([name, 0.0])
        chop = get_or_create(comp, "dattoCHOP", channels)
        chop.par.dat = values
        chop.par.output, chop.par.firstrow, chop.par.firstcolumn = "chanperrow", "values", "names"
        get_or_create(comp, "outCHOP", out).inputConnectors[0].connect(chop)


def renew_parameters(comp: Any) -> None:
    """Rebuild all pages. Keeps the values on the component's own pages; the engine sends the others."""
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
    """Place modules in rows of five, and below them each chain in its own row."""
    for at, name in enumerate(MODULES):
        comp.op(name).nodeX, comp.op(name).nodeY = at % 5 * COLUMN, -(at // 5) * ROW
    rows = (("osc_out", "osc_in", "parameter_callbacks", "frame_callbacks", "status", "objects"), *PICTURES,
            *(names for _, *names in CHANNELS))  # fmt: skip
    for row, names in enumerate(rows, start=4):
        for column, name in enumerate(names):
            comp.op(name).nodeX, comp.op(name).nodeY = column * COLUMN, -row * ROW


def target_comp() -> Any:
    """The COMP to build in: the parent of the running Text DAT, or else the project's first component."""
    running = globals().get("me")
    if running is not None and running.isDAT:
        return running.parent()
    return td.op("/project1") or td.root
