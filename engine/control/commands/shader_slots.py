"""The state of the shader of each slot, and the checks of what goes with a slot."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.control.commands.shader_test_scheduler import ShaderText
from engine.params import Snapshot
from engine.params.input_views import InputViews
from engine.params.shader_catalog import ShaderEntry
from engine.params.shader_inputs import ShaderInput, is_input_address
from engine.render.isf.isf_file import IsfFile
from osc_schema.fx import GENERATOR, PROGRESS, TRANSITION
from osc_schema.modulation import ROUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderStatus:
    slot: str
    file: str
    """Name of the chosen shader."""
    state: str
    """off, waiting, testing, playing, failed or bypassed."""
    detail: str
    """Why it failed or is bypassed, with its line; "" otherwise."""
    shown: str
    """Name of the shader that plays; differs from `file` while that one is tested or has failed."""
    draw_ms: float
    """Milliseconds of drawing it in the newest frame; 0 if not measured."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayingShader:
    name: str
    """The file's name as in /fx/<slot>/file."""
    file: IsfFile
    inputs: tuple[ShaderInput, ...]
    version: int
    """The first version of the store whose aliases are meant for it."""

    @property
    def key(self) -> str:
        """The same for each spelling of the name."""
        return self.name.casefold()


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    name: str
    chosen_name: str = ""
    state: str = "off"
    detail: str = ""
    entry: ShaderEntry | None = None
    version: int = 0
    """Version of the group in which the file was chosen."""
    together: frozenset[str] = frozenset()
    is_reload: bool = False
    is_reported: bool = False
    """Subscribers know that it is tested for the first time."""
    ticket: object = None
    """Identifies the newest request; answers to earlier ones are dropped."""
    text: ShaderText | None = None
    playing: PlayingShader | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class PreparedShader:
    """A shader that a slot will play on a beat."""

    name: str
    entry: ShaderEntry
    text: ShaderText | None = None
    is_judged: bool = False


def wrong_kind(slot: str, file: IsfFile) -> str:
    """Why a shader cannot play in this slot; "" if it can. A generator may be an effect: it covers
    the picture."""
    if slot == TRANSITION:
        has_progress = any(each.name == PROGRESS and each.type == "float" for each in file.inputs)
        needed = "images startImage and endImage, and a float progress"
        return (
            ""
            if file.is_transition and has_progress
            else f"is no transition (it needs the {needed})"
        )
    if file.is_transition:
        return "is a transition between two pictures; choose it for /preset/transition"
    if slot == GENERATOR and not file.is_generator:
        return "is an effect (it needs inputImage); choose it for /fx/1/file to /fx/4/file"
    return ""


def lost_routes(slot: str, snapshot: Snapshot, views: InputViews) -> Iterator[str]:
    """One line for each route of the modulation to an input that the slot's shader does not
    have."""
    for n in ROUTES:
        target = str(snapshot[f"/mod/{n}/target"])
        if (
            snapshot[f"/mod/{n}/source"] == "off"
            or not is_input_address(target)
            or target.split("/")[2] != slot
        ):
            continue
        view = views.find(target)
        if view is None:
            yield f"/mod/{n}/target: {views.missing(target)}; it moves nothing"
        elif len(view.aliases) > 1:
            yield (
                f"/mod/{n}/target: {target} has several numbers; choose one of "
                f"{', '.join(view.aliases)}"
            )
