"""The configuration of an engine, from Python, a TOML file or the command line.

`Config()` opens nothing: no port, no window, no file. The command `multiverse run` adds the ports,
the page and the system's texture output (see `RUN_DEFAULTS`); a program that embeds the engine sets
what it needs.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

import osc_schema
from engine.errors import ConfigError, UsageError
from engine.system.run_option import option
from engine.system.schedule import exact_rate, parse_rate
from engine.system.small_file import read_toml
from osc_schema import live_models
from osc_schema.live_models import PICTURES
from osc_schema.mapping import FORMS
from osc_schema.outputs import SECOND
from osc_schema.sinks import KINDS

MAX_SIDE_PX = 8192
MAX_VALUE = 200  # characters of a value that an error quotes
_INTERNAL_KEYS = frozenset(("is_size_free", "models"))  # set by the command line, never by a user
RUN_DEFAULTS: dict[str, Any] = {
    "osc": {"listen": "127.0.0.1:9000"},
    "web": "127.0.0.1:9001",
    "sinks": None,
    "autosave": True,
}
"""Defaults of `multiverse run`. The configuration file and the options override them."""

LAN_DEFAULTS: dict[str, Any] = {
    "osc": {
        "listen": "0.0.0.0:9000",
        "allow": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
    },
    "web": "0.0.0.0:9001",
    "announce": True,
}
"""Defaults of `--lan`: reachable from the local network only (RFC 1918, RFC 3927). `lan_defaults`
adds our networks."""

Pixels = Annotated[int, Meta(ge=64, le=MAX_SIDE_PX)]
Rate = Annotated[float, Meta(ge=1, le=240)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Table = TypeVar("Table", bound=Struct)


class FeedbackTarget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A program that is subscribed to all changes from the start: `[[osc.feedback]]`."""

    host: str = "127.0.0.1"
    port: Port
    send: Literal["values", *FORMS] = "values"  # type: ignore[valid-type]
    """Every value, or the feedback for mapped controls in a form of `/map/feedback`."""


class TextTarget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A text field in another program, such as Resolume's Text Block, that shows a name:
    `[[osc.text]]`."""

    host: str = "127.0.0.1"
    port: Port
    address: Annotated[str, Meta(pattern=r"^/\S+$", max_length=255)]
    """The OSC address of that text field."""
    shows: Literal["preset", "cue"] = "preset"
    """The name of the current preset, or the number and preset of the current cue."""


def parse_universes(text: str) -> list[int]:
    """Parse numbers and ranges of universes: `1-4,7`."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (
            first.isdecimal() and last.isdecimal() and int(first) <= int(last) < int(first) + 64
        ):
            raise UsageError(
                f"--dmx-universes: {part.strip()!r} is not a universe or a range of at most 64, "
                "such as 1-4,7"
            )
        numbers += range(int(first), int(last) + 1)
    return numbers


def _join_names(names: Sequence[str], last: str) -> str:
    """`a, b and c`."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


class OscConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    listen: Annotated[
        str, option("OSC over UDP and TCP. (default: 127.0.0.1:9000)", "HOST:PORT|off")
    ] = "off"
    allow: Annotated[
        tuple[str, ...],
        option(
            "Accept OSC only from this network, repeatable; OSCQuery too, without a token.", "CIDR"
        ),
    ] = ()
    feedback: Annotated[
        tuple[FeedbackTarget, ...],
        Meta(description="Programs that are subscribed to all changes from the start."),
    ] = ()
    text: Annotated[
        tuple[TextTarget, ...],
        Meta(description="Text fields of other programs that show the preset's or cue's name."),
    ] = ()


class DmxConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Levels of lighting desks, for the map of foreign controls: `[dmx]`."""

    listen: Annotated[
        Literal["off", "artnet", "sacn", "both"],
        option("Take levels from lighting desks. (default: off)", "artnet|sacn|both|off"),
    ] = "off"
    universes: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=63_999)], ...],
        option(
            "Universes, such as 1-4,7. (default: 0-3)",
            "LIST",
            parse=parse_universes,
            min_length=1,
            max_length=64,
        ),
    ] = (0, 1, 2, 3)
    """As numbered in the packets: Art-Net begins at 0, sACN at 1."""
    merge: Annotated[
        Literal["newest", "highest"],
        Meta(
            description="Among desks of one priority: the newest packet, or the highest level of "
            "each channel (HTP)."
        ),
    ] = "newest"
    fixture: Annotated[
        str | None,
        option(
            "Be a lighting desk's fixture: 24 channels from there on.",
            "UNIVERSE.ADDRESS",
            flags="--fixture",
        ),
    ] = None
    interface: Annotated[
        Annotated[str, Meta(pattern=r"^\d{1,3}(\.\d{1,3}){3}$")] | None,
        Meta(
            description="IPv4 address of this machine in the lighting network. (default: all "
            "networks)"
        ),
    ] = None
    artnet_port: Annotated[Port, Meta(description="UDP port of Art-Net.")] = 6454
    sacn_port: Annotated[Port, Meta(description="UDP port of sACN.")] = 5568


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    width: Annotated[
        Pixels,
        Meta(description="Width of the picture in px. (default: 1280; live in software 960)"),
    ] = 1280
    height: Annotated[
        Pixels,
        Meta(description="Height of the picture in px. (default: 720; live in software 540)"),
    ] = 720
    is_size_free: bool = False
    """Internal: the user chose no size, so the software renderer may choose a smaller one to keep
    the frame rate."""
    fps: Annotated[
        Rate | None,
        option(
            "Frames per second: 30, 29.97, 30000/1001. (default: 60 on a GPU, 30 in software)",
            "RATE",
            parse=parse_rate,
        ),
    ] = None
    """29.97 and its like are exactly n x 1000/1001."""
    audio: Annotated[
        str | None,
        option(
            "Sound input; FILE: any sound, video or .m3u playlist; rtp:PORT: of another program, "
            "such as TouchDesigner."
            " The beat is heard in it, unless /tempo/source names another clock. (default: the "
            "default input device,"
            " else the demo loop)",
            "{sounds}",
        ),
    ] = None
    music: Annotated[
        tuple[str, ...],
        option(
            "Folder of sound files and playlists that can be chosen during the run, repeatable."
            " (default: the user's music folder)",
            "FOLDER",
        ),
    ] = ()
    """`/audio/file/open` names them, and those in the folder of `audio`."""
    monitor: Annotated[
        str,
        option(
            "Sound output on which files and the demo loop are heard, in step with the picture. "
            "(default: none)",
            "none|default|device:NAME",
        ),
    ] = "none"
    camera: Annotated[
        str,
        option(
            "Layer 5: a camera, a video, a picture, the test card, a stream (rtsp://, http://, "
            "udp://), or another"
            " program's picture: {programs}. Part of the name is enough:"
            " spout:Arena is Resolume Arena's composition. `multiverse devices` lists what is "
            "available.",
            "none|test|INDEX|NAME|FILE|URL|KIND:NAME",
        ),
    ] = "none"
    video_folders: Annotated[
        tuple[str, ...],
        option(
            "Folder of videos and pictures that can be chosen for layer 5 during the run, "
            "repeatable."
            " (default: the user's folder of videos)",
            "FOLDER",
        ),
    ] = msgspec.field(default=(), name="films")
    """`/camera/open` names them, and those in the folder of `camera`."""
    renderer: Annotated[
        Literal["auto", "gl", "numba"],
        option("Renderer; auto: OpenGL on a GPU, else Numba. (default: auto)", "auto|gl|numba"),
    ] = "auto"
    gpu: Annotated[
        str | None,
        option(
            "Linux: draw with this GPU; part of the name is enough. `multiverse devices` lists "
            "them. [MULTIVERSE_GPU]"
            " (default: an NVIDIA card, else another, else the CPU)",
            "INDEX|NAME",
        ),
    ] = None
    sinks: Annotated[
        tuple[str, ...] | None,
        option(
            "Where pictures go, repeatable: "
            f"{', '.join(kind.option or name for name, kind in KINDS.items())}."
            f" The prefix {_join_names([f'{picture.name}:' for picture in PICTURES], 'or')} sends "
            "that picture instead;"
            f" {_join_names([name for name, kind in KINDS.items() if kind.is_named], 'and')} "
            "include them."
            f" The prefix {SECOND.name}: sends the second output (/output/2)."
            " (default: the system's texture sharing)",
            "[PICTURE:]KIND[=ARG]",
            flags="--sink",
        ),
    ] = ()
    """None: the system's texture sharing."""
    osc: OscConfig = OscConfig()
    dmx: DmxConfig = DmxConfig()
    midi: Annotated[
        tuple[str, ...],
        option(
            "Use MIDI controllers with this in their name, in and out, repeatable; also those "
            "plugged in later.",
            "NAME|all",
        ),
    ] = ()
    models: dict[str, Any] = {}
    """The table of each live model, by its name: a ModelTable. In a file they are tables of their
    own, `[NAME]`."""
    web: Annotated[str, option("The page. (default: 127.0.0.1:9001)", "HOST:PORT|off")] = "off"
    """OSCQuery is there, too."""
    web_token: Annotated[
        Annotated[str, Meta(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9_.~-]+$")] | None,
        option(
            "Required from browsers on other machines. (default: a new one at each start)", "TOKEN"
        ),
    ] = None
    announce: Annotated[
        bool, Meta(description="Announce OSC and OSCQuery on the network by mDNS.")
    ] = False
    name: Annotated[
        str | None,
        option(
            "Name of this engine in OSCQuery and mDNS; give a spare machine the same."
            ' (default: "Multiverse" and the machine\'s name)',
            "NAME",
        ),
    ] = None
    mapping: Annotated[
        str | None,
        Meta(
            description="File that maps foreign controls to parameters."
            " (default: `mapping.toml` in the user's data folder)"
        ),
    ] = None
    maps: Annotated[
        tuple[str, ...],
        option(
            "Add a built-in map of a program's controls, repeatable: resolume; resolume:5 starts "
            "at its layer 5, "
            "resolume:group1 takes its groups, resolume:selected its selected layer.",
            "NAME[:FIRST]",
            flags="--map",
        ),
    ] = ()
    cues: Annotated[
        str | None,
        Meta(description="File of the cue list. (default: `cues.toml` in the user's data folder)"),
    ] = None
    params: Annotated[
        dict[str, Any],
        option("Start with this value, repeatable; patterns work.", "ADDRESS=VALUE", flags="--set"),
    ] = {}
    smoothing: Annotated[
        dict[str, Annotated[float, Meta(ge=0, le=60_000)]],
        Meta(description="Smoothing time in ms by address, in place of the schema's."),
    ] = {}
    preset: Annotated[str | None, option("Start with this preset.", "NAME")] = None
    presets: Annotated[
        str | None, option("Folder of the presets. (default: the user's data folder)", "FOLDER")
    ] = None
    shaders: Annotated[
        tuple[str, ...],
        Meta(
            description="Folders of ISF shaders, searched before the system's own and those of "
            "the engine."
        ),
    ] = ()
    recordings: Annotated[
        str | None,
        Meta(
            description="Folder for recordings and snapshots without a path."
            " (default: `recordings` in the working folder)"
        ),
    ] = None
    resume: Annotated[bool, option("Live: start with the values of the last run.")] = False
    """Those that `autosave` saved."""
    autosave: Annotated[bool, Meta(description="Save the values every 5 s for `resume`.")] = False
    offline: Annotated[
        bool,
        option(
            "Render a video as fast as possible into --sink record=FILE, to the end of the sound "
            "file or of"
            " --frames or --seconds; the same input gives the same bytes."
        ),
    ] = False
    """The clock steps by 1/fps."""
    overwrite: Annotated[
        bool,
        option(
            "With --offline: replace existing videos and pictures, at the end; also by an "
            "interrupted video."
        ),
    ] = False
    """Otherwise the new ones get a number."""

    def with_size(self, width: int, height: int) -> "Config":
        """A copy with this size in pixels."""
        return msgspec.structs.replace(self, width=width, height=height)


def lan_defaults() -> dict[str, Any]:
    """`LAN_DEFAULTS` plus the networks of this machine's interfaces, because some networks on stage
    use addresses outside the private ranges, such as Art-Net's 2.0.0.0/8."""
    from engine.system.network_interfaces import own_networks

    osc = LAN_DEFAULTS["osc"]
    return LAN_DEFAULTS | {
        "osc": osc | {"allow": list(dict.fromkeys([*osc["allow"], *map(str, own_networks())]))}
    }


def read_config_file(path: Path) -> dict[str, Any]:
    """The file's content, checked against `Config`; ConfigError names the file and the key path."""
    try:
        raw = read_toml(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML: {' '.join(str(error).split())}") from None
    if "models" in raw:  # in a file each model's table stands by itself
        raise ConfigError(f"{path}: models: unknown key ({_known_keys('')})")
    build_config(raw, origin=str(path))
    return raw


def build_config(values: dict[str, Any], *, origin: str = "configuration") -> Config:
    """A checked Config from plain values; ConfigError is one line that names `origin` and the key
    path."""
    kinds = _model_tables()
    raw_models = values.get("models", {})
    if not isinstance(raw_models, dict):
        raise ConfigError(
            f"{origin}: models: {_plain(repr(raw_models))} is not allowed (expected the models' "
            "tables by name)"
        )
    tables = {**raw_models, **{name: values[name] for name in kinds if name in values}}
    if unknown := tables.keys() - kinds:
        raise ConfigError(
            f"{origin}: models.{min(unknown)}: unknown live model (installed: {', '.join(kinds)})"
        )
    config = _converted(
        {key: value for key, value in values.items() if key not in (*kinds, "models")},
        Config,
        "",
        origin,
    )
    models = {
        name: _converted(tables.get(name, {}), kind, name, origin) for name, kind in kinds.items()
    }
    config = msgspec.structs.replace(config, models=models)
    for address, value in config.params.items():
        _check_parameter(f"{origin}: params", address, value)
    for address in config.smoothing:
        param = osc_schema.lookup(address)
        if param is None:
            raise ConfigError(f'{origin}: smoothing."{_plain(address)}": {_unknown(address)}')
        if not param.can_glide:
            raise ConfigError(f'{origin}: smoothing."{address}": does not glide; only floats do')
    config = _with_size_from_params(config)
    return (
        msgspec.structs.replace(config, fps=float(exact_rate(config.fps))) if config.fps else config
    )


def _model_tables() -> dict[str, type[Struct]]:
    """The class of each installed model's table, by the model's name."""
    return {name: entry.table for name, entry in live_models.live_entries().items()}


def _converted(values: Any, kind: type[Table], name: str, origin: str) -> Table:
    """The table of this name as a `kind`; "" for the whole configuration."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        path = f"{name}{path.rstrip('`')}".removeprefix(".")
        raise ConfigError(
            f"{origin}: {_explanation(text, path, {name: values} if name else values)}"
        ) from None


def _with_size_from_params(config: Config) -> Config:
    """Move `/engine/width`, `/engine/height` and `/engine/fps` from `params` to the keys width,
    height and fps."""
    format_values = {
        key: osc_schema.accept(f"/engine/{key}", config.params[f"/engine/{key}"]).value
        for key in ("width", "height", "fps")
        if f"/engine/{key}" in config.params
    }
    others = {
        address: value
        for address, value in config.params.items()
        if address.split("/")[1] != "engine"
    }
    return (
        msgspec.structs.replace(config, params=others, **format_values) if format_values else config
    )


def split_host_port(text: str, option: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` (IPv6 in brackets); port 0 lets the system choose."""
    match = re.fullmatch(r"(\[[^\]]+\]|[^:]+):(\d{1,5})", text.strip())
    if match is None or int(match[2]) > 65535:
        raise ConfigError(
            f"{option}: {text!r} is not HOST:PORT (for example 127.0.0.1:9000, up to 65535)"
        )
    host = match[1].strip("[]")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ConfigError(
            f"{option}: {text!r} has no host name of letters, digits, dots and hyphens"
        ) from None
    return host, int(match[2])


def _check_parameter(origin: str, address: str, value: Any) -> None:
    if osc_schema.lookup(address) is None:
        raise ConfigError(f'{origin}."{_plain(address)}": {_unknown(address)}')
    try:
        osc_schema.accept(address, value)
    except osc_schema.Rejected as error:
        raise ConfigError(f"{origin}: {error}") from None


def _unknown(address: str) -> str:
    return str(osc_schema.unknown_address(address)).partition(": ")[2]


def _explanation(text: str, key_path: str, values: dict[str, Any]) -> str:
    """Rewrite msgspec's ``Expected `int` >= 64`` about `width` as `width: 8 is not allowed
    (expected int >= 64)`."""
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", text, re.DOTALL):
        name = _plain(unknown[1])
        return (
            f"{f'{key_path}.{name}' if key_path else name}: unknown key ({_known_keys(key_path)})"
        )
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        return f"{key_path}.{missing[1]}: is missing"
    if text.startswith("Invalid enum value"):
        table, _, key = key_path.rpartition(".")
        text = f"Expected one of {', '.join(get_args(get_type_hints(_table_at(table))[key]))}"
    expected = f"{text[0].lower()}{text[1:].replace('`', '')}"
    return f"{key_path}: {_plain(repr(_value_at(key_path, values)))} is not allowed ({expected})"


def _plain(text: str) -> str:
    """The text on one line, cut to a readable length."""
    line = text if text.isprintable() else repr(text)[1:-1]
    return line if len(line) <= MAX_VALUE else f"{line[:MAX_VALUE]}..."


def _value_at(key_path: str, values: Any) -> Any:
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", key_path):
        if index == "...":  # msgspec does not say which entry of a table
            return values
        values = values[int(index)] if index else values[name]
    return values


def _table_at(path: str) -> type[Struct]:
    """The class of the table at this path, such as `osc` or `MODEL.loras[0]`; "" for the whole
    configuration."""
    table: type[Struct] = Config
    for part in path.split(".") if path else ():
        name = part.partition("[")[0]
        kind = _model_tables().get(name) or get_type_hints(table)[name]
        table = get_args(kind)[0] if get_origin(kind) is tuple else kind  # a list of tables
    return table


def _known_keys(path: str) -> str:
    table = _table_at(path)
    keys = [key for key in table.__struct_encode_fields__ if key not in _INTERNAL_KEYS]
    return f"known: {', '.join(keys if table is not Config else [*keys, *_model_tables()])}"
