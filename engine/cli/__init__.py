"""The command `multiverse`: one file a verb. The only place that prints; verbs import their module when called."""
