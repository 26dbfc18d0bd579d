"""What a command may use: `--max-pixels` and `--threads`."""

from __future__ import annotations

import click

from vlaecodec.bitstream.header import MAX_PIXELS

max_pixels_option = click.option(
    "--max-pixels",
    type=click.IntRange(1),
    metavar="N",
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse pictures of more than N pixels.",
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    help="Number of threads for one picture.  [default: the idle cores; one for small pictures]",
)
