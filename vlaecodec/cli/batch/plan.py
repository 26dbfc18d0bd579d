"""Plans: which input goes to which output, worked out before any is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from vlaecodec.cli.batch.jobs import Job
from vlaecodec.cli.batch.names import VLAE, is_other_picture, is_shard, name_output
from vlaecodec.cli.batch.options import FileOptions
from vlaecodec.cli.batch.tar import list_members
from vlaecodec.cli.files import STDIO, check_input, check_output, output_path
from vlaecodec.cli.reporting import printable, say
from vlaecodec.errors import InputError, ParameterError, VlaeError


@dataclass(frozen=True)
class Plan:
    """The jobs of a command line."""

    jobs: list[Job]
    many: bool
    """Whether it is the form for many files."""
    suffix: str
    """Of outputs that are not named."""
    is_input: Callable[[Path], bool]
    """Whether a name is an input: in folders, in shards, and as the second of two arguments."""
    refused: list[tuple[Job, str]] = field(default_factory=list)
    """Jobs that cannot be done, and why."""
    skipped: list[str] = field(default_factory=list)
    """A line for each file in a folder that is skipped."""
    skipped_pictures: list[str] = field(default_factory=list)
    """The skipped files that are pictures."""


def plan_jobs(
    inputs: tuple[str, ...],
    files: FileOptions,
    *,
    suffix: str,
    is_input: Callable[[Path], bool],
    keep_suffix: bool = False,
) -> Plan:
    """The jobs that a command line asks for.

    inputs: the arguments. suffix, is_input: as in Plan. keep_suffix: outputs are named by one more
    suffix. Raises ParameterError for a command line that means nothing or would write one file
    twice.
    """
    output, output_dir, recursive = files.output, files.output_dir, files.recursive
    if output is not None and output_dir is not None:
        raise ParameterError("give -o or --output-dir, not both")
    if output_dir is None and output is not None and _is_folder(output):
        output_dir, output = output, None
    if recursive and output is not None:
        raise ParameterError("-r is for many files: give --output-dir, or neither")
    if output_dir is not None or recursive:
        folder = None if output_dir is None else Path(output_dir)
        plan = Plan([], True, suffix, is_input)
        _plan_many(plan, inputs, folder, recursive=recursive, keep_suffix=keep_suffix)
        return _without_existing(plan) if files.skip_existing else plan
    many = len(inputs) > 2 or (len(inputs) == 2 and _is_second_input(inputs, is_input))
    if many:
        raise ParameterError(f"{len(inputs)} inputs need --output-dir: the folder to write to")
    if is_shard(Path(inputs[0])):
        raise ParameterError(f"{inputs[0]}: a shard needs --output-dir: the folder to write to")
    target = inputs[1] if len(inputs) == 2 else None
    job = Job(inputs[0], output_path(inputs[0], target, output, suffix, keep_suffix=keep_suffix))
    return Plan([job], False, suffix, is_input)


def show_plan(plan: Plan, *, force: bool) -> None:
    """What `--dry-run` says. Exits with code 1 if some file could not be made."""
    failed = False
    for job in plan.jobs:
        try:
            check_input(job.input)
            if Path(job.output).parent.is_dir():
                check_output(job.output, job.input, force=force)
            click.echo(printable(f"{job.input} -> {job.output}"))
            for problem in list_members(job.input)[1] if is_shard(Path(job.input)) else ():
                failed = True
                say(f"would fail: {job.input}: {problem}")
        except VlaeError as error:
            failed = True
            say(f"would fail: {error}")
    for _, problem in plan.refused:
        say(f"would fail: {problem}")
    for line in plan.skipped:
        say(line)
    if failed or plan.refused or plan.skipped_pictures:
        sys.exit(1)


def _is_second_input(inputs: tuple[str, ...], is_input: Callable[[Path], bool]) -> bool:
    """Whether the second of two arguments is there already, and looks like an input itself."""
    first, second = (Path(name) for name in inputs)
    try:
        return second.is_file() and is_input(second) and not second.samefile(first)
    except (OSError, ValueError):
        return False


def _plan_many(
    plan: Plan, inputs: tuple[str, ...], folder: Path | None, *, recursive: bool, keep_suffix: bool
) -> None:
    """Fill a plan. Of two inputs that would become one output, the second is refused.

    folder: where outputs go; None: each beside its input.
    """
    sources: dict[str, str] = {}
    for source, inner in _expand(plan, inputs, recursive=recursive):
        path = Path(inner)
        name = path if is_shard(path) else name_output(path, plan.suffix, keep_suffix=keep_suffix)
        if folder is None and is_shard(path):
            raise ParameterError(f"{source}: a shard needs --output-dir: the folder to write to")
        output = str(Path(source).parent / Path(name).name if folder is None else folder / name)
        if output in sources:
            reason = f"{source}: would become {output}, as {sources[output]} does; --keep-suffix"
            plan.refused.append((Job(source, output), f"{reason} tells them apart"))
            continue
        sources[output] = source
        plan.jobs.append(Job(source, output))
    if not plan.jobs:
        left = f"; skipped: {len(plan.skipped)} files" if plan.skipped else ""
        raise InputError(f"nothing to do: no inputs in {', '.join(inputs)}{left}")


def _without_existing(plan: Plan) -> Plan:
    """The jobs whose output does not exist: the rest of an interrupted batch."""
    jobs = [job for job in plan.jobs if not os.path.lexists(job.output)]
    if len(jobs) < len(plan.jobs):
        say(f"{len(plan.jobs) - len(jobs)} of {len(plan.jobs)} outputs are there already: skipped")
    return replace(plan, jobs=jobs)


def _expand(plan: Plan, inputs: tuple[str, ...], *, recursive: bool) -> Iterator[tuple[str, str]]:
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
        yield from _walk(plan, name)


def _walk(plan: Plan, name: str) -> Iterator[tuple[str, str]]:
    """Each input in a folder; other files go on the plan's list of skipped files."""
    for parent, folders, files in os.walk(name):
        for folder in sorted(folders):
            if (Path(parent) / folder).is_symlink():
                _pass_over(plan, Path(parent, folder), "a link to a folder")
            elif folder.startswith("."):
                _pass_over(plan, Path(parent, folder), "a hidden folder")
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            path = Path(parent, file)
            taken = plan.is_input(path) or is_shard(path)
            if file.startswith("."):
                _pass_over(plan, path, "hidden")
            elif taken:
                yield str(path), os.path.relpath(path, name)
            elif is_other_picture(path) and plan.suffix == VLAE:
                _pass_over(plan, path, "a picture that cannot be read here", picture=True)
            else:
                _pass_over(plan, path, f"no {'picture' if plan.suffix == VLAE else '.vlae file'}")


def _pass_over(plan: Plan, path: Path, reason: str, *, picture: bool = False) -> None:
    plan.skipped.append(f"skipped: {path}: {reason}")
    if picture:
        plan.skipped_pictures.append(str(path))


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False
