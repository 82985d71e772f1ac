"""Turns rendered pictures into labels for trainers, and into figures for people.

recording      everything that is known about the things in a picture (record); visibility: how much of a thing can be
               seen
writers/       the label formats
reading        label files as boxes, ours and foreign ones
statistics     a dataset's figures next to those of real pictures; look: those of a picture's colours

Nothing here depends on the renderer. OpenCV, webdataset and pycocotools are imported on first use.
"""
