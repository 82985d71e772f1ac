"""Checks finished datasets, ours and foreign ones: `check_folders`. Reads only; changes nothing.

listing         the pictures of a folder and the files about them
label_reading   boxes from YOLO, COCO, VOC and KITTI files
masks           the extent of COCO's segmentations
pictures        one picture: damaged or not, and its figures
problems        damaged, missing and extra files, labels that are wrong or disagree
doubles         pictures and scenes that are in two places
figures         a folder's figures; comparing: how far those of two folders are apart
check           all of it in order
"""

from engine.jobs.dataset.checking.check import CheckProgress, CheckReport, check_folders

__all__ = ["CheckProgress", "CheckReport", "check_folders"]
