"""Reports of finished and failed files: text for people, JSON for programs."""

from __future__ import annotations

import json
from contextlib import suppress

import click

from vlaecodec.cli.batch.jobs import Job, Outcome
from vlaecodec.cli.batch.worker import Result
from vlaecodec.cli.files import STDIO
from vlaecodec.cli.logs import show_log
from vlaecodec.cli.reporting import printable, say

TABLE_ROWS = 40
"""Beyond so many files the table shows only those that failed."""


def say_outcome(job: Job, outcome: Outcome, *, origin: str = "") -> None:
    """The summary of one file. origin: a word before its size."""
    name = "standard output" if job.output == STDIO else job.output
    with suppress(OSError):  # the file is written, even if nobody reads this
        click.echo(
            f"{printable(name)}: {outcome.width} x {outcome.height}, "
            f"{origin}{outcome.size_bytes} bytes, {outcome.rate_bpp:.3f} bpp, "
            f"{outcome.seconds:.2f} s",
            err=True,
        )


def say_result(result: Result) -> None:
    """The log, warnings and error of one of many files."""
    show_log(result.log)
    for warning in result.warnings:
        say(f"warning: {result.job.source}: {warning}")
    if result.error is not None:
        say(result.error)


def print_json(result: Result) -> None:
    """Print one object on one line of standard output; missing values are null."""
    source, outcome = result.job.source, result.outcome
    record = {
        "file": source,
        "output": result.job.target,
        "width": outcome and outcome.width,
        "height": outcome and outcome.height,
        "size_bytes": outcome and outcome.size_bytes,
        "rate_bpp": outcome and outcome.rate_bpp,
        "seconds": outcome and outcome.seconds,
        "warnings": result.warnings,
        "error": result.error and result.error.removeprefix(f"{source}: "),
    }
    click.echo(json.dumps(record))


def show_summary(results: list[Result], seconds: float) -> None:
    """Print a table of the files, or of many only the failed ones, and the totals."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    done = [(r.job, r.outcome) for r in results if r.outcome is not None]
    failed = [r for r in results if r.outcome is None]
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="ellipsis")  # shrinks where the others need room
    for name in ("pixels", "bytes", "bpp", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    if len(results) <= TABLE_ROWS:
        for job, outcome in sorted(done, key=lambda pair: pair[0].target):
            table.add_row(Text(printable(job.target)), *_cells(outcome))
    for result in failed:
        table.add_row(Text(printable(result.job.source)), "failed", style="red")
    pixels = sum(o.width * o.height for _, o in done)
    size = sum(o.size_bytes for _, o in done)
    total = f"{len(done)} done, {len(failed)} failed"
    rate = f"{8 * size / pixels:.3f}" if pixels else ""
    table.add_section()
    table.add_row(total, f"{pixels / 1e6:.2f} MP", str(size), rate, f"{seconds:.2f}", style="bold")
    console = Console(stderr=True, highlight=False)
    with suppress(OSError):  # the files are written, even if nobody reads this
        console.print(table)
        if done:
            console.print(f"{len(done) / seconds:.2f} files/s, {pixels / 1e6 / seconds:.2f} MP/s")


def say_saved(results: list[Result]) -> None:
    """Print how much smaller the outputs are than their inputs, if they are."""
    done = [(r.job.size_bytes, r.outcome.size_bytes) for r in results if r.outcome is not None]
    before, after = (sum(sizes) for sizes in zip(*done, strict=True)) if done else (0, 0)
    if after < before:
        say(f"{before} bytes became {after}: {1 - after / before:.0%} saved")


def _cells(outcome: Outcome) -> tuple[str, str, str, str]:
    return (
        f"{outcome.width} x {outcome.height}",
        str(outcome.size_bytes),
        f"{outcome.rate_bpp:.3f}",
        f"{outcome.seconds:.2f}",
    )
