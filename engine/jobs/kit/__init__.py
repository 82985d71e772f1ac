"""Shared by all jobs. START HERE.

pipeline.py        three threads: read ahead, work, write
job_folder.py      the hidden working folder of an output, with a journal of the finished work
fingerprint.py     everything that decides an output; resuming.py: what --resume and --overwrite do
options.py         options of a command as metadata of the job's fields; option_range.py: their checks
report.py          progress of a run, and its final report
out_of_memory.py   a one-line error when a device is out of memory
ray_cluster.py     connects to the Ray cluster that a job runs on; ray_pool.py: sends their work to its machines
"""
