"""Labels as Pascal VOC XML (VOC2012 development kit): one file per picture."""

from pathlib import PurePosixPath
from xml.etree import ElementTree

from engine.dataset.labels.record import LabelledThing, PictureRecord
from engine.dataset.labels.writers.protocol import PictureWriter

DIFFICULT_SHARE = 0.4  # of a thing visible, below which VOC's evaluation shall neither reward nor punish a detection


def writer_of(name: str) -> PictureWriter:
    return PictureWriter(name=name, kinds=(("voc", ".xml"),), make=lambda source: (voc_xml(source.record),))


def voc_xml(record: PictureRecord) -> bytes:
    """The annotation file, UTF-8.

    Boxes count pixels from 1 and include the last one, as VOC's do: the whole pixels x0..x1 (exclusive) are x0 + 1..x1.
    `truncated`: cut by the picture's edge; `occluded`: partly hidden; `difficult`: less than 40 % of it is visible.
    """
    path = PurePosixPath(record.file_name)
    root = ElementTree.Element("annotation")
    _add(root, "folder", path.parent.name)
    _add(root, "filename", path.name)
    _add(ElementTree.SubElement(root, "source"), "database", "multiverse dataset")
    size = ElementTree.SubElement(root, "size")
    for name, value in (("width", record.width_px), ("height", record.height_px), ("depth", 3)):
        _add(size, name, value)
    _add(root, "segmented", 0)
    for thing in record.labelled:
        _add_thing(root, thing)
    ElementTree.indent(root, "\t")
    text: bytes = ElementTree.tostring(root, encoding="utf-8")
    return text + b"\n"


def _add_thing(root: ElementTree.Element, thing: LabelledThing) -> None:
    one = ElementTree.SubElement(root, "object")
    _add(one, "name", thing.category)
    _add(one, "pose", "Unspecified")
    _add(one, "truncated", int(thing.is_cut))
    _add(one, "occluded", int(thing.is_hidden))
    _add(one, "difficult", int(thing.visible_share < DIFFICULT_SHARE))
    x0, y0, x1, y1 = thing.box
    box = ElementTree.SubElement(one, "bndbox")
    for name, edge in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
        _add(box, name, round(edge))


def _add(parent: ElementTree.Element, name: str, value: str | int) -> None:
    ElementTree.SubElement(parent, name).text = str(value)
