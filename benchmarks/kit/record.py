"""Storing results, with what they were made with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import torch
from PIL import features

from vlaecodec.bitstream.header import VERSION
from vlaecodec.model.registry import find_model

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("numpy", "torch", "pillow", "constriction")


def describe_run(*packages: str) -> dict[str, Any]:
    """What a result was made with: model, code, threads and versions (of `packages` too)."""
    versions: dict[str, str | None] = {}
    for package in (*PACKAGES, *packages):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    for name in ("webp", "avif"):
        versions[f"lib{name}"] = features.version(name)
    changes = _git("status", "--porcelain", "--", "vlaecodec", "benchmarks", "models")
    return {
        "model": find_model().fingerprint.hex(),
        "format_version": VERSION,
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": None if changes is None else changes != "",
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        # Of a minute, before the run: other programs make seconds less certain.
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": versions,
    }


def _git(*arguments: str) -> str | None:
    """The output of a git command that only reads, or None outside a checkout."""
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def check_output(output: Path | None) -> None:
    """Raise click.UsageError, before the work, if the output's folder does not exist."""
    if output is not None and not output.absolute().parent.is_dir():
        raise click.UsageError(f"{output.parent}: no such folder")


def write_record(output: Path | None, record: dict[str, Any]) -> None:
    """Store results, if asked to. A list of rows takes a line for each row."""
    if output is None:
        return
    # Rows are put in after the rest is laid out, each on one line: diffs stay readable.
    rows = record.get("rows")
    text = json.dumps(record | ({} if rows is None else {"rows": []}), indent=1)
    if rows:
        lines = ",\n  ".join(json.dumps(row) for row in rows)
        text = text.replace('"rows": []', f'"rows": [\n  {lines}\n ]')
    write_text(output, text + "\n")


def write_text(output: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = output.with_name(output.name + ".tmp")
    temporary.write_text(text)
    temporary.replace(output)
