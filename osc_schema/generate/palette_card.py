"""A card of all palettes as SVG, for the documents: colours, then the ramp from black."""

from collections.abc import Sequence

from osc_schema.palettes import RAMP_POSITIONS, Palette, oklch_hex

ROW_PX = 34
NAME_PX = 130
COLOURS_PX = 300
RAMP_PX = 400
GAP_PX = 12
WIDTH_PX = NAME_PX + COLOURS_PX + RAMP_PX + 2 * GAP_PX


def palette_card(palettes: Sequence[Palette]) -> str:
    """SVG text, one row a palette."""
    height = ROW_PX * len(palettes) + GAP_PX
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height}" '
        f'width="{WIDTH_PX}">'
    )
    rows = [_row(palette, GAP_PX + index * ROW_PX) for index, palette in enumerate(palettes)]
    background = f'<rect width="{WIDTH_PX}" height="{height}" fill="#0c0c0e"/>'
    return "\n".join([head, background, *rows, "</svg>"]) + "\n"


def _row(palette: Palette, top: int) -> str:
    side = COLOURS_PX / len(palette.colours)
    style = 'fill="#dddddd" font-family="sans-serif" font-size="14"'
    parts = [f'<text x="{GAP_PX}" y="{top + 16}" {style}>{palette.name}</text>']
    for index, colour in enumerate(palette.hexes):
        parts.append(_box(NAME_PX + index * side, top, side - 4, colour))
    stops = zip(RAMP_POSITIONS, ("#000000", *map(oklch_hex, palette.ramp)), strict=True)
    gradient = "".join(
        f'<stop offset="{offset:g}" stop-color="{colour}"/>' for offset, colour in stops
    )
    parts.append(f'<linearGradient id="{palette.name}">{gradient}</linearGradient>')
    parts.append(_box(NAME_PX + COLOURS_PX + GAP_PX, top, RAMP_PX, f"url(#{palette.name})"))
    return "\n".join(parts)


def _box(x: float, top: int, width: float, fill: str) -> str:
    return (
        f'<rect x="{x:g}" y="{top}" width="{width:g}" height="{ROW_PX - 10}" rx="3" fill="{fill}"/>'
    )
