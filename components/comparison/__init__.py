"""The comparison of two sides of a model's answers: pure numpy, no files, no servers."""
