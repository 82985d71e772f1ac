"""Classes of things: several kinds share one, such as all machines."""

from engine.jobs.dataset.scene.things import DistractorKind, PileKind

MACHINES = frozenset({DistractorKind.EXCAVATOR, DistractorKind.LOADER, DistractorKind.ROLLER})


def category_of(kind: PileKind | DistractorKind) -> str:
    """The class of a kind: `pile`, `machine`, or the kind's own name."""
    if isinstance(kind, PileKind):
        return "pile"
    return "machine" if kind in MACHINES else kind.value


CATEGORIES = tuple(dict.fromkeys(map(category_of, (*PileKind, *DistractorKind))))
"""All classes; `pile` is the first."""
