"""Jobs, one for each file: its input, its output and its outcome."""

from __future__ import annotations

from dataclasses import dataclass

import click
from click.shell_completion import CompletionItem

from vlaecodec.cli.batch.tar import Member, read_member
from vlaecodec.cli.files import file_size, read_input, read_vlae


class FileName(click.ParamType[str]):
    """A file name that shells complete; commands check for themselves whether it exists."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


PATH = FileName()


@dataclass(frozen=True)
class Job:
    """One file to make out of another, or out of a member of a shard."""

    input: str
    output: str
    member: Member | None = None
    """The member of a shard that is the input."""
    member_output: str | None = None
    """Its name in the output shard; `output` is its temporary file until the shard is complete."""

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
    """The result of encoding or decoding a file."""

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
