"""What the wheel's metadata shows of README.md: on a package index nothing points into a checkout.

SOURCE_URL, an address such as https://example.org/vlaecodec, is where pictures and pages are then.
Without it pictures are left out, and of links to pages the words stay.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def for_index(readme: str, address: str | None) -> str:
    """The README with its relative links made absolute, or without them if there is no address."""

    def replace(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        if target.startswith(("https://", "#")):
            return link[0]
        if not address:
            return "" if mark else words
        kind = "raw" if mark else "blob"
        return f"{mark}[{words}]({address.rstrip('/')}/{kind}/HEAD/{target})"

    return LINK.sub(replace, readme)


class ReadmeHook(MetadataHookInterface):
    """Called by hatchling for the field `readme`, which is dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        shown = for_index(text, os.environ.get("SOURCE_URL"))
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}
