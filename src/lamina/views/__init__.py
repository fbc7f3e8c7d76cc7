"""Views: a run, its examples and its networks as plain values, for the page, the one file and the terminal."""
