"""Finds and tracks objects, described in words, in a video, a picture or a folder of pictures. START HERE.

    job.py          the job and its options, checked before anything is loaded
    run.py          runs a job on three threads (jobs/kit/pipeline.py) in three steps
    stage.py        loads the model and runs it in this process; on_cluster.py: on a Ray cluster
    finished.py     stores results on the disk, for --resume
    writing.py      the writer thread; results.py: one picture, its masks drawn once for all outputs
    outputs.py      output formats; pictures.py: videos, pictures, masks; coco.py
    report.py       progress and report; times.py: time per stage, and how to make it faster

Inputs and their batches: engine/sources/pictures.py.
"""
