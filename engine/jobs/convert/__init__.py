"""Converts the voice in sound files and videos. START HERE.

    job.py          the job and its options, checked before anything is loaded
    loading.py      loads the voice of a job; on_cluster.py: converts on the machines of a Ray cluster
    run.py          runs a job on three threads (jobs/kit/pipeline.py) in three steps
    tasks.py        maps inputs to outputs; formats.py: output formats
    sounds.py       reads inputs through libsndfile or FFmpeg
    hearing.py      prepares the model's input: mixed to mono, 16 kHz, without rumble
    file_work.py    one file in progress, its state for --resume; scratch.py: its temporary audio
    finishing.py    loudness, rate and peak; writing.py: the output file, video copied; tags.py: title, cover, chapters
    report.py       progress and report

Memory is bounded: files of any length are processed in blocks. An output depends neither on the other files of the job
nor on interruptions.
"""
