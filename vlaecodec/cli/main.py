"""The command line: one file a command, loaded when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

from vlaecodec import __version__
from vlaecodec.cli.reporting import printable, wrap_for_terminal

COMMANDS = {
    "encode": "Encode a picture to a .vlae file.",
    "decode": "Decode a .vlae file to a picture.",
    "info": "Show the size, quality and model of a file.",
    "verify": "Check that a file is intact and decodes here exactly.",
    "compare": "Measure how similar two pictures are, or compare codecs.",
    "inspect": "Show the bits of each layer of a file, and what it adds.",
    "page": "Write a page that decodes a file in a browser.",
    "mix": "Mix two files: the structure of one, the texture of the other.",
    "models": "List the installed models.",
    "completion": "Print a script for completion in bash, zsh or fish.",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command runs, so that each starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"vlaecodec.cli.commands.{name}"), name
        )
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            text = wrap_for_terminal(printable(error.format_message()), "Error: ")
            raise click.UsageError(text, error.ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 some of many files failed, out of memory or interrupted, 2 usage "
    "or missing input, 3 not an image, 4 damaged file, 5 model missing or different or a newer "
    "format, 6 cannot write, 7 this machine computes differently, 8 a package is missing.",
)
@click.version_option(__version__)
def main() -> None:
    """Encode photos to small .vlae files with a learned codec, and decode them.

    \b
    Examples:
      vlaecodec encode photo.png                  writes photo.vlae
      vlaecodec encode -q 30 photo.jpg small.vlae
      vlaecodec decode photo.vlae                 writes photo.png; if that
                                                  exists, photo.decoded.png
      vlaecodec encode -r album --output-dir small
      vlaecodec info photo.vlae
      vlaecodec compare photo.png photo.vlae

    `vlaecodec COMMAND --help` has more examples, and all options.
    """
