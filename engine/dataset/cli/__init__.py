"""`multiverse dataset`, its verbs check and view, and its row of `multiverse doctor`; they come in by entry points."""
