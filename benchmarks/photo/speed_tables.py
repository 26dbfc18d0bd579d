"""Tables of seconds and memory."""

from __future__ import annotations

from benchmarks.kit.tables import Record, Table, lay_out, made_with

WAYS = ("encode", "decode")
GROWING = {"mean image": "", "full texture": "texture_", "lossless": "lossless_"}
"""Modes that are measured by size of picture, and what their keys begin with."""
PEAKS = {f"{prefix}encode_and_decode_gib": f"memory, {mode}" for mode, prefix in GROWING.items()}


def speed_table(record: Record) -> Table:
    """Median seconds for a 768 x 512 photo, in process; start-up below."""
    largest, memory = record["sizes"][-1], record["memory"][-1]
    process = record["process"]
    notes = [
        f"A whole process, started cold: info {process['info_s']:.2f} s, encode "
        f"{process['encode_s']:.2f} s, decode (mean image) {process['decode_s']:.2f} s.",
        f"A {largest['megapixels']:.0f}-megapixel photo: encode {largest['encode_s']:.1f} s, "
        f"decode {largest['decode_s']:.1f} s, peak memory "
        f"{memory['encode_and_decode_gib']:.2f} GiB (mean image).",
        *_thumbnail_notes(record),
        "Other codecs' files are no larger than ours at q 50.",
    ]
    return lay_out(
        f"Seconds for a 768 x 512 photo, in process, {record['threads']} threads, all in one run; "
        f"{made_with(record)}:",
        "codec",
        {**record["modes"], **record["rivals"]},
        {"encode": "{encode_s:.3f}", "decode": "{decode_s:.3f}"},
        notes,
    )


def _thumbnail_notes(record: Record) -> list[str]:
    return [
        f"A thumbnail of a {row['width_px']} x {row['height_px']} photo, from averages of "
        f"{row['averages_of_px']} pixels a side: {row['thumbnail_s']:.2f} s, "
        f"{row['ratio_to_recommended']:.1f} times as fast as decoding it with recommended "
        f"texture, {row['ratio_to_mean_image']:.1f} times as without texture."
        for row in record.get("thumbnails", [])
    ]


def sizes_table(record: Record) -> Table:
    """Seconds and peak memory by size of picture."""
    rows = {
        f"{row['width_px']} x {row['height_px']}, {row['megapixels']:.1f} MP": row | memory
        for row, memory in zip(record["sizes"], record["memory"], strict=True)
    }
    seconds = {
        f"{mode}, {way}": f"{{{prefix}{way}_s:.2f}}"
        for mode, prefix in GROWING.items()
        for way in WAYS
    }
    memory = {title: f"{{{key}:.2f}}" for key, title in PEAKS.items()}
    return lay_out(
        f"Seconds, and peak memory of a process in GiB, by size, {record['threads']} threads; "
        f"{made_with(record)}:",
        "pixels",
        rows,
        seconds | memory,
    )
