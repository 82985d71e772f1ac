"""Outputs of `multiverse video`, written so that an interrupted run can be resumed.

outputs.py          READ FIRST: output formats by name, the checks before a run, the fingerprint for
                    --resume
segmented_video.py  a video in closed segments, merged into one file without re-encoding
frame_folder.py     a folder of frames
"""
