"""LoRAs that a prompt weighs: `<lora:name:0.8>`, of those that the model was started with. Does not load torch.

A tag stands in place of the weight that the LoRA was given by option or configuration while its prompt is in force.
Names are those of the files, without regard to case, as A1111 finds them. A LoRA named twice counts once, as last
written.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.models.sd.prompt_syntax import parse_prompt

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

Note = Callable[[str, str], None]


def tagged_weights(prompt: str, names: Sequence[str], note: Note) -> dict[int, float]:
    """Weights by the place of the LoRA in `names`, for those that the prompt has a tag for.

    `note(key, line)` is told of names that are not there.
    """
    places = {name.lower(): place for place, name in enumerate(names)}
    weights: dict[int, float] = {}
    for tag in parse_prompt(prompt).loras:
        place = places.get(tag.name.lower())
        if place is None:
            there = f"there are {', '.join(names)}" if names else "none was loaded"
            note(
                "lora",
                f"<lora:{tag.name[:80]}>: no LoRA of that name, {there}; bring it at the start: --lora PATH, or "
                "[[sd.loras]] in the configuration",
            )
        else:
            weights[place] = tag.weight
    return weights


def with_tags(prompt: str, names: Sequence[str], weights: Sequence[float], note: Note) -> dict[str, float]:
    """All LoRAs' weights by name: `weights`, in the order of `names`, where the prompt has no tag."""
    tags = tagged_weights(prompt, names, note)
    return {name: tags.get(place, weight) for place, (name, weight) in enumerate(zip(names, weights, strict=True))}


@contextmanager
def tags_in_force(model: "DiffusionModel", prompt: str, note: Note) -> Iterator[None]:
    """Inside, the model's LoRAs weigh what the prompt says; behind it what they did before."""
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
