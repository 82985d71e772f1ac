"""Stable Diffusion on videos, webcams and folders of pictures, as fast as the machine can. START HERE.

    job.py         the job and its options, checked before anything is loaded
    run.py         runs a job on three threads (jobs/kit/pipeline.py) in three steps
    inputs.py      sources; batches.py: pictures at the painted size, in batches of equal length
    stages.py      the interface of the stages that paint: fused.py (this process), on_cluster.py (other machines)
    writing/       outputs: a video in segments that are joined at the end, or a folder of frames
    report.py      progress and report
    live/          the same in a browser: `multiverse video --web`

Batches begin at fixed pictures of the source and always have the same number of rows; every picture has the same noise.
So a painted picture depends only on its source and the job, not on interruptions or machines.
"""
