"""Builds the `multiverse` component inside TouchDesigner from embedded texts; no other file is
needed.

This is the hand-written part of `build_component.py`, between the embedded texts and the final
call. Running it again updates the component in place: wires and the values on its own pages
(Connect, Show, Pictures, Inputs, Callbacks) stay.

It uses Python 3.9 syntax only, so that older builds can run it and report that they are too old.
"""

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
