"""The pages: which there are, in which order they are listed, and their links.

Pages of `docs/` are copied; what else in the repository is a page (benchmarks, the
changelog) joins them under a name of its own. A page that no section lists is put in
the last one, so none can be forgotten.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

__all__ = ["ELSEWHERE", "GENERATED", "SECTIONS", "sources", "stage"]

SECTIONS = {
    "Guide": ("start", "tape", "transforms", "control", "loops", "performance")
    + ("coming-from", "examples"),
    "Looking inside": ("explorer", "ir", "debugging", "compiler", "passes"),
    "Leaving the process": ("export", "distributed"),
    "Reference": ("semantics", "coverage", "api", "robustness", "portability")
    + ("fuzzing",),
    "Project": ("contributing", "benchmarks", "changelog"),
}
ELSEWHERE = {
    "examples": "examples/README.md",
    "contributing": "CONTRIBUTING.md",
    "benchmarks": "benchmarks/RESULTS.md",
    "changelog": "CHANGELOG.md",
}
"""Pages that stand outside `docs/`, by their names in the site."""

GENERATED = ("coverage", "api")
"""Pages that are made from the program."""

LINK = re.compile(
    r"^```.*?^```|`[^`\n]+`|(!?)\[([^\]]*)\]\(([^)\s]+)\)", re.MULTILINE | re.DOTALL
)
"""Code, which stays as it is, or a link."""
SECTION = re.compile(r"<!-- section: (\S+): ([^>]+) -->")
"""Where a page shows part of another one; on GitHub it only links to it."""
IMAGE = re.compile(r'src="([^"]+\.svg)"')


def sources(root: Path) -> dict[str, Path]:
    """Every page by its name in the site."""
    found = {path.stem: path for path in sorted((root / "docs").glob("*.md"))}
    return found | {name: root / path for name, path in ELSEWHERE.items()}


def stage(root: Path, to: Path) -> None:
    """Copy the pages and their pictures to `to`, with links that hold there."""
    to.mkdir(parents=True)
    found = sources(root)
    places = {path.resolve(): f"{name}.md" for name, path in found.items()}
    places[(root / "README.md").resolve()] = "index.md"
    places |= {(root / "docs" / f"{n}.md").resolve(): f"{n}.md" for n in GENERATED}
    examples = sorted((root / "examples").glob("*.py"))
    places |= {path.resolve(): f"examples.md#{path.stem}" for path in examples}
    for name, path in found.items():
        text = linked(path.read_text(encoding="utf-8"), path.parent, places, to)
        if name == "index":
            text += contents(found)
        if name == "examples":
            text += "".join(map(listing, examples))
        (to / f"{name}.md").write_text(text, encoding="utf-8")
    for name, text in generated().items():
        (to / f"{name}.md").write_text(text, encoding="utf-8")


def generated() -> dict[str, str]:
    """Pages that are made from the program."""
    from docs.site.coverage import page
    from docs.site.reference import reference

    return {"coverage": page(), **reference()}


def linked(text: str, folder: Path, places: dict[Path, str], to: Path) -> str:
    """`text` with its links as they are in the site; pictures are copied there.

    A link to a file of the repository that is no page keeps only its text.
    """

    def link(found: re.Match[str]) -> str:
        sign, words, target = found.groups()
        if target is None:
            return found[0]
        if sign:
            return f"![{words}]({picture(folder / target, to)})"
        path, _, anchor = target.partition("#")
        if target.startswith("https://") or not path:
            return found[0]
        place = places.get((folder / path).resolve())
        if place is None:
            return words
        return f"[{words}]({place}{'#' + anchor if anchor else ''})"

    text = SECTION.sub(lambda m: section(Path(__file__).parents[2] / m[1], m[2]), text)
    text = LINK.sub(link, text)
    return IMAGE.sub(lambda m: f'src="{picture(folder / m[1], to)}"', text)


def listing(path: Path) -> str:
    """A program under its name."""
    return f"\n## {path.stem}\n\n```python\n{path.read_text(encoding='utf-8')}```\n"


def section(path: Path, title: str) -> str:
    """What stands under a heading of another page, without the heading."""
    parts = re.split(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return parts[parts.index(title) + 1].strip()


def picture(path: Path, to: Path) -> str:
    shutil.copy(path, to)
    return path.name


def contents(found: dict[str, Path]) -> str:
    """The lists of pages that the navigation is made of."""
    listed = {name for names in SECTIONS.values() for name in names}
    rest = [name for name in found if name not in listed and name != "index"]
    parts = []
    for section, names in SECTIONS.items():
        here = [name for name in names if name in found or name in GENERATED]
        here += rest if section == list(SECTIONS)[-1] else []
        lines = "\n".join(here)
        parts.append(
            f"\n```{{toctree}}\n:hidden:\n:caption: {section}\n\n{lines}\n```\n"
        )
    return "".join(parts)
