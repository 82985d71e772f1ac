"""Turns rendered pictures into labels for trainers and statistics for people.

recording      all facts about the things in a picture (record); visibility: how much of a thing is
               visible
writers/       the label formats
reading        label files as boxes, ours and foreign ones
statistics     a dataset's statistics next to those of real pictures; look: those of a picture's
               colours

Nothing here depends on the renderer. OpenCV, webdataset and pycocotools are imported on first use.
"""
