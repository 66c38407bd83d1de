"""Names of TransformGraphGen's own execution properties."""

PARITY_SAMPLE_SIZE = "parity_sample_size"
SEED = "seed"
SERVING_ENVIRONMENT = "serving_environment"
TFX_PARITY_VERSION = "tfx_parity_version"
