"""What the live models share, on both sides of the process border.

In the child:     picture_loop.py (main loop), progress.py and pacing.py (its work in slices), pace.py, figures.py,
                  model_loading.py, freshness.py, piece_times.py, fed_pictures.py
In the engine:    source_rings.py, output_ring.py, sent_values.py, requests.py, fader.py, finished_picture.py
"""
