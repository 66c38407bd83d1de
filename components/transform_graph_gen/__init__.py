"""TransformGraphGen: a transform graph with its serving contract and parity sample."""
