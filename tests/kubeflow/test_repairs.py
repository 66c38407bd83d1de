"""What is mended in a compiled pipeline."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from compiled_specs import two_steps

from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.repairs import (
    Wishes,
    refuse_resolvers,
    repair,
    with_defaults,
    with_environment,
    with_producers,
    with_resources,
    without_cached_example_gens,
)


def _tasks(spec: dict[str, Any]) -> dict[str, Any]:
    tasks: dict[str, Any] = spec["root"]["dag"]["tasks"]
    return tasks


def _containers(spec: dict[str, Any]) -> dict[str, Any]:
    executors = spec["deploymentSpec"]["executors"]
    return {label.removesuffix("_executor"): executors[label]["container"] for label in executors}


def test_a_default_is_given_where_there_is_none() -> None:
    """A parameter without one in the pipeline stays without."""
    spec = two_steps()
    parameters = {"rate": {"parameterType": "NUMBER_DOUBLE"}, "name": {"parameterType": "STRING"}}
    spec["root"]["inputDefinitions"] = {"parameters": parameters}

    mended = with_defaults(spec, {"rate": 0.0})

    assert {"rate": 0.0} == {
        name: told["defaultValue"]
        for name, told in mended["root"]["inputDefinitions"]["parameters"].items()
        if "defaultValue" in told
    }


def test_a_producer_that_does_not_exist_is_named_rightly() -> None:
    """A task whose own name ends in _task is left alone."""
    spec = two_steps()
    _tasks(spec)["a_task"] = {}
    _tasks(spec)["StatisticsGen"]["inputs"]["parameters"] = {
        "wrong": {"taskOutputParameter": {"producerTask": "CsvExampleGen_task"}},
        "right": {"taskOutputParameter": {"producerTask": "a_task"}},
    }

    mended = _tasks(with_producers(spec))["StatisticsGen"]["inputs"]["parameters"]

    assert ["CsvExampleGen", "a_task"] == [
        mended[name]["taskOutputParameter"]["producerTask"] for name in ("wrong", "right")
    ]


def test_resources_reach_the_example_gen_alone() -> None:
    """What TFX has compiled already is kept."""
    spec = two_steps()
    wanted = {"cpuLimit": 2.0, "memoryLimit": 4.0}

    mended = _containers(with_resources(spec, {"CsvExampleGen": wanted}))

    assert wanted == mended["CsvExampleGen"]["resources"]
    assert "resources" not in mended["StatisticsGen"]


def test_every_container_gets_the_environment() -> None:
    """A variable that a container has already stays as it is."""
    spec = two_steps()
    _containers(spec)["StatisticsGen"]["env"] = [{"name": "A", "value": "own"}]

    mended = _containers(with_environment(spec, {"B": "2", "A": "1"}))

    assert [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}] == mended["CsvExampleGen"][
        "env"
    ]
    assert [{"name": "A", "value": "own"}, {"name": "B", "value": "2"}] == mended["StatisticsGen"][
        "env"
    ]


def test_only_example_gens_are_never_cached() -> None:
    """Kubeflow would take new data for old; all else is known by its inputs."""
    mended = _tasks(without_cached_example_gens(two_steps()))

    assert ["StatisticsGen"] == [name for name, task in mended.items() if "cachingOptions" in task]


def test_a_resolver_is_refused_by_its_own_name() -> None:
    """TFX makes two executors of one Resolver; the message names what to use instead."""
    spec = two_steps()
    spec["deploymentSpec"]["executors"]["latest-model-blessing-resolver_executor"] = {
        "resolver": {}
    }

    with pytest.raises(BadInputError, match=r"the Resolver 'latest'.*LatestBlessedModel"):
        refuse_resolvers(spec)


def test_repairing_changes_nothing_twice_and_never_its_argument() -> None:
    """Each repair is a function of its arguments, and is done once."""
    spec = two_steps()
    before = copy.deepcopy(spec)
    wishes = Wishes(environment={"A": "1"}, resources={"CsvExampleGen": {"cpuLimit": 1.0}})

    once = repair(spec, wishes)

    assert before == spec
    assert once == repair(once, wishes)
