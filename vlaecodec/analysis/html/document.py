"""An HTML page in one string, with its style and scripts inside."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources

# The browser itself refuses anything from outside, so the page cannot come to need a network.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def render_document(title: str, sections: Iterable[str]) -> str:
    """A whole page. title: plain text. sections: HTML."""
    files = resources.files("vlaecodec.analysis.html")
    style = (files / "style.css").read_text()
    code = (files / "comparer.js").read_text()
    body = "\n".join(sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
<script>
{code}</script>
</body>
</html>
"""


def render_table(
    caption: str, columns: Iterable[str], rows: Iterable[Iterable[str]], notes: Iterable[str] = ()
) -> str:
    """A table of plain text; the first column names the rows."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = []
    for name, *cells in rows:
        numbers = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{numbers}</tr>')
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    # On a narrow window the table scrolls, not the page; focus lets the keyboard scroll it.
    return (
        f'<p class="caption">{escape(caption)}</p>'
        f'<div class="table" tabindex="0"><table aria-label="{escape(caption)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>{below}"
    )
