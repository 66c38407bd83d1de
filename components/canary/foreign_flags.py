"""The flags of `tensorflow_model_server` that the native canary does not follow.

Its command line can be used as it is: a flag that no client of a canary would notice is accepted
and said to be without effect; one that would change answers, or whom the server answers, is refused
unless it is given with the value that it has by default. The list is that of
model_servers/main.cc, TF Serving 2.20.
"""

from __future__ import annotations

from tfx_parity.errors import BadInputError

WITHOUT_EFFECT = frozenset(
    {
        "enable_profiler",
        "flush_filesystem_caches",
        "load_retry_interval_micros",
        "max_num_load_retries",
        "num_load_threads",
        "num_tflite_interpreters_per_pool",
        "num_tflite_pools",
        "num_unload_threads",
        "per_process_gpu_memory_fraction",
        "remove_unused_fields_from_bundle_metagraph",
        "rest_api_enable_cors_support",
        "tensorflow_inter_op_parallelism",
        "tensorflow_intra_op_parallelism",
        "tensorflow_session_parallelism",
        "thread_pool_factory_config_file",
    }
)

_FALSE = ("false",)
_EMPTY = ("",)
# Name to the values that ask for nothing.
_DEFAULTS = {
    "enable_per_model_batching_parameters": _FALSE,
    "enable_serialization_as_tensor_content": _FALSE,
    "enable_signature_method_name_check": _FALSE,
    "platform_config_file": _EMPTY,
    "prefer_tflite_model": _FALSE,
    "saved_model_tags": ("serve",),
    "ssl_config_file": _EMPTY,
    "use_alts_credentials": _FALSE,
    "xla_cpu_compilation_enabled": _FALSE,
}


def is_default(name: str, value: str) -> bool:
    """Tell whether a flag is one that is not followed, given with its default.

    Args:
        name: The flag's name, without dashes.
        value: What follows its equals sign; empty for none.

    Returns:
        False for any flag that is unknown or is followed.

    Raises:
        BadInputError: If the flag is not followed and its value asks for something.
    """
    if name not in _DEFAULTS:
        return False
    defaults = _DEFAULTS[name]
    if value not in defaults:
        raise BadInputError(
            f"Expected --{name} not to be given, found --{name}={value}: the native canary does "
            "not follow it, and would answer otherwise than the server that does. Check with that "
            "server: --server binary, docker or HOST:PORT."
        )
    return True
