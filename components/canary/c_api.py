"""TensorFlow's C API out of the installed wheel, through ctypes; its Python is never imported.

`TF_LoadSessionFromSavedModel` is `tensorflow::LoadSavedModel` and `TF_SessionRun` is
`DirectSession::Run`: the loader and the session that TF Serving links.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# TensorFlow's libraries need numpy's symbols to be bound first: opening them before numpy is
# imported crashes numpy.random later in the same process.
import numpy as np  # noqa: F401

from tfx_parity.errors import ServerUnavailableError
from tfx_parity.protos import tensorflow_folder
from tfx_parity.serving_api.status import Code, ServingError

# The framework library comes first: the other one is linked against it.
_LIBRARIES = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")
_POINTER = ctypes.c_void_p


class Buffer(ctypes.Structure):
    """`TF_Buffer` of tensorflow/c/tf_buffer.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    )


class Output(ctypes.Structure):
    """`TF_Output` of tensorflow/c/c_api.h: one output of one operation of a graph."""

    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


_BUFFER = ctypes.POINTER(Buffer)
_OUTPUTS = ctypes.POINTER(Output)
_TENSORS = ctypes.POINTER(_POINTER)

# name: (type of the result, types of the arguments), as in tensorflow/c/*.h
_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "TF_Version": (ctypes.c_char_p, ()),
    "TF_NewStatus": (_POINTER, ()),
    "TF_DeleteStatus": (None, (_POINTER,)),
    "TF_GetCode": (ctypes.c_int, (_POINTER,)),
    "TF_Message": (ctypes.c_char_p, (_POINTER,)),
    "TF_NewBuffer": (_BUFFER, ()),
    "TF_NewBufferFromString": (_BUFFER, (ctypes.c_char_p, ctypes.c_size_t)),
    "TF_DeleteBuffer": (None, (_BUFFER,)),
    "TF_NewGraph": (_POINTER, ()),
    "TF_DeleteGraph": (None, (_POINTER,)),
    "TF_GraphOperationByName": (_POINTER, (_POINTER, ctypes.c_char_p)),
    "TF_OperationNumOutputs": (ctypes.c_int, (_POINTER,)),
    "TF_NewSessionOptions": (_POINTER, ()),
    "TF_DeleteSessionOptions": (None, (_POINTER,)),
    "TF_SetConfig": (None, (_POINTER, ctypes.c_char_p, ctypes.c_size_t, _POINTER)),
    "TF_LoadSessionFromSavedModel": (
        _POINTER,
        (
            _POINTER,
            _BUFFER,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            _POINTER,
            _BUFFER,
            _POINTER,
        ),
    ),
    "TF_SessionRun": (
        None,
        (
            _POINTER,
            _BUFFER,
            _OUTPUTS,
            _TENSORS,
            ctypes.c_int,
            _OUTPUTS,
            _TENSORS,
            ctypes.c_int,
            _TENSORS,
            ctypes.c_int,
            _BUFFER,
            _POINTER,
        ),
    ),
    "TF_CloseSession": (None, (_POINTER, _POINTER)),
    "TF_DeleteSession": (None, (_POINTER, _POINTER)),
    "TF_AllocateTensor": (
        _POINTER,
        (ctypes.c_int, ctypes.POINTER(ctypes.c_int64), ctypes.c_int, ctypes.c_size_t),
    ),
    "TF_DeleteTensor": (None, (_POINTER,)),
    "TF_TensorFromProto": (None, (_BUFFER, _POINTER, _POINTER)),
    "TF_TensorData": (_POINTER, (_POINTER,)),
    "TF_TensorByteSize": (ctypes.c_size_t, (_POINTER,)),
    "TF_TensorType": (ctypes.c_int, (_POINTER,)),
    "TF_NumDims": (ctypes.c_int, (_POINTER,)),
    "TF_Dim": (ctypes.c_int64, (_POINTER, ctypes.c_int)),
    "TF_StringGetDataPointer": (_POINTER, (_POINTER,)),
    "TF_StringGetSize": (ctypes.c_size_t, (_POINTER,)),
    "TF_GetAllOpList": (_BUFFER, ()),
    "TF_GetRegisteredKernelsForOp": (_BUFFER, (ctypes.c_char_p, _POINTER)),
    # tensorflow::DisableXlaCompilation()
    "_ZN10tensorflow21DisableXlaCompilationEv": (None, ()),
}

# What can take long, and so must let other threads run on. The others are so short that giving
# Python's lock away and taking it again would take longer.
_LONG = frozenset(
    {
        "TF_LoadSessionFromSavedModel",
        "TF_SessionRun",
        "TF_CloseSession",
        "TF_DeleteSession",
        "TF_DeleteGraph",
        "TF_NewBufferFromString",
        "TF_TensorFromProto",
        "TF_GetAllOpList",
        "TF_GetRegisteredKernelsForOp",
    }
)


@functools.cache
def library() -> ctypes.CDLL:
    """Open TensorFlow's libraries, once a process, with XLA compilation disabled.

    TF Serving's main calls `DisableXlaCompilation` unless `--xla_cpu_compilation_enabled` is
    given (model_servers/main.cc), so a model that asks for XLA fails there and fails here.
    This holds for the whole process: call it only in a process that is the canary's own.

    Raises:
        ServerUnavailableError: If TensorFlow is not installed, or its libraries cannot be opened.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    folder = tensorflow_folder()
    try:
        opened = [_open(folder / name) for name in _LIBRARIES][-1]
        locked = ctypes.PyDLL(None, handle=opened._handle)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(opened if name in _LONG else locked, name)
            function.restype, function.argtypes = result, arguments
            setattr(opened, name, function)
    except (OSError, AttributeError) as error:
        raise ServerUnavailableError(
            f"Expected TensorFlow's C API in {' and '.join(_LIBRARIES)} of {folder}, found: "
            f"{error}. Install a TensorFlow wheel for Linux: pip install 'tensorflow>=2.16,<2.22'."
        ) from error
    opened._ZN10tensorflow21DisableXlaCompilationEv()
    return opened


def _open(path: Path) -> ctypes.CDLL:
    """Open a library while other threads run on.

    `ctypes.CDLL(path)` holds Python's lock for the quarter of a second that it takes; a call of
    dlopen as a foreign function does not. RTLD_LOCAL keeps TensorFlow's symbols from taking the
    place of numpy's.
    """
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    handle = dlopen(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)
    # Without a handle this opens again, and raises with the loader's text.
    return ctypes.CDLL(str(path), handle=handle)


def tensorflow_version() -> str:
    """Return the version of the opened libraries, such as `2.16.2`."""
    version: bytes = library().TF_Version()
    return version.decode()


@contextmanager
def checked_status() -> Iterator[int]:
    """Lend a fresh `TF_Status` and raise what it says at the end of the block.

    A status of its own for each call is what makes calls from many threads safe.

    Yields:
        The `TF_Status*`.

    Raises:
        ServingError: If the status is not OK, with TensorFlow's code and text.
    """
    tf = library()
    status = tf.TF_NewStatus()
    try:
        yield status
        code = tf.TF_GetCode(status)
        if code:
            raise ServingError(Code(code), tf.TF_Message(status).decode(errors="surrogateescape"))
    finally:
        tf.TF_DeleteStatus(status)


@contextmanager
def lent_buffer(data: bytes) -> Iterator[object]:
    """Lend a `TF_Buffer*` with a copy of `data`."""
    tf = library()
    buffer = tf.TF_NewBufferFromString(data, len(data))
    try:
        yield buffer
    finally:
        tf.TF_DeleteBuffer(buffer)


def take_buffer(buffer: ctypes._Pointer[Buffer]) -> bytes:
    """Return the bytes of a `TF_Buffer*` and delete it."""
    try:
        content = buffer.contents
        return ctypes.string_at(content.data, content.length) if content.length else b""
    finally:
        library().TF_DeleteBuffer(buffer)
