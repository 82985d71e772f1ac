"""Turns rendered pictures into labels for trainers, and into sheets and figures for people.

instances      visible piles with boxes and areas, the source of all labels
yolo           a label file, written and read
ultralytics    dataset.yaml
coco           coco_annotations.json, assembled from one part per picture
hdf5           colours, depth and instances in one file
picture_file   PNG
preview        the contact sheet
statistics     a data set's figures next to those of real pictures

Nothing here depends on the renderer. Only `write_hdf5` and `write_coco` write files; the caller moves picture and label
into place together. OpenCV, h5py and pycocotools are imported on first use.
"""

from engine.jobs.dataset.labels.coco import coco_part, read_part, require_pycocotools, write_coco
from engine.jobs.dataset.labels.hdf5 import require_h5py, write_hdf5
from engine.jobs.dataset.labels.instances import Instances, find_instances
from engine.jobs.dataset.labels.picture_file import encode_png
from engine.jobs.dataset.labels.preview import draw_preview
from engine.jobs.dataset.labels.statistics import Statistics, measure
from engine.jobs.dataset.labels.ultralytics import dataset_yaml
from engine.jobs.dataset.labels.yolo import label_text, read_boxes, read_labels

__all__ = [
    "Instances",
    "Statistics",
    "coco_part",
    "dataset_yaml",
    "draw_preview",
    "encode_png",
    "find_instances",
    "label_text",
    "measure",
    "read_boxes",
    "read_labels",
    "read_part",
    "require_h5py",
    "require_pycocotools",
    "write_coco",
    "write_hdf5",
]
