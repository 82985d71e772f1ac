"""Pascal VOC's annotation file, read as VOC's own scripts do."""

from xml.etree import ElementTree

from engine.dataset.labels.writers.voc import voc_xml
from tests.dataset.labels.small_records import record, site


def test_a_box_counts_pixels_from_one_and_includes_the_last_and_carries_vocs_flags() -> None:
    root = ElementTree.fromstring(voc_xml(site()))
    boxes = [[int(box.findtext(edge, "")) for edge in ("xmin", "ymin", "xmax", "ymax")] for box in root.iter("bndbox")]
    assert boxes == [[51, 41, 62, 52], [81, 21, 84, 30], [1, 61, 5, 70], [85, 19, 104, 32]]
    assert [one.findtext("name") for one in root.iter("object")] == ["pile", "pile", "pile", "bag"]
    flags = [[one.findtext(name) for name in ("truncated", "occluded", "difficult")] for one in root.iter("object")]
    assert flags == [["0", "0", "0"], ["0", "1", "0"], ["1", "0", "0"], ["0", "0", "0"]]


def test_the_file_names_its_picture_and_size() -> None:
    root = ElementTree.fromstring(voc_xml(record(file_name="images/train/000007.jpg")))
    assert (root.tag, root.findtext("filename"), root.findtext("folder")) == ("annotation", "000007.jpg", "train")
    assert [root.findtext(f"size/{name}") for name in ("width", "height", "depth")] == ["120", "90", "3"]
    assert root.find("object") is None
