"""`multiverse dataset`, its verbs check and view, and its row of `multiverse doctor`, registered as
entry points."""
