"""Write docs/api.md: the Python functions, from their docstrings.

bin/benchmark api_page
"""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass

import vlaecodec
from benchmarks.kit.record import ROOT, write_text

PAGE = ROOT / "docs" / "api.md"
FIRST = ("encode", "decode", "encode_file", "decode_file", "read_info", "is_vlae", "verify")


def render() -> str:
    """The page's text."""
    names = [n for n in vlaecodec.__all__ if not n.startswith("_") and n != "errors"]
    parts = [
        "# Python functions\n",
        "Written by `bin/benchmark api_page` from the docstrings. `import vlaecodec` is light:",
        "torch is imported when a photo is first encoded, and never to decode. It is typed.\n",
    ]
    for name in sorted(names, key=lambda n: (FIRST.index(n) if n in FIRST else len(FIRST), n)):
        thing = getattr(vlaecodec, name)
        parts.append(f"## {name}\n")
        if inspect.isfunction(thing):
            parts.append(f"```python\n{_signature(name, thing)}\n```\n")
        parts.append(_text(inspect.getdoc(thing)))
        if isinstance(thing, type) and is_dataclass(thing):
            parts.append("\n".join(f"- `{field.name}`: `{field.type}`" for field in fields(thing)))
            parts.append("")
    parts += ["## errors\n", "Every error has one line and an exit code of its own:\n"]
    parts.append(_errors())
    return "\n".join(parts).rstrip() + "\n"


def _signature(name: str, function: object) -> str:
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    shown = [
        str(p.replace(annotation=inspect.Parameter.empty)) if p.kind is not p.VAR_KEYWORD else "..."
        for p in parameters
    ]
    star = next((i for i, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY), None)
    if star is not None:
        shown.insert(star, "*")
    return f"{name}({', '.join(shown)})"


def _errors() -> str:
    classes = [
        each
        for _, each in inspect.getmembers(vlaecodec.errors, inspect.isclass)
        if issubclass(each, vlaecodec.VlaeError)
    ]
    rows = [
        f"| `{each.__name__}` | {each.exit_code} | {(inspect.getdoc(each) or '').splitlines()[0]} |"
        for each in sorted(classes, key=lambda c: (c.exit_code, c.__name__))
    ]
    return "\n".join(["| error | exit code | when |", "|---|---|---|", *rows])


def _text(docstring: str | None) -> str:
    """A docstring, lines as they are."""
    return f"```text\n{docstring or ''}\n```\n"


def main() -> None:
    """Rewrite docs/api.md."""
    write_text(PAGE, render())


if __name__ == "__main__":
    main()
