"""An arm's answers: asked in batches, kept row by row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.client import RequestError
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.serving_api.status import Code

Asker = Callable[[Sequence[int]], Mapping[str, list[NDArray[np.generic]]]]
_GIVE_UP = frozenset({Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE})


class RowCountError(Exception):
    """A model answered another number of rows than it was asked for."""


class UnevenRowsError(Exception):
    """Examples have inputs of different shapes: no client can send them in one request."""


@dataclass(frozen=True)
class Failure:
    """Why an example got no answer.

    Attributes:
        code: TF Serving's status code by name, or `ROW_COUNT`.
        message: The server's text.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Answers:
    """What an arm answered.

    Attributes:
        indices: The examples that it answered, ascending.
        rows: By output name, one array for each of these.
        failures: Why the others got no answer, by example.
        refused_batches: Why batches were refused whose examples were all answered one by one.
    """

    indices: tuple[int, ...]
    rows: Rows
    failures: Mapping[int, Failure]
    refused_batches: tuple[Failure, ...] = ()

    @property
    def asked(self) -> int:
        """How many examples it was asked for."""
        return len(self.indices) + len(self.failures)

    def at(self, indices: Sequence[int]) -> dict[str, list[NDArray[np.generic]]]:
        """Return the rows of some examples, all of which were answered."""
        position = {index: i for i, index in enumerate(self.indices)}
        return {
            name: [rows[position[index]] for index in indices] for name, rows in self.rows.items()
        }


@dataclass(frozen=True)
class Missing:
    """An arm that could not be asked, and why."""

    reason: str


def collect(ask: Asker, batches: Sequence[Sequence[int]]) -> Answers:
    """Ask an arm for examples, one batch after the other.

    A batch that fails is asked again one example at a time, so that one bad example does not hide
    the others; where all of them are answered then, the batch is what was refused. A deadline that
    passes ends the arm, or a hanging server would cost one each.

    Args:
        ask: Asks for some examples and returns one array each by output name.
        batches: The examples to ask for by number, each once.

    Raises:
        CanaryDied: If the server is dead.
    """
    found: dict[int, Mapping[str, NDArray[np.generic]]] = {}
    failures: dict[int, Failure] = {}
    refused: list[Failure] = []
    for number, batch in enumerate(batches):
        failure = _ask_batch(ask, batch, found, failures)
        if failure is not None and not failures.keys() & set(batch):
            refused.append(failure)
        if any(failure.code in {c.name for c in _GIVE_UP} for failure in failures.values()):
            last = next(reversed(failures.values()))
            failures |= dict.fromkeys(itertools.chain.from_iterable(batches[number + 1 :]), last)
            break
    return _answers(found, failures, refused)


def collect_at_once(ask: Asker, batches: Sequence[Sequence[int]], threads: int) -> Answers:
    """Ask an arm for examples, from many threads at once.

    Args:
        ask: Asks for some examples, as for `collect`; called from many threads.
        batches: The examples to ask for by number, each once.
        threads: How many threads ask.

    Raises:
        CanaryDied: If the server is dead.
    """
    with ThreadPoolExecutor(threads) as pool:
        return merged(list(pool.map(lambda batch: collect(ask, [batch]), batches)))


def merged(parts: Sequence[Answers]) -> Answers:
    """Return the answers to several askings, no example of which was in two, as one's."""
    found = {
        index: {name: rows[position] for name, rows in part.rows.items()}
        for part in parts
        for position, index in enumerate(part.indices)
    }
    failures = {index: failure for part in parts for index, failure in part.failures.items()}
    return _answers(found, failures, [f for part in parts for f in part.refused_batches])


def _answers(
    found: Mapping[int, Mapping[str, NDArray[np.generic]]],
    failures: Mapping[int, Failure],
    refused: Sequence[Failure],
) -> Answers:
    indices = tuple(sorted(found))
    names = sorted(found[indices[0]]) if indices else []
    rows = {n: [found[i][n] for i in indices] for n in names}
    return Answers(indices, rows, failures, tuple(refused))


def _ask_batch(
    ask: Asker,
    batch: Sequence[int],
    found: dict[int, Mapping[str, NDArray[np.generic]]],
    failures: dict[int, Failure],
) -> Failure | None:
    """Ask for a batch, one by one where it is refused; return why it was, None where not."""
    try:
        rows = ask(batch)
        for position, index in enumerate(batch):
            found[index] = {name: values[position] for name, values in rows.items()}
    except UnevenRowsError:
        _ask_one_by_one(ask, batch, found, failures)
    except (RequestError, RowCountError) as error:
        failure = _failure(error)
        is_late = isinstance(error, RequestError) and error.code in _GIVE_UP
        if len(batch) == 1 or is_late:
            failures |= dict.fromkeys(batch, failure)
            return None
        _ask_one_by_one(ask, batch, found, failures)
        return failure
    return None


def _ask_one_by_one(
    ask: Asker,
    batch: Sequence[int],
    found: dict[int, Mapping[str, NDArray[np.generic]]],
    failures: dict[int, Failure],
) -> None:
    for index in batch:
        _ask_batch(ask, [index], found, failures)


def _failure(error: RequestError | RowCountError) -> Failure:
    if isinstance(error, RequestError):
        return Failure(error.code.name, error.message)
    return Failure("ROW_COUNT", str(error))


def split_rows(
    outputs: Mapping[str, NDArray[np.generic]], count: int
) -> dict[str, list[NDArray[np.generic]]]:
    """Return one array an example of each output.

    Args:
        outputs: A batch's answer by output name.
        count: How many examples were asked for.

    Raises:
        RowCountError: If an output has another number of rows.
    """
    for name, array in outputs.items():
        rows = array.shape[0] if array.ndim else "a scalar instead of"
        if rows != count:
            raise RowCountError(f"output {name!r} has {rows} rows for {count} examples")
    return {
        name: [np.asarray(row, dtype=array.dtype) for row in array]
        for name, array in outputs.items()
    }


def stack_rows(rows: Rows, indices: Sequence[int]) -> dict[str, NDArray[np.generic]]:
    """Return some examples' inputs as one batch.

    Raises:
        UnevenRowsError: If their shapes differ, so that no client could send them together.
    """
    batch: dict[str, NDArray[np.generic]] = {}
    for name, values in rows.items():
        chosen = [values[index] for index in indices]
        if len({value.shape for value in chosen}) > 1:
            raise UnevenRowsError(f"input {name!r} has rows of different shapes")
        batch[name] = np.stack(chosen)
    return batch
