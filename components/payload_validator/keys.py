"""Names of PayloadValidator's inputs, outputs and properties."""

MODEL = "model"
SCHEMA = "schema"
TRANSFORM_GRAPH = "transform_graph"
EXAMPLES = "examples"
INFERENCE_RESULT = "inference_result"
STATISTICS = "statistics"
REPORT = "report"
PAYLOAD_STATISTICS = "payload_statistics"
ANOMALIES = "anomalies"
BLESSING = "blessing"

PAYLOADS = "payloads"
ENVIRONMENT = "environment"
FAIL_ON = "fail_on"
TFX_PARITY_VERSION = "tfx_parity_version"

# The splits of the statistics and the anomalies.
PAYLOAD_SPLIT = "payloads"
SKEW_SPLIT = "skew"

# What TFX's InfraValidator writes and Pusher reads (tfx/components/infra_validator/executor.py).
BLESSED = "blessed"
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
