"""The laws of ARCHITECTURE.md: imports point one way, and heavy ones stay where they belong."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "vlaecodec"

# Each module may import only from the ones above it in this list, or its own folder.
ORDER = [
    "errors",
    "tiles",
    "header",
    "container",
    "payload",
    "shard",
    "metadata",
    "alpha",
    "sample_depth",
    "image",
    "saving",
    "scales",
    "tables",
    "metrics",
    "realism",
    "measures",
    "rivals",
    "registry",
    "info",
    "entropy",
    "noise",
    "networks",
    "detail",
    "model",
    "small_model",
    "thaw",
    "latent_coder",
    "deadzone",
    "local_kernel",
    "correction",
    "residual",
    "residual_coder",
    "wavefront",
    "pixel_coder",
    "texture",
    "tiling",
    "latent_search",
    "averages",
    "stages",
    "tile_coder",
    "sections",
    "small_coder",
    "small_codec",
    "encoder",
    "decoder",
    "thumbnail",
    "layers",
    "latent_trace",
    "inspection",
    "mixing",
    "heat_map",
    "comparison",
    "rate_control",
    "page",
    "pillow_plugin",
    "training",
    "cli",
    "packaging",
]

FORBIDDEN = {
    "header": {"torch", "numpy", "constriction"},
    "container": {"torch", "numpy", "constriction"},
    "shard": {"torch", "numpy", "constriction", "PIL"},
    "metadata": {"torch", "numpy", "constriction", "PIL"},
    "networks": {"constriction", "PIL", "vlaecodec.entropy"},
    "training": {
        "constriction",
        "vlaecodec.entropy",
        "vlaecodec.encoder",
        "vlaecodec.latent_coder",
    },
}


def module_files() -> list[Path]:
    return [p for p in PACKAGE.rglob("*.py") if p.name not in ("__init__.py", "__main__.py")]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", module_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    own = layer(path)
    for name in imports(path):
        if name.startswith("vlaecodec.") and name.split(".")[1] in ORDER:
            other = name.split(".")[1]
            assert other == own or ORDER.index(other) < ORDER.index(own), f"{path}: {name}"
    for name in FORBIDDEN.get(own, ()):
        assert not any(i == name or i.startswith(name + ".") for i in imports(path)), name
    if own != "entropy":
        assert not any(i.startswith("constriction") for i in imports(path))


def test_every_module_has_its_place() -> None:
    assert {layer(p) for p in module_files()} == set(ORDER)


def test_benchmarks_import_no_tests() -> None:
    for path in (PACKAGE.parent / "benchmarks").glob("*.py"):
        assert not any(name.split(".")[0] == "tests" for name in imports(path)), path


def test_the_map_names_every_module() -> None:
    names = set(re.findall(r"\w+", (PACKAGE.parent / "ARCHITECTURE.md").read_text()))
    benchmarks = (PACKAGE.parent / "benchmarks").glob("*.py")
    missing = {p.stem for p in [*module_files(), *benchmarks] if p.stem != "__init__"} - names
    assert not missing


def test_reading_a_header_needs_no_heavy_import() -> None:
    code = (
        "import sys, vlaecodec.cli.main as cli;"
        "cli.main(sys.argv[1:], standalone_mode=False);"
        "heavy = {'torch', 'numpy', 'constriction', 'PIL', 'rich'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    file = PACKAGE.parent / "tests" / "golden" / "decode" / "pixel.vlae"
    for arguments in (["info", str(file)], ["models"], ["--help"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def test_training_needs_no_entropy_coder() -> None:
    code = (
        "import sys; sys.modules['constriction'] = None;"
        "import vlaecodec.training.loop, vlaecodec.training.export, vlaecodec.training.__main__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
