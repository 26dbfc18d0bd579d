"""Plans: which input goes to which output, worked out before any is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from vlaecodec.cli.batch.jobs import Job
from vlaecodec.cli.batch.tar import list_members
from vlaecodec.cli.files import STDIO, check_input, check_output, output_path
from vlaecodec.cli.reporting import say
from vlaecodec.errors import InputError, ParameterError, VlaeError

PICTURE_SUFFIXES = {f".{s}" for s in ("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "avif")}
PICTURE_SUFFIXES |= {f".{s}" for s in ("tif", "tiff", "bmp", "dib", "gif", "jp2", "j2k", "jpx")}
PICTURE_SUFFIXES |= {f".{s}" for s in ("ppm", "pgm", "pbm", "pnm", "tga", "ico", "dds", "pcx")}
"""What is taken for a picture in a folder."""


@dataclass(frozen=True)
class Plan:
    """What a command line asks for."""

    jobs: list[Job]
    many: bool
    """Whether it is the form for many files."""
    suffix: str
    """Of outputs that are not named."""
    is_input: Callable[[Path], bool]
    """Tells a name that would be an input, in folders, shards and among two arguments."""


def plan_jobs(
    inputs: tuple[str, ...],
    output: str | None,
    output_dir: str | None,
    *,
    recursive: bool,
    suffix: str,
    is_input: Callable[[Path], bool],
) -> Plan:
    """The jobs that a command line asks for.

    inputs: the arguments. output: what -o names. suffix, is_input: as in Plan.
    Raises ParameterError for a command line that means nothing or would write one file twice.
    """
    if output is not None and output_dir is not None:
        raise ParameterError("give -o or --output-dir, not both")
    if output_dir is None and output is not None and _is_folder(output):
        output_dir, output = output, None
    if output_dir is not None:
        jobs = _plan_many(inputs, Path(output_dir), recursive, suffix, is_input)
        return Plan(jobs, True, suffix, is_input)
    if recursive:
        raise ParameterError("-r needs --output-dir: the folder to write to")
    many = len(inputs) > 2 or (len(inputs) == 2 and _is_second_input(inputs, is_input))
    if many:
        raise ParameterError(f"{len(inputs)} inputs need --output-dir: the folder to write to")
    if is_shard(Path(inputs[0])):
        raise ParameterError(f"{inputs[0]}: a shard needs --output-dir: the folder to write to")
    target = inputs[1] if len(inputs) == 2 else None
    job = Job(inputs[0], output_path(inputs[0], target, output, suffix))
    return Plan([job], False, suffix, is_input)


def is_picture(path: Path) -> bool:
    """Whether a name looks like a picture's."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def is_shard(path: Path) -> bool:
    """Whether a name looks like a tar shard's."""
    return path.suffix.lower() == ".tar"


def is_vlae(path: Path) -> bool:
    """Whether a name looks like one of our own files."""
    return path.suffix.lower() == ".vlae"


def show_plan(plan: Plan, *, force: bool) -> None:
    """What `--dry-run` says. Exits with code 1 if some file could not be made."""
    failed = False
    for job in plan.jobs:
        try:
            check_input(job.input)
            if Path(job.output).parent.is_dir():
                check_output(job.output, job.input, force=force)
            click.echo(f"{job.input} -> {job.output}")
            for problem in list_members(job.input)[1] if is_shard(Path(job.input)) else ():
                failed = True
                say(f"would fail: {job.input}: {problem}")
        except VlaeError as error:
            failed = True
            say(f"would fail: {error}")
    if failed:
        sys.exit(1)


def _is_second_input(inputs: tuple[str, ...], is_input: Callable[[Path], bool]) -> bool:
    """Whether the second of two arguments is there already, and looks like an input itself."""
    first, second = (Path(name) for name in inputs)
    try:
        return second.is_file() and is_input(second) and not second.samefile(first)
    except (OSError, ValueError):
        return False


def _plan_many(
    inputs: tuple[str, ...],
    folder: Path,
    recursive: bool,
    suffix: str,
    is_input: Callable[[Path], bool],
) -> list[Job]:
    jobs: list[Job] = []
    sources: dict[str, str] = {}
    for source, inner in _expand(inputs, recursive, is_input):
        path = Path(inner)
        output = str(folder / (path if is_shard(path) else path.with_suffix(suffix)))
        if output in sources:
            raise ParameterError(f"{sources[output]} and {source} would both become {output}")
        sources[output] = source
        jobs.append(Job(source, output))
    if not jobs:
        raise InputError(f"nothing to do: no inputs in {', '.join(inputs)}")
    return jobs


def _expand(
    inputs: tuple[str, ...], recursive: bool, is_input: Callable[[Path], bool]
) -> Iterator[tuple[str, str]]:
    """Each input file, and its name below the output folder."""
    for name in inputs:
        if name == STDIO:
            raise ParameterError('standard input, "-", cannot be one of many files')
        if not _is_folder(name):
            if not Path(name).name:
                raise ParameterError(f"{name!r} is not the name of a file")
            yield name, Path(name).name
            continue
        if not recursive:
            raise ParameterError(f"{name}: is a folder; give -r to take what is in it")
        for parent, folders, files in os.walk(name):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for file in sorted(files):
                path = Path(parent, file)
                if not file.startswith(".") and (is_input(path) or is_shard(path)):
                    yield str(path), os.path.relpath(path, name)


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False
