"""Errors that a caller branches on.

TfxParityError
├── BadInputError           what was given cannot be used: exit code 2
└── ServerUnavailableError  a server could not be run for a reason outside the model: exit code 3

A check that fails is a result, never an exception; these are for what keeps one from being made.
Each message says what was expected, what was found, where, and what to do.
"""

from __future__ import annotations


class TfxParityError(Exception):
    """Base of the errors that this package raises on purpose."""


class BadInputError(TfxParityError, ValueError):
    """What the caller gave cannot be used; asking again with the same input cannot help."""


class ServerUnavailableError(TfxParityError):
    """A model server could not be run for a reason that lies outside the model.

    Says nothing about the model: an orchestrator may retry.
    """
