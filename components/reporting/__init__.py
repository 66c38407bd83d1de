"""A parity result as JSON and as console text."""
