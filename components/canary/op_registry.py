"""The ops and kernels that are registered in TensorFlow's libraries, as a server has them."""

from __future__ import annotations

import functools

from tfx_parity.canary.c_api import checked_status, library, take_buffer
from tfx_parity.protos import KernelList, OpDef, OpList

# A kernel for DEFAULT serves where a device has none of its own (op_kernel.cc,
# FindKernelRegistration).
_CPU_DEVICES = frozenset({"CPU", "DEFAULT"})


@functools.cache
def registered_ops() -> dict[str, OpDef]:
    """Return every registered op, by name."""
    ops = OpList.FromString(take_buffer(library().TF_GetAllOpList()))
    return {op.name: op for op in ops.op}


def is_stateful(op: str) -> bool:
    """Tell whether an op has side effects; one that is not registered may have."""
    known = registered_ops().get(op)
    return known is None or known.is_stateful


@functools.cache
def has_cpu_kernel(op: str) -> bool:
    """Tell whether an op can run on a CPU at all, for any types of its inputs."""
    with checked_status() as status:
        data = take_buffer(library().TF_GetRegisteredKernelsForOp(op.encode(), status))
    return any(kernel.device_type in _CPU_DEVICES for kernel in KernelList.FromString(data).kernel)
