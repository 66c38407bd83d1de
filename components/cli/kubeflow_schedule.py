"""`tfx-parity kubeflow schedule`: a recurring run on a Kubeflow Pipelines server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tfx_parity.errors import ServerUnavailableError

_EPILOG = "Exit code: 0, 2 usage or bad input, 3 the server could not be asked."

_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_host = click.option(
    "--host", required=True, metavar="URL", help="The API of Kubeflow Pipelines, http://HOST:PORT."
)
_server_version = click.option(
    "--server-version",
    metavar="X.Y.Z",
    help="The server's version; needed where parameters hold macros, which 2.16.0 brought.",
)


@click.group()
def schedule() -> None:
    """Keep a recurring run as a file says."""


@schedule.command(name="apply", epilog=_EPILOG)
@_file
@click.option("--host", metavar="URL", help="The API of Kubeflow Pipelines, http://HOST:PORT.")
@_server_version
@click.option("--dry-run", is_flag=True, help="Print what would be asked for; no server is asked.")
def apply_command(file: Path, host: str | None, server_version: str | None, dry_run: bool) -> None:
    """Make the server hold the schedule in FILE, replacing one of its name."""
    # Loaded here, so that --help answers at once.
    from tfx_parity.files import canonical_json  # noqa: PLC0415
    from tfx_parity.kubeflow.schedule import apply_schedule, read_schedule  # noqa: PLC0415

    wanted = read_schedule(file, server_version)
    if dry_run:
        click.echo(canonical_json(wanted.request()).decode(), nl=False)
        return
    if host is None:
        raise click.UsageError("Expected --host URL or --dry-run.")
    click.echo(_asked(host, lambda client: apply_schedule(client, wanted)))


@schedule.command(epilog=_EPILOG)
@_file
@_host
@_server_version
def show(file: Path, host: str, server_version: str | None) -> None:
    """Show what the server holds of the schedule in FILE."""
    from tfx_parity.kubeflow.schedule import find_runs, read_schedule  # noqa: PLC0415

    wanted = read_schedule(file, server_version)
    found = _asked(host, lambda client: list(find_runs(client, wanted)))
    asked = wanted.request()["description"]
    for run in found:
        state = "as the file says" if run.description == asked else "not as the file says"
        click.echo(f"{run.recurring_run_id}  {run.trigger.cron_schedule.cron}  {run.mode}  {state}")
    if not found:
        click.echo(f"{wanted.name} is not there")


@schedule.command(epilog=_EPILOG)
@_file
@_host
@_server_version
def delete(file: Path, host: str, server_version: str | None) -> None:
    """Delete the schedule in FILE from the server."""
    from tfx_parity.kubeflow.schedule import delete_schedule, read_schedule  # noqa: PLC0415

    wanted = read_schedule(file, server_version)
    click.echo(_asked(host, lambda client: delete_schedule(client, wanted)))


def _asked(host: str, ask: Callable[[Any], Any]) -> Any:
    """Return what a server answers.

    Raises:
        ServerUnavailableError: If it cannot be reached, or refuses.
    """
    import kfp_server_api  # noqa: PLC0415
    import urllib3  # noqa: PLC0415
    from kfp import Client  # noqa: PLC0415

    try:
        return ask(Client(host=host))
    except (kfp_server_api.ApiException, urllib3.exceptions.HTTPError) as error:
        raise ServerUnavailableError(
            f"Expected the API of Kubeflow Pipelines at {host}, found: {error}"
        ) from error
