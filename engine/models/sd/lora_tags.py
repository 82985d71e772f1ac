"""LoRA tags in prompts, `<lora:name:0.8>`, for LoRAs that were loaded with the model. Does not load torch.

While the prompt is used, a tag overrides the LoRA's weight from the option or configuration. Names are file names,
case-insensitive, as in A1111. If a LoRA is named twice, the last tag applies.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.models.sd.prompt_syntax import parse_prompt

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

Note = Callable[[str, str], None]


def tagged_weights(prompt: str, names: Sequence[str], note: Note) -> dict[int, float]:
    """Weights of the LoRAs with a tag in the prompt, by their index in `names`.

    `note(key, line)` is called for unknown names.
    """
    places = {name.lower(): place for place, name in enumerate(names)}
    weights: dict[int, float] = {}
    for tag in parse_prompt(prompt).loras:
        place = places.get(tag.name.lower())
        if place is None:
            there = f"there are {', '.join(names)}" if names else "none was loaded"
            note(
                "lora",
                f"<lora:{tag.name[:80]}>: no LoRA of that name, {there}; load it at start: --lora PATH, or "
                "[[sd.loras]] in the configuration",
            )
        else:
            weights[place] = tag.weight
    return weights


def with_tags(prompt: str, names: Sequence[str], weights: Sequence[float], note: Note) -> dict[str, float]:
    """Weights of all LoRAs by name: from its tag, else from `weights` (in the order of `names`)."""
    tags = tagged_weights(prompt, names, note)
    return {name: tags.get(place, weight) for place, (name, weight) in enumerate(zip(names, weights, strict=True))}


@contextmanager
def tags_in_force(model: "DiffusionModel", prompt: str, note: Note) -> Iterator[None]:
    """Apply the prompt's LoRA tags inside the `with` block, and restore the weights afterwards."""
    names = () if model.loras is None else model.loras.names
    tags = tagged_weights(prompt, names, note)
    if model.loras is None or not tags:
        yield
        return
    before = dict(model.loras.weights)
    model.loras.set_weights({names[place]: weight for place, weight in tags.items()})
    try:
        yield
    finally:
        model.loras.set_weights(before)
