"""Outputs of `multiverse video`, written so that an interrupted run can go on.

outputs.py          READ FIRST: output formats by name, and the checks before a run
segmented_video.py  a video in closed segments; joining.py: one file of them, without encoding anything twice
source_sound.py     the source's sound beside it: copied, or encoded anew where the container takes another
frame_folder.py     a folder of frames
video_fingerprint.py  everything that affects the output, to recognise an interrupted run
"""
