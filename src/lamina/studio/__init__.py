"""Studio: the page on which one sees what a network does, served on this machine to its own user alone."""
