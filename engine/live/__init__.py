"""Models that run live alongside the picture, each in a child process.

kit/  shared code: finding and opening the models (opening.py), the entry and the protocol of a live
      model, its link to the child, the child's main loop

Each other folder is one model.
"""
