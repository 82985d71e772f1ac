"""A model's file: its header, read before anything is decoded, and the other files that it
names."""

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from engine.dataset.assets.colors import TEXTURES, check_texture
from engine.errors import UsageError
from engine.system.file_names import escaped
from engine.system.foreign_data import picture_size_px
from engine.system.small_file import read_small

MAGIC = 0x46546C67
JSON_CHUNK = 0x4E4F534A
TRIANGLE_MODES = {4: 3, 5: 1, 6: 1}  # corners per triangle of lists; strips and fans have about one
FAN = 6  # the mode of a primitive
COMPRESSIONS = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu")
Json = dict[str, Any]
MAX_BYTES = 1 << 30
SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
MATERIAL = (
    b"newmtl"  # in every file of materials (.mtl); .obj and .ply name these and textures alone
)


def header_of(content: bytes, suffix: str) -> Json:
    """The JSON of a glTF file, .glb or .gltf. ValueError in plain words for anything else, and if
    it is cut short."""
    if suffix == ".gltf":
        text = content
    else:
        if len(content) < 20:
            raise ValueError(f"its {len(content)} bytes are too few")
        magic, version, length, chunk, kind = struct.unpack("<5I", content[:20])
        if magic != MAGIC or version != 2 or kind != JSON_CHUNK:
            raise ValueError("it does not begin like a glTF 2.0 binary")
        if length > len(content) or 20 + chunk > len(content):
            raise ValueError(f"it is cut short: {len(content)} of {length} bytes")
        text = content[20 : 20 + chunk]
    header = json.loads(text.decode("utf-8-sig"))
    if not isinstance(header, dict) or not isinstance(header.get("asset"), dict):
        raise ValueError("its JSON is not that of a glTF file")
    return header


def with_header(content: bytes, header: Json, suffix: str) -> bytes:
    text = json.dumps(header).encode("ascii")
    if suffix == ".gltf":
        return text
    text += b" " * (-len(text) % 4)
    rest = content[20 + struct.unpack("<I", content[12:16])[0] :]
    return (
        struct.pack("<5I", MAGIC, 2, 20 + len(text) + len(rest), len(text), JSON_CHUNK)
        + text
        + rest
    )


def triangles_of_meshes(header: Json) -> list[int]:
    """Triangles per mesh, as the accessors declare."""
    accessors = header.get("accessors", [])
    counts = []
    for mesh in header.get("meshes", []):
        total = 0
        for primitive in mesh["primitives"]:
            corners = TRIANGLE_MODES.get(primitive.get("mode", 4))
            if corners:
                accessor_index = primitive.get("indices", primitive["attributes"]["POSITION"])
                total += int(accessors[accessor_index]["count"]) // corners
        counts.append(total)
    return counts


def declared_triangles(content: bytes, suffix: str) -> int:
    """Number of triangles that a file declares; for glTF with every node that shows a mesh. 0
    without a declaration."""
    if suffix in (".glb", ".gltf"):
        header = header_of(content, suffix)
        each = triangles_of_meshes(header)
        node_meshes = [node["mesh"] for node in header.get("nodes", []) if "mesh" in node]
        return max(sum(each), sum(each[int(mesh)] for mesh in node_meshes))
    if suffix == ".stl" and len(content) >= 84 and content.lstrip()[:6] != b"solid ":
        return int(struct.unpack("<I", content[80:84])[0])
    if suffix == ".obj":
        return content.count(b"\nf ")
    if suffix == ".ply":
        for line in content[:4096].split(b"\n"):
            if line.startswith(b"element face"):
                return int(line.split()[2])
    return 0


def with_plain_materials(header: Json) -> Json:
    """Name the materials of a glTF header by their indices, and add a white one for what has
    colours at its corners alone. Without a material trimesh takes 16 bits for 8."""
    materials = list(header.get("materials", []))
    white = len(materials)
    is_used = False
    for mesh in header.get("meshes", []):
        for primitive in mesh["primitives"]:
            if "COLOR_0" in primitive["attributes"] and "material" not in primitive:
                primitive["material"] = white
                is_used = True
    if is_used:
        materials.append({"pbrMetallicRoughness": {"metallicFactor": 0.0}})
    if materials:
        header["materials"] = [
            material | {"name": str(number)} for number, material in enumerate(materials)
        ]
    return header


def prepare_gltf(
    content: bytes, suffix: str, prefix: str
) -> tuple[bytes, set[str], tuple[str, ...]]:
    """Prepare a glTF file for trimesh. Returns the file, the indices of materials with a texture
    for their colour, and remarks about what is not drawn. UsageError, which begins with `prefix`,
    for what cannot be read here."""
    header = header_of(content, suffix)
    for name in COMPRESSIONS:
        if name in header.get("extensionsRequired", ()):
            raise UsageError(f"{prefix}: is compressed with {name}; export it without compression")
    if any(
        each.get("mode") == FAN for mesh in header.get("meshes", []) for each in mesh["primitives"]
    ):
        raise UsageError(f"{prefix}: has triangle fans; export it with triangle lists")
    moving = [
        label
        for label, name in (("animated", "animations"), ("skinned", "skins"))
        if header.get(name)
    ]
    notes = (f"is {' and '.join(moving)}: drawn in its rest pose",) if moving else ()
    plain = with_header(content, with_plain_materials(header), suffix)
    found = enumerate(header.get("materials", []))
    pictured = {
        str(number)
        for number, each in found
        if "baseColorTexture" in each.get("pbrMetallicRoughness", {})
    }
    return plain, pictured, notes


def read_content(path: Path, prefix: str) -> bytes:
    """Read the model's file. UsageError, which begins with `prefix`, if it is none, too large or
    unreadable."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{prefix}: is not a {', '.join(SUFFIXES)} file")
    try:
        return read_small(path, max_bytes=MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{prefix}: cannot be read ({error.strerror or error})") from None


class Neighbours:
    """The files beside a model, as trimesh asks for them: in its folder, at most MAX_BYTES in all;
    remembers faults."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.file_name = path.name
        self._names_pictures = path.suffix.lower() in (".obj", ".ply")
        self.faults: list[str] = []
        self._bytes = 0
        self._read: dict[str, bytes] = {}

    def get(self, name: str) -> bytes:
        path = self._folder / unquote(name.strip())
        try:
            content = read_small(path, max_bytes=MAX_BYTES - self._bytes, inside=self._folder)
            self._check_picture(content)
        except (OSError, ValueError) as error:
            is_missing = isinstance(error, FileNotFoundError)
            reason = "not there" if is_missing else getattr(error, "strerror", None) or str(error)
            self.faults.append(f"names {escaped(name)}, which is {reason}")
            raise
        self._bytes += len(content)
        self._read[name] = content
        return content

    __getitem__ = get

    def _check_picture(self, content: bytes) -> None:
        """Raise ValueError for a texture that is too large, and for what trimesh would take for
        none in silence."""
        names_pictures = self._names_pictures and MATERIAL not in content
        size = picture_size_px(content, TEXTURES if names_pictures else ("PNG", "JPEG"))
        if names_pictures and size is None:
            raise ValueError("a texture that cannot be read; save it as JPEG or PNG")
        check_texture(size)

    def keys(self) -> Iterator[str]:
        return iter(self._read)

    def sha256(self, content: bytes) -> str:
        """Hash of the model's own content, and of the files that it has requested."""
        digest = hashlib.sha256(content)
        if self._read:
            digest = hashlib.sha256(digest.digest())
            for name in sorted(self._read):
                digest.update(
                    name.encode("utf-8", "surrogateescape")
                    + hashlib.sha256(self._read[name]).digest()
                )
        return digest.hexdigest()
