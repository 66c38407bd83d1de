"""TF Serving's wire rules as pure functions: no I/O, no TensorFlow, tensors as numpy arrays."""
