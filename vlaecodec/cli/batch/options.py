"""The options that `encode` and `decode` share: outputs, engines, messages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import click

from vlaecodec.cli.batch.jobs import PATH

LOCAL = "local"
ENGINES = (LOCAL, "ray")
"""Where many jobs can run."""


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """The values of these options."""

    output: str | None
    output_dir: str | None
    recursive: bool
    processes: int | None
    engine: str
    skip_existing: bool
    preserve: bool
    dry_run: bool
    force: bool
    quiet: bool
    as_json: bool


OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=PATH,
        metavar="OUTPUT",
        help="The same as the second argument; an existing folder is the same as --output-dir.",
    ),
    click.option(
        "--output-dir",
        type=PATH,
        metavar="FOLDER",
        help="Folder for the outputs of many inputs; it is created if it does not exist. A .tar "
        "shard becomes a shard.",
    ),
    click.option(
        "-r",
        "--recursive",
        is_flag=True,
        help="Accept folders, and go into their subfolders; outputs keep the layout.",
    ),
    click.option(
        "-j",
        "--jobs",
        "processes",
        type=click.IntRange(1),
        metavar="N",
        help="Number of processes for many files; they share the cores.  [default: one per "
        "core, at most 8; with Ray one per CPU of the cluster]",
    ),
    click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default=LOCAL,
        show_default=True,
        help="Work on many files in processes on this machine, or on a Ray cluster that sees the "
        "same folders: the one at RAY_ADDRESS, or else one started on this machine.",
    ),
    click.option(
        "--skip-existing",
        is_flag=True,
        help="Of many files, skip those whose output exists.",
    ),
    click.option(
        "--preserve", is_flag=True, help="Copy the times and the mode of inputs to outputs."
    ),
    click.option(
        "--dry-run", is_flag=True, help="Only print what would be written, and what would fail."
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print a JSON object for each file, one on a line, instead of a summary.",
    ),
    click.option("-f", "--force", is_flag=True, help="Overwrite outputs that exist."),
    click.option("--quiet", is_flag=True, help="Print no progress bar and no summary."),
)


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options, as its argument `files`."""

    @functools.wraps(command)
    def wrapped(*args: Any, **values: Any) -> Any:
        names = [field.name for field in fields(FileOptions)]
        files = FileOptions(**{name: values.pop(name) for name in names})
        return command(*args, files=files, **values)

    described: Callable[..., Any] = wrapped
    for option in reversed(OPTIONS):
        described = option(described)
    return described
