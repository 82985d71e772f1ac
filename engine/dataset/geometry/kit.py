"""Builder for machines: solids grouped by surface, in metres, x to the front, y to the left."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from engine.dataset.geometry.batches import Mesh, Surface
from engine.dataset.geometry.meshes import join, moved, put, sideways, standing
from engine.dataset.geometry.primitives import beam, box, cylinder, extrude, revolve
from engine.dataset.scene.things import DistractorKind

Model = tuple[tuple[Surface, Mesh], ...]  # one mesh per surface, in the order of `Surface`

Span = tuple[float, float]  # from, to

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Kit:
    """A machine under construction: solids by surface."""

    solids: dict[Surface, list[Mesh]] = field(default_factory=dict)

    def add(self, surface: Surface, *meshes: Mesh) -> None:
        self.solids.setdefault(surface, []).extend(meshes)

    def box(self, surface: Surface, x: Span, y: Span, z: Span) -> None:
        size = (x[1] - x[0], y[1] - y[0], z[1] - z[0])
        self.add(surface, moved(box(), put(size, ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, z[0]))))

    def bars(
        self, surface: Surface, centres: Iterable[float], half: float, y: Span, z: Span
    ) -> None:
        """Add boxes with these centres along x, each reaching `half` to the front and to the
        back."""
        for x in centres:
            self.box(surface, (x - half, x + half), y, z)

    def pair(self, surface: Surface, x: Span, y: tuple[Span, Span], z: Span) -> None:
        """Add a box on each side of the machine; `y`: as from `both_sides`."""
        for side in y:
            self.box(surface, x, side, z)

    def prism(self, surface: Surface, profile: Sequence[tuple[float, float]], y: Span) -> None:
        """Extrude a convex outline (x, z), counter-clockwise seen from the right side."""
        self.add(
            surface, moved(extrude(profile, y[1] - y[0]), put((1, 1, 1), (0, (y[0] + y[1]) / 2, 0)))
        )

    def beam(
        self, surface: Surface, points: Sequence[Span], y: Span, thick: float | Sequence[float]
    ) -> None:
        self.add(
            surface,
            moved(beam(points, y[1] - y[0], thick), put((1, 1, 1), (0, (y[0] + y[1]) / 2, 0))),
        )

    def wheel(
        self, surface: Surface, middle: Span, radius: float, y: Span, sides: int = 24
    ) -> None:
        """A cylinder whose axis runs across the machine; `middle` is (x, z)."""
        size = (2 * radius, y[1] - y[0], 2 * radius)
        self.add(
            surface,
            moved(cylinder(sides), sideways(size, (middle[0], (y[0] + y[1]) / 2, middle[1]))),
        )

    def pipe(self, surface: Surface, middle: Span, radius: float, z: Span) -> None:
        """An upright cylinder; `middle` is (x, y)."""
        self.add(
            surface,
            moved(cylinder(10), put((2 * radius, 2 * radius, z[1] - z[0]), (*middle, z[0]))),
        )

    def solid(
        self,
        surface: Surface,
        mesh: Mesh,
        size: tuple[float, float, float],
        at: tuple[float, float, float] = (0.0, 0.0, 0.0),
        turn: float = 0.0,
    ) -> None:
        """A solid of about one unit, scaled, turned around z and moved."""
        self.add(surface, moved(mesh, put(size, at, turn)))

    def stick(
        self,
        surface: Surface,
        start: Point | np.ndarray,
        end: Point | np.ndarray,
        thick: float | Span,
        sides: int = 4,
    ) -> None:
        """A straight rod between two points; `thick`: its diameter, or those at its start and at
        its end."""
        first, last = thick if isinstance(thick, tuple) else (thick, thick)
        way = np.subtract(end, start)
        long_m = float(np.linalg.norm(way))
        rod = revolve([(0, 0), (first / 2, 0), (last / 2, long_m), (0, long_m)], sides)
        if way[2] < 0:  # `standing` tilts by less than half a turn
            rod = revolve([(0, 0), (last / 2, 0), (first / 2, long_m), (0, long_m)], sides)
            start = end
            way = -way
        self.add(
            surface, moved(rod, standing(np.array([start], np.float64), way[None], np.zeros(1))[0])
        )

    def cab(self, x: Span, y: Span, z: Span) -> None:
        """A cab: painted below, glass above, and a painted roof with a hatch that is visible from
        the air."""
        waist = z[0] + 0.4 * (z[1] - z[0])
        eaves = z[1] - 0.1
        self.box(Surface.YELLOW_PAINT, x, y, (z[0], waist))
        self.box(Surface.GLASS, _inside(x, 0.04), _inside(y, 0.04), (waist, eaves))
        for corner_x in (x[0], x[1] - 0.1):
            for corner_y in (y[0], y[1] - 0.1):
                self.box(
                    Surface.DARK_PAINT,
                    (corner_x, corner_x + 0.1),
                    (corner_y, corner_y + 0.1),
                    (waist, eaves),
                )
        self.box(Surface.YELLOW_PAINT, x, y, (eaves, z[1]))
        hatch = _inside((x[0] + 0.35 * (x[1] - x[0]), x[1]), 0.12)
        self.box(Surface.GLASS, hatch, _inside(y, 0.16), (z[1] - 0.02, z[1] + 0.03))

    def include(self, other: "Kit", matrix: np.ndarray) -> None:
        for surface, meshes in other.solids.items():
            self.add(surface, *(moved(mesh, matrix) for mesh in meshes))

    def model(self) -> Model:
        return tuple(
            (surface, join(self.solids[surface])) for surface in Surface if surface in self.solids
        )


def both_sides(middle: float, width: float) -> tuple[Span, Span]:
    """Spans in y on the right and on the left of the machine, mirrored at its axis."""
    low, high = middle - width / 2, middle + width / 2
    return (-high, -low), (low, high)


def _inside(span: Span, by: float) -> Span:
    return span[0] + by, span[1] - by


Builder = Callable[[Kit, int], None]
BUILDERS: dict[
    DistractorKind, tuple[int, Builder]
] = {}  # number of shapes, and what adds one to a kit


def model_of(kind: DistractorKind, shapes: int = 1) -> Callable[[Builder], Builder]:
    """Make the decorated function the builder of this kind, for variants 0 to `shapes` - 1."""

    def register(build: Builder) -> Builder:
        BUILDERS[kind] = (shapes, build)
        return build

    return register


@cache
def build_model(kind: DistractorKind, variant: int) -> Model:
    """A model in metres at scale 1, its foot at the origin. Cached per process."""
    kit = Kit()
    BUILDERS[kind][1](kit, variant)
    return kit.model()
