"""The dataset card: README.md in a dataset's folder, with plots in card/. `write_card`, `remove_card`.

plots.py     histograms and a map of places as SVG
card.py      figures, options, training, what outsiders trip over
"""
