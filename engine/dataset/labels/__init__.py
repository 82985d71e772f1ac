"""Turns rendered pictures into labels for trainers, and into figures for people.

instances      visible piles with boxes and areas, the source of all labels
recording      everything that is known about the things in a picture (record); outlines, visibility: how much of a
               thing can be seen
writers/       the label formats
reading        label files as boxes, ours and foreign ones
picture_file   PNG
statistics     a dataset's figures next to those of real pictures; look: those of a picture's colours

Nothing here depends on the renderer. OpenCV and pycocotools are imported on first use.
"""

from engine.dataset.labels.instances import Instances, find_instances
from engine.dataset.labels.picture_file import encode_png
from engine.dataset.labels.reading import read_labels
from engine.dataset.labels.statistics import Statistics, measure

__all__ = ["Instances", "Statistics", "encode_png", "find_instances", "measure", "read_labels"]
