"""Models that run live alongside the picture, each in a child process.

opening.py  finds the models by their entry points, and opens those of a run
kit/        shared code: the entry and the protocol of a live model, its link to the child, the child's main loop

Each other folder is one model.
"""
