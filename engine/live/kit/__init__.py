"""Code shared by the live models, for the engine and the child processes. Start with live_model.py.

In the engine:    live_model.py (the protocol), scene.py (what a frame shows), child_link.py (base of every link),
                  sent_values.py, requests.py, source_rings.py, output_ring.py, fed_pictures.py, fader.py,
                  finished_picture.py
In the child:     picture_loop.py (main loop), progress.py and pacing.py (its work in slices), pace.py, figures.py,
                  model_loading.py, freshness.py, piece_times.py
"""
