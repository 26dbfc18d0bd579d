"""Jobs, one a file: what is read, what is written, what came of it, and options they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from vlaecodec.cli.batch.tar import Member, read_member
from vlaecodec.cli.files import file_size, read_input, read_vlae


class FileName(click.ParamType[str]):
    """A name that shells complete; whether there is such a file is for us to say."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


PATH = FileName()

LOCAL = "local"
ENGINES = (LOCAL, "ray")
"""Where many jobs are done."""

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Job:
    """One file to make out of another, or out of a member of a shard."""

    input: str
    output: str
    member: Member | None = None
    """What of a shard is the input."""
    member_output: str | None = None
    """What becomes of a member; `output` is where it waits until all of its shard is there."""

    @property
    def source(self) -> str:
        """What messages call the input."""
        return self.input if self.member is None else f"{self.input}:{self.member.name}"

    @property
    def target(self) -> str:
        """What messages call the output."""
        return self.member_output or self.output

    @property
    def size_bytes(self) -> int:
        """Of the input; 0 where there is none."""
        return file_size(self.input) if self.member is None else self.member.size_bytes

    def read(self) -> bytes:
        """The bytes of the input. Raises InputError."""
        if self.member is None:
            return read_input(self.input)
        return read_member(self.input, self.member)

    def read_vlae(self) -> bytes:
        """The bytes of an input that must be a .vlae file. Raises InputError or DamagedError."""
        return read_vlae(self.input) if self.member is None else self.read()


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    width: int
    height: int
    size_bytes: int
    """Of the .vlae file."""
    seconds: float
    coded_pixels: int | None = None
    """In the .vlae file, where it is not all of them that were decoded."""

    @property
    def rate_bpp(self) -> float:
        """Bits per pixel of the .vlae file."""
        return 8 * self.size_bytes / (self.coded_pixels or self.width * self.height)


def many_options(command: Command) -> Command:
    """The options of a command that takes many files."""
    options = (
        click.option(
            "-o",
            "--output",
            type=PATH,
            metavar="OUTPUT",
            help="Same as the second argument; or a folder, same as --output-dir.",
        ),
        click.option(
            "--output-dir",
            type=PATH,
            metavar="FOLDER",
            help="Where the outputs of many inputs go; made if it is not there. A .tar shard "
            "becomes a shard.",
        ),
        click.option(
            "-r",
            "--recursive",
            is_flag=True,
            help="Take folders, with all that is in them; their layout is kept.",
        ),
        click.option(
            "-j",
            "--jobs",
            "processes",
            type=click.IntRange(1),
            metavar="N",
            help="Processes for many files, which share out the cores.  [default: one per core, "
            "at most 8; with Ray one per CPU of the cluster]",
        ),
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            default=LOCAL,
            show_default=True,
            help="Where many files are worked on: processes here, or a Ray cluster that sees the "
            "same folders: the one that RAY_ADDRESS names, or one started on this machine.",
        ),
        click.option(
            "--skip-existing",
            is_flag=True,
            help="Of many files, leave out those whose output is there already.",
        ),
        click.option(
            "--preserve", is_flag=True, help="Give outputs the times and mode of their inputs."
        ),
        click.option(
            "--dry-run", is_flag=True, help="Only say what would be written, and what would fail."
        ),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print a JSON object for each file, a line each, instead of a summary.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
