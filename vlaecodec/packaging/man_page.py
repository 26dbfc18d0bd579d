"""Write the man page from the commands' own help.

python -m vlaecodec.packaging.man_page
"""

from __future__ import annotations

from pathlib import Path

import click

from vlaecodec import __version__
from vlaecodec.cli.main import COMMANDS, main

MAN_PAGE = Path(__file__).parent / "vlaecodec.1"


def man_page() -> str:
    """The whole page, in the man macros."""
    context = click.Context(main, info_name="vlaecodec")
    lines = [
        f'.TH VLAECODEC 1 "" "vlaecodec {__version__}"',
        ".SH NAME",
        "vlaecodec \\- encode and decode pictures with a learned codec",
        ".SH SYNOPSIS",
        ".B vlaecodec",
        "COMMAND [OPTIONS] ...",
        ".SH DESCRIPTION",
        *_text(main.help or ""),
    ]
    for name in COMMANDS:
        command = main.get_command(context, name)
        if command is not None:
            lines += _command(name, command, context)
    lines += [".SH EXIT STATUS", *_text(main.epilog or "")]
    lines += [".SH ENVIRONMENT", ".TP", ".B VLAECODEC_MODELS", "The folder with the models."]
    return "\n".join(lines) + "\n"


def _command(name: str, command: click.Command, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f".SH {name.upper()}", f".B vlaecodec {name}", _escape(usage), ".PP"]
    lines += _text(command.help or "")
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            option, meaning = record
            lines += [".TP", f".B {_escape(option)}", _escape(" ".join(meaning.split()))]
    if command.epilog:
        lines += [".PP", *_text(command.epilog)]
    return lines


def _text(text: str) -> list[str]:
    """Paragraphs; those that begin with click's mark for it keep their lines."""
    lines = []
    for paragraph in text.split("\n\n"):
        if paragraph.lstrip().startswith("\b"):
            kept = paragraph.strip("\b\n").splitlines()
            lines += [".PP", ".nf", *(_escape(line.rstrip()) for line in kept), ".fi"]
        else:
            lines += [".PP", _escape(" ".join(paragraph.split()))]
    return lines[1:] if lines[:1] == [".PP"] else lines


def _escape(line: str) -> str:
    """Nothing in it is to be taken for a macro."""
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    MAN_PAGE.write_text(man_page())
