"""The command `multiverse`: one file per verb. Only this package prints; a verb imports what it
needs when called."""
