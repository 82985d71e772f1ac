"""Small model files for tests, written by hand where a tool would not write them so."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

# A box of 2 x 3 x 5 in the file's axes, from its own corner; eight corners, twelve triangles.
BOX = np.array([(x, y, z) for x in (0, 2) for y in (0, 3) for z in (0, 5)], np.float32)
BOX_FACES = np.array(
    [
        *((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)),
        *((2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)),
    ],
    np.uint32,
)


def gltf(
    corners: np.ndarray = BOX,
    faces: np.ndarray = BOX_FACES,
    *,
    mode: int = 4,
    color: tuple[float, ...] | None = (0.8, 0.1, 0.05, 1.0),
    colors: np.ndarray | None = None,
    uri: str | None = None,
    node: dict[str, Any] | None = None,
    **further: Any,
) -> tuple[dict[str, Any], bytes]:
    """JSON and buffer of a glTF file with one mesh. `colors`: (v, 4) uint16, at the corners."""
    parts = [corners.astype("<f4").tobytes(), faces.astype("<u4").tobytes()]
    attributes = {"POSITION": 0}
    accessors: list[dict[str, Any]] = [
        {"bufferView": 0, "componentType": 5126, "count": len(corners), "type": "VEC3"},
        {"bufferView": 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
    ]
    if colors is not None:
        parts.append(colors.astype("<u2").tobytes())
        attributes["COLOR_0"] = 2
        accessors.append(
            {
                "bufferView": 2,
                "componentType": 5123,
                "count": len(colors),
                "type": "VEC4",
                "normalized": True,
            }
        )
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    primitive: dict[str, Any] = {"attributes": attributes, "indices": 1, "mode": mode}
    header: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0} | (node or {})],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(part)}
            for start, part in zip(starts, parts, strict=False)
        ],
        "buffers": [{"byteLength": starts[-1]} | ({} if uri is None else {"uri": uri})],
    }
    if color is not None:
        primitive["material"] = 0
        header["materials"] = [
            {"pbrMetallicRoughness": {"baseColorFactor": list(color), "metallicFactor": 0.0}}
        ]
    return header | further, b"".join(parts)


def packed(header: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    chunks = (
        struct.pack("<II", len(text), 0x4E4F534A)
        + text
        + struct.pack("<II", len(binary), 0x004E4942)
        + binary
    )
    return struct.pack("<III", 0x46546C67, 2, length) + chunks


def write_glb(path: Path, **values: Any) -> Path:
    path.write_bytes(packed(*gltf(**values)))
    return path


def write_gltf(path: Path, buffer: str, **values: Any) -> Path:
    """The JSON, with its buffer in a file of its own."""
    header, binary = gltf(uri=buffer, **values)
    path.write_text(json.dumps(header), encoding="utf-8")
    (path.parent / buffer).write_bytes(binary)
    return path
