"""The laws of ARCHITECTURE.md: imports point one way, and heavy ones stay where they belong."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vlaecodec"

# Each room may import only from the ones above it in this list, and from itself.
ROOMS = [
    "errors",
    "writing",
    "bitstream",
    "entropy",
    "picture",
    "metrics",
    "networks",
    "frozen",
    "model",
    "latents",
    "pixels",
    "small",
    "codec",
    "training",
    "analysis",
    "page",
    "pillow_plugin",
    "webdataset",
    "ray",
    "cli",
    "packaging",
]

# Beside the package; the same rule.
BENCHMARKS = ROOT / "benchmarks"
BENCHMARK_ROOMS = ["kit", "photo", "paper", "publish"]
MOST_LINES, MOST_IMPORTS = 350, 6

NO_NUMPY = {"torch", "numpy", "constriction", "PIL"}
FORBIDDEN = {
    "bitstream/header.py": NO_NUMPY,
    "bitstream/header_copy.py": NO_NUMPY,
    "bitstream/container.py": NO_NUMPY,
    "bitstream/tiles.py": NO_NUMPY,
    "bitstream": {"torch", "constriction", "PIL"},
    "cli/batch/tar.py": NO_NUMPY,
    "picture/metadata.py": NO_NUMPY,
    "picture": {"torch", "constriction"},
    "entropy/scales.py": NO_NUMPY,
    "frozen": {"torch", "constriction", "PIL"},
    "networks": {"PIL", "vlaecodec.entropy.ans"},
    "training": {"vlaecodec.entropy.ans", "vlaecodec.codec"},
}


def source_files(folder: Path) -> dict[str, Path]:
    """Every file in a folder, and in its folders, by its module's name."""
    names = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


FILES = source_files(PACKAGE)
BENCHMARK_FILES = source_files(BENCHMARKS)


def imports(path: Path) -> set[str]:
    """Every name that a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_files(path: Path, files: dict[str, Path]) -> set[str]:
    """Those of the files that a file imports; a package only where a name in it is meant."""
    names = imports(path) & files.keys()
    return {n for n in names if not any(other.startswith(n + ".") for other in names)}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def in_rooms() -> list[Path]:
    return [path for path in FILES.values() if path.parent != PACKAGE or room(path) in ROOMS]


@pytest.mark.parametrize("path", in_rooms(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    own = room(path)
    for name in imports(path):
        if name.startswith("vlaecodec.") and (other := name.split(".")[1]) in ROOMS:
            assert ROOMS.index(other) <= ROOMS.index(own), f"{path}: {name}"


@pytest.mark.parametrize("place", FORBIDDEN)
def test_heavy_imports_stay_where_they_belong(place: str) -> None:
    paths = [p for p in FILES.values() if p.relative_to(PACKAGE).is_relative_to(place)]
    assert paths
    for path in paths:
        for name in FORBIDDEN[place]:
            assert not any(i == name or i.startswith(name + ".") for i in imports(path)), path


def test_one_file_alone_knows_the_entropy_coder() -> None:
    knowing = [p for p in FILES.values() if any(i.startswith("constriction") for i in imports(p))]
    assert knowing == [PACKAGE / "entropy" / "ans.py"]


@pytest.mark.parametrize(("files", "arrows"), [(FILES, 300), (BENCHMARK_FILES, 80)])
def test_no_circle_between_files(files: dict[str, Path], arrows: int) -> None:
    graph = {name: imported_files(path, files) - {name} for name, path in files.items()}
    assert sum(len(names) for names in graph.values()) > arrows
    # The package itself hands out its functions lazily: nothing inside imports them from there.
    graph["vlaecodec"] = set()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {error.args[1]}")


def test_files_are_short_and_the_encoder_imports_little() -> None:
    scripts = [path for kind in ("js", "c") for path in PACKAGE.rglob(f"*.{kind}")]
    assert scripts
    for path in (*FILES.values(), *BENCHMARK_FILES.values(), *scripts):
        assert len(path.read_text().splitlines()) <= MOST_LINES, path
    name = "vlaecodec.codec.encode"
    assert len(imported_files(FILES[name], FILES) - {name, "vlaecodec"}) <= MOST_IMPORTS


def test_every_file_is_in_a_room() -> None:
    outside = {room(path) for path in FILES.values()} - set(ROOMS)
    assert outside == {"__init__", "__main__"}


def test_benchmarks_import_no_tests() -> None:
    for path in BENCHMARK_FILES.values():
        assert not any(name.split(".")[0] == "tests" for name in imports(path)), path


def test_a_room_of_benchmarks_imports_only_from_rooms_above_it() -> None:
    for name, path in BENCHMARK_FILES.items():
        if name == "benchmarks":
            continue
        own = BENCHMARK_ROOMS.index(name.split(".")[1])
        for other in imported_files(path, BENCHMARK_FILES):
            assert BENCHMARK_ROOMS.index(other.split(".")[1]) <= own, f"{path}: {other}"


def test_the_map_names_every_room_and_file() -> None:
    """Each row of ARCHITECTURE.md's table names a room and then, in code marks, its files."""
    rows = re.findall(r"^\| `([\w/.]+?)/?` \|(.*)\|$", (ROOT / "ARCHITECTURE.md").read_text(), re.M)
    named = {place: set(re.findall(r"`(\w+)`", text)) for place, text in rows}
    for path in in_rooms():
        place, stem = path.relative_to(PACKAGE).parent.as_posix(), path.stem
        if place == ".":
            assert path.name in named, f"{path.name} has no row"
        elif stem not in ("__init__", "__main__"):
            assert stem in named.get(place, set()), f"the row of {place} does not name {stem}"
    for path in BENCHMARK_FILES.values():
        place = path.relative_to(ROOT).parent.as_posix()
        if path.stem != "__init__" and path.parent != BENCHMARKS:
            assert path.stem in named.get(place, set()), f"{place} does not name {path.stem}"


def test_places_that_the_map_points_to_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    places = re.findall(r"`([a-z_]+/[\w/]+\.py)`", text)
    assert len(places) > 10
    assert [
        place for place in places if not any((f / place).is_file() for f in (PACKAGE, ROOT))
    ] == []


def test_reading_a_header_needs_no_heavy_import() -> None:
    code = (
        "import sys, vlaecodec.cli.main as cli;"
        "cli.main(sys.argv[1:], standalone_mode=False);"
        "heavy = {'torch', 'numpy', 'constriction', 'PIL', 'rich'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    file = ROOT / "tests" / "golden" / "decode" / "pixel.vlae"
    for arguments in (["info", str(file)], ["models"], ["--help"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def test_training_needs_no_entropy_coder() -> None:
    code = (
        "import sys; sys.modules['constriction'] = None;"
        "from vlaecodec.training.photo import export, loop; import vlaecodec.training.__main__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
