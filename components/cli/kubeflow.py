"""`tfx-parity kubeflow`: compile a pipeline for Kubeflow, check the file, run it here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from tfx_parity.cli.kubeflow_schedule import schedule
from tfx_parity.errors import BadInputError
from tfx_parity.version import VERSION

PENGUINS = "tfx_parity.pipelines.penguins.pipeline.create_pipeline"
IMAGE = f"tfx-parity:{VERSION}"
# Where kubeflow/Dockerfile puts them, and a volume that outlives a step.
IN_THE_IMAGE = {
    "data_root": "/opt/tfx-parity/data/penguins",
    "schema_file": "/opt/tfx-parity/schemas/penguins.pbtxt",
    "serving_model_dir": "/models/penguins",
    # tensorflow_model_server itself, which the image has.
    "canary_server": "binary",
}


@click.group()
def kubeflow() -> None:
    """Compile a pipeline for Kubeflow Pipelines, check the file, run it here."""


kubeflow.add_command(schedule)


@kubeflow.command(name="compile", epilog="Exit code: 0, 2 usage or bad input.")
@click.argument("pipeline", default=PENGUINS, metavar="[PIPELINE]")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("pipeline.yaml"),
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--image", default=IMAGE, show_default=True, help="The image of every step; by digest is best."
)
@click.option(
    "--pipeline-root",
    default="minio://mlpipeline/v2/artifacts",
    show_default=True,
    help="Where the steps' artifacts are kept.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument of the factory; may be repeated.",
)
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME=VALUE",
    help="An environment variable of every step; may be repeated.",
)
def compile_command(
    pipeline: str,
    output: Path,
    image: str,
    pipeline_root: str,
    settings: tuple[str, ...],
    environment: tuple[str, ...],
) -> None:
    """Compile PIPELINE to the YAML that Kubeflow Pipelines 2 takes.

    PIPELINE is the import path of the function that returns the pipeline, the one that runs on this
    machine as well; it may lie in the current folder. Without it, the penguins pipeline, with the
    paths of the image that kubeflow/Dockerfile builds.
    """
    arguments = {
        **(IN_THE_IMAGE if pipeline == PENGUINS else {}),
        **_pairs("--set", settings),
        "pipeline_root": pipeline_root,
    }
    variables = _pairs("--env", environment)
    _require_kfp()
    sys.path.append(str(Path.cwd()))  # Last, to shadow nothing.
    # Loaded here, so that --help answers at once.
    from tfx_parity.kubeflow.compiling import compile_pipeline, make_pipeline  # noqa: PLC0415
    from tfx_parity.kubeflow.spec import write_spec  # noqa: PLC0415

    spec = compile_pipeline(make_pipeline(pipeline, arguments), image, variables)
    write_spec(output, spec, f"Compiled from {pipeline} by tfx-parity {VERSION}.")
    click.echo(f"{output}: {len(spec['root']['dag']['tasks'])} tasks")
    click.echo(f"Check it:\n  tfx-parity kubeflow lint {output}")


@kubeflow.command(epilog="Exit code: 0 nothing or warnings only, 1 errors, 2 usage or bad input.")
@click.argument("file", type=click.Path(path_type=Path))
def lint(file: Path) -> int:
    """Check FILE, a compiled pipeline, for what a server would refuse and what would dangle.

    Every fault is told with its place. The proto of Kubeflow Pipelines and its SDK read the file as
    well, where kfp is installed.
    """
    # Loaded here, so that --help answers at once.
    from tfx_parity.kubeflow.lint import lint as lint_spec  # noqa: PLC0415
    from tfx_parity.kubeflow.spec import read_spec  # noqa: PLC0415

    sys.path.append(str(Path.cwd()))  # For executors of the user's own.
    faults = lint_spec(read_spec(file))
    for fault in faults:
        click.echo(fault.render())
    errors = sum(fault.is_error for fault in faults)
    click.echo(f"{file}: {errors} errors, {len(faults) - errors} warnings")
    return min(errors, 1)


@kubeflow.command(epilog="Exit code: 0 every step ended well, 2 usage, bad input or a failed step.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs") / "kubeflow",
    show_default=True,
    help="An empty folder for everything that the run writes.",
)
@click.option(
    "--launcher",
    type=click.Choice(["kubeflow", "vertex"]),
    default="kubeflow",
    show_default=True,
    help="Whose launcher is played: artifacts without types and copied files, or with types and "
    "read in place.",
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the pipeline; may be repeated.",
)
def run(file: Path, root: Path, launcher: str, parameters: tuple[str, ...]) -> None:
    """Run FILE, a compiled pipeline, on this machine.

    Each step is a process of its own with exactly the command, the arguments and the ExecutorInput
    that the launcher gives it. The scheduler is not played.
    """
    # Loaded here, so that --help answers at once.
    from tfx_parity.kubeflow.local_run import LocalRun  # noqa: PLC0415
    from tfx_parity.kubeflow.spec import read_spec  # noqa: PLC0415
    from tfx_parity.pipelines.progress import Progress  # noqa: PLC0415

    values = _pairs("--parameter", parameters)
    if root.exists() and any(root.iterdir()):
        raise BadInputError(
            f"Expected an empty folder, found files in {root}. Give another --root."
        )
    _require_kfp()
    local_run = LocalRun(read_spec(file), root, launcher, values)
    progress = Progress(sys.stdout)
    for name in local_run.order():
        with progress.step(name):
            local_run.run(name)
    click.echo(f"artifacts and logs  {root}")


def _require_kfp() -> None:
    for module in ("kfp", "tfx"):
        if importlib.util.find_spec(module) is None:
            raise BadInputError(
                f"Expected the package {module}, found none. Install what Kubeflow needs, on "
                "Python 3.11: pip install 'tfx-parity[tfx,kubeflow]'"
            )


def _pairs(option: str, pairs: tuple[str, ...]) -> dict[str, str]:
    """Return options of the form NAME=VALUE as a mapping."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise click.BadParameter(f"Expected NAME=VALUE, found {wrong[0]!r}.", param_hint=option)
    return dict(pair.split("=", 1) for pair in pairs)
