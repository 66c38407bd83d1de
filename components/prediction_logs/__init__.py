"""Records of `PredictionLog`: read one by one, and compared at any scale on Beam.

Import its modules, each for its noun: `records` needs no Beam, `comparison` does.
"""
