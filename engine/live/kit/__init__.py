"""Code shared by the live models, for the engine and the child processes. Start with live_model.py.

Before a run:     live_model.py (the entry and the protocol), refusing.py (values and files that a
                  run lacks)
In the engine:    scene.py (what a frame shows), child_link.py (base of every link), sent_values.py,
                  picture_rings.py, fed_pictures.py, fader.py
In the child:     picture_loop.py (main loop), progress.py and pacing.py (its work in slices),
                  pace.py, figures.py, model_loading.py
Both:             repainting.py, a whole model of one function
"""
