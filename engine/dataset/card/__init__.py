"""The dataset card (card.py): README.md in a dataset's folder, with plots as SVG in card/
(plots.py)."""
