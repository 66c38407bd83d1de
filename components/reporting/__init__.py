"""A parity result as JSON, as console text and as one HTML page."""
