"""The Palmer penguins pipeline: which of three species, from a penguin's measures."""
