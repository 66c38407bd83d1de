"""Names of CanaryValidator's inputs, outputs and properties."""

MODEL = "model"
MODEL_RUN = "model_run"
TRANSFORM_GRAPH = "transform_graph"
EXAMPLES = "examples"
PAYLOAD_BLESSING = "payload_blessing"
BLESSING = "blessing"
REPORT = "report"

MAX_MISMATCH_RATE = "max_mismatch_rate"
CONFIDENCE = "confidence"
TOLERANCES = "tolerances"
WITHOUT_TRAINER_PREDICTIONS = "without_trainer_predictions"
REDACT = "redact"
ALLOW_VERSION_MISMATCH = "allow_version_mismatch"
SERVER = "server"
SERVING_SPEC = "serving_spec"
BATCHING_PARAMETERS = "batching_parameters"
EVAL_CONFIG = "eval_config"
TFX_PARITY_VERSION = "tfx_parity_version"

# Values of SERVER.
NATIVE = "native"
BINARY = "binary"

# What TFX's InfraValidator writes and Pusher reads (tfx/components/infra_validator/executor.py).
BLESSED = "blessed"
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
