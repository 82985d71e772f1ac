"""What `multiverse video` writes, so that a run can be gone on with wherever it was interrupted.

outputs.py          READ FIRST: what can be written, told by its name, and all that is refused before a run
segmented_video.py  a video in closed segments; joining.py: one file of them, without encoding anything twice
source_sound.py     the source's sound beside it: copied, or encoded anew where the container takes another
frame_folder.py     a folder of frames
video_fingerprint.py  everything that affects the output, to recognise an interrupted run
"""
