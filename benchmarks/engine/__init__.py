"""The engine's benchmark: every row of its table, each network beside its peers in the same run."""
