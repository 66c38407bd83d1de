"""The comparison of two sides of a model's answers: pure numpy, no files, no servers.

Import its modules, each for its noun: `tolerance`, `rows`, `outputs`, `statistics`, `bounds`,
`labels`. The package itself imports none of them, since `bounds` and `labels` load scipy.
"""
