"""Chromium, with which tests look at pages."""

import shutil

CHROMIUM = shutil.which("chromium")
"""What people have."""
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
"""The same without windows, for half the work, where it is there; but it does not draw at a display's steady beat."""
