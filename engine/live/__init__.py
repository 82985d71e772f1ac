"""Models that run live alongside the picture, each in a child process.

opening.py  the table of the models, one entry each
kit/        shared code: the protocol of a live model, its link to the child, the child's main loop and pacing

Each other folder is one model.
"""
