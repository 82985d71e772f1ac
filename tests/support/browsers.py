"""The Chromium builds that tests of pages use."""

import shutil

CHROMIUM = shutil.which("chromium")
"""The full browser, as users have it."""
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
"""The headless shell, if it is installed: half the work, but it does not draw at a display's regular rate."""
