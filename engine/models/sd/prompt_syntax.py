"""Parses prompts like A1111's web UI: weights in brackets, escapes, LoRA tags. Does not load torch.

`(text)` has weight 1.1, `[text]` 1/1.1, `(text:1.3)` 1.3; nested weights multiply; unclosed
brackets extend to the end; a bracket after a backslash is literal (A1111, modules/prompt_parser.py,
parse_prompt_attention). `<lora:name:0.8>` is removed from the text and overrides the weight of a
LoRA that was loaded with the model while the prompt is used. Names are file names,
case-insensitive; the last tag of a LoRA applies. BREAK begins a new chunk of 75 tokens.

Not supported, with a line in `notes`: prompt editing `[from:to:when]` and alternation `[a|b]` are
read literally, at the surrounding weight. A backslash before any other character is kept; A1111
drops it. AND is an ordinary word.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

ROUND = 1.1
SQUARE = 1 / 1.1
# maximum weight of a word: far above any useful weight, and far below the limit of float16
MAX_WEIGHT = 100.0
MAX_LORA_WEIGHT = 4.0  # the same limit as for `--lora`
_HUGE = 1e9  # limit while multiplying, so that no product becomes infinite, nor NaN times 0
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_TAG = re.compile(r"<(?P<kind>lora|lyco|hypernet):(?P<values>[^<>]+)>", re.IGNORECASE)
_MARK = re.compile(
    rf"\\(?P<escaped>[()\[\]\\])|:\s*(?P<weight>{_NUMBER})\s*\)|(?P<bracket>[()\[\]])|(?P<plain>[^\\()\[\]:]+|[\\:])"
)
_BREAK = re.compile(r"\bBREAK\b\s*")
CHUNK_END = "\x1e"
"""In a fragment's text: where BREAK was."""
_WHEN = re.compile(rf":\s*{_NUMBER}\s*$")
Note = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of text and its weight."""

    text: str
    """With CHUNK_END where a new chunk of tokens begins."""
    weight: float


@dataclass(frozen=True, slots=True)
class LoraTag:
    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """A parsed prompt; neighbouring fragments differ in weight."""

    fragments: tuple[Fragment, ...]
    loras: tuple[LoraTag, ...] = ()
    """In prompt order."""
    notes: tuple[str, ...] = ()
    """Unsupported syntax, one line each."""

    @property
    def text(self) -> str:
        """The text without brackets and tags."""
        return "".join(fragment.text for fragment in self.fragments).replace(CHUNK_END, " ")

    @property
    def is_broken(self) -> bool:
        """True if the prompt has a BREAK."""
        return any(CHUNK_END in fragment.text for fragment in self.fragments)

    @property
    def is_weighted(self) -> bool:
        """True if any weight is not 1."""
        return any(fragment.weight != 1.0 for fragment in self.fragments)


def parse_prompt(prompt: str) -> ParsedPrompt:
    """Parse any text. Without brackets, doubled backslashes, tags and BREAK it is one unchanged
    fragment."""
    return _Parsing(prompt).prompt()


@dataclass(slots=True)
class _Piece:
    text: str
    weight: float = 1.0


@dataclass(slots=True)
class _OpenBracket:
    piece: int
    """Index of its first piece: an empty one in place of the bracket itself."""
    start: int
    """Position in the text right after the bracket."""
    has_bar: bool = False


class _Parsing:
    def __init__(self, prompt: str) -> None:
        self._notes: dict[str, None] = {}
        self._loras: list[LoraTag] = []
        self._text = _TAG.sub(self._take_tag, prompt)
        self._pieces: list[_Piece] = []
        self._rounds: list[int] = []
        self._squares: list[_OpenBracket] = []

    def prompt(self) -> ParsedPrompt:
        for mark in _MARK.finditer(self._text):
            if mark["escaped"]:
                self._pieces.append(_Piece(mark["escaped"]))
            elif mark["weight"] and self._rounds:
                self._multiply(self._rounds.pop(), float(mark["weight"]))
            elif mark["bracket"]:
                self._take_bracket(mark["bracket"], mark.start())
            else:
                self._take_text(mark[0])
        for piece in self._rounds:
            self._multiply(piece, ROUND)
        for square in self._squares:
            self._multiply(square.piece, SQUARE)
        return ParsedPrompt(tuple(self._fragments()), tuple(self._loras), tuple(self._notes))

    def _take_bracket(self, bracket: str, position: int) -> None:
        if bracket == "(":
            self._rounds.append(len(self._pieces))
        elif bracket == "[":
            self._squares.append(_OpenBracket(len(self._pieces), position + 1))
            self._pieces.append(_Piece(""))
        elif bracket == ")" and self._rounds:
            self._multiply(self._rounds.pop(), ROUND)
        elif bracket == "]" and self._squares:
            self._close_square(self._squares.pop(), position)
        else:
            self._pieces.append(_Piece(bracket))

    def _close_square(self, square: _OpenBracket, position: int) -> None:
        inside = self._text[square.start : position]
        if not (square.has_bar or _WHEN.search(inside)):
            self._multiply(square.piece, SQUARE)
            return
        self._pieces[square.piece].text = "["
        self._pieces.append(_Piece("]"))
        kind = "alternation [a|b]" if square.has_bar else "prompt editing [from:to:when]"
        self._note(f"{kind} is not supported: [{inside[:60]}] is read literally, with its brackets")

    def _take_text(self, text: str) -> None:
        if self._squares and "|" in text:
            self._squares[-1].has_bar = True
        parts = _BREAK.split(text)
        self._pieces.append(
            _Piece(CHUNK_END.join((*(part.rstrip() for part in parts[:-1]), parts[-1])))
        )

    def _multiply(self, piece: int, weight: float) -> None:
        for each in self._pieces[piece:]:
            each.weight = _within(each.weight * _within(weight, _HUGE), _HUGE)

    def _fragments(self) -> Iterator[Fragment]:
        """Merge neighbours with equal weight."""
        merged = _Piece("")
        for piece in self._pieces:
            weight = _within(piece.weight, MAX_WEIGHT)
            if weight != piece.weight:
                self._note(f"a weight beyond {MAX_WEIGHT:g} is limited to {weight:g}")
            if not piece.text:
                continue
            if merged.text and weight != merged.weight:
                yield Fragment(merged.text, merged.weight)
                merged = _Piece("")
            merged = _Piece(merged.text + piece.text, weight)
        if merged.text:
            yield Fragment(merged.text, merged.weight)

    def _take_tag(self, tag: re.Match[str]) -> str:
        """Record the tag, and remove it from the text."""
        name, *values = (part.strip() for part in tag["values"].split(":"))
        if tag["kind"].lower() == "hypernet":
            self._note(f"{tag[0][:80]}: hypernetworks are not supported; ignored")
            return ""
        weights = [
            _number(part.rpartition("=")[2]) for part in values if not part.startswith("dyn=")
        ] or [1.0]
        if None in weights or len(weights) > 2:
            self._note(f"{tag[0][:80]}: is not a valid <lora:name:0.8>; ignored")
            return ""
        if len(set(weights)) > 1:
            self._note(
                f"{tag[0][:80]}: text encoder and UNet have the same weight; using {weights[-1]:g}"
            )
        weight = weights[-1]
        assert weight is not None
        if abs(weight) > MAX_LORA_WEIGHT:
            self._note(
                f"{tag[0][:80]}: a weight is -{MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}; it is "
                "left out"
            )
            return ""
        self._loras.append(LoraTag(name, weight))
        return ""

    def _note(self, line: str) -> None:
        self._notes.setdefault(line)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(_NUMBER, text.strip()) else None


def _within(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def tag_weights(prompt: str, names: Sequence[str], note: Note) -> dict[int, float]:
    """Weights of the LoRAs with a tag in the prompt, by index in `names`. `note(key, line)`: for
    unknown names."""
    indices = {name.lower(): index for index, name in enumerate(names)}
    weights: dict[int, float] = {}
    for tag in parse_prompt(prompt).loras:
        index = indices.get(tag.name.lower())
        if index is None:
            there = f"there are {', '.join(names)}" if names else "none was loaded"
            note(
                "lora",
                f"<lora:{tag.name[:80]}>: no LoRA of that name, {there}; choose it by "
                "/sd/lora/1/file, or "
                "at start: --lora PATH, or [[sd.loras]] in the configuration",
            )
        else:
            weights[index] = tag.weight
    return weights


def with_tags(
    prompt: str, names: Sequence[str], weights: Sequence[float], note: Note
) -> dict[str, float]:
    """The weight of each LoRA by name: from its tag, else from `weights` (in the order of
    `names`)."""
    tags = tag_weights(prompt, names, note)
    return {
        name: tags.get(index, weight)
        for index, (name, weight) in enumerate(zip(names, weights, strict=True))
    }


@contextmanager
def applied_tags(model: "DiffusionModel", prompt: str, note: Note) -> Iterator[None]:
    """Apply the prompt's LoRA tags inside the `with` block, and restore the weights afterwards."""
    names = () if model.loras is None else model.loras.names
    tags = tag_weights(prompt, names, note)
    if model.loras is None or not tags:
        yield
        return
    before = dict(model.loras.weights)
    model.loras.set_weights({names[index]: weight for index, weight in tags.items()})
    try:
        yield
    finally:
        model.loras.set_weights(before)
