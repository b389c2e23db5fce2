"""All pages of optimizers as a small site: an index with the family tree and a table, and what the pages share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from optibench.errors import StoreError
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.report.page import static
from optibench.runner.store import write_whole
from optibench.teaching.measured import Measured, measure
from optibench.teaching.page import own, shared_scripts, template, write_optimizer
from optibench.tracing.lineage import family

#: The scripts that every page of the site uses, in one file beside them.
SHARED = "shared.js"


@dataclass(frozen=True)
class Row:
    """An optimizer in the index: what it declares. ``depth``: how many rules it descends from."""

    name: str
    file: str
    depth: int
    summary: str
    state: str
    hyperparameters: str
    asks: str
    reference: str
    owner: str


def write_site(
    folder: Path,
    registry: Registry,
    results: Path | None = None,
    workers: int | None = None,
    on_page: Callable[[str], None] = lambda name: None,
) -> Path:
    """Write index.html and a page for every optimizer into ``folder``; returns the index.

    ``results``: where what is measured is kept; without it nothing is measured.
    """
    rules: Mapping[str, Optimizer] = registry["optimizer"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / SHARED, shared_scripts().encode())
        for name, rule in rules.items():
            found = measure(rule, registry, results / file_of(name)[:-5], workers) if results else Measured()
            write_whole(folder / file_of(name), write_optimizer(name, registry, found, site=True).encode())
            on_page(name)
        write_whole(folder / "index.html", index(registry).encode())
    except OSError as error:
        raise StoreError(f"cannot write the pages to '{folder}': {error.strerror}; choose another folder") from error
    return folder / "index.html"


def file_of(name: str) -> str:
    """The file of a page in the site."""
    return re.sub(r"[^\w.+-]", "_", name)[:100] + ".html"


def index(registry: Registry) -> str:
    """The text of the index: optimizers in the order of the family tree."""
    tree = family(registry)
    rows: list[Row] = []

    def descend(name: str, depth: int) -> None:
        rows.append(_row(name, depth, registry))
        for child in tree.children.get(name, ()):
            descend(child, depth + 1)

    for root in tree.roots:
        descend(root, 0)
    style = f"{static('page.css')}\n{own('lesson.css')}"
    return template("index.html.j2").render(rows=rows, style=style, script=own("index.js"))


def _row(name: str, depth: int, registry: Registry) -> Row:
    rule: Optimizer = registry.get("optimizer", name)
    asked = [argument for argument in rule.arguments if argument not in ("w", "g", *rule.state)]
    return Row(
        name=name,
        file=file_of(name),
        depth=depth,
        summary=rule.summary,
        state=", ".join(rule.state),
        hyperparameters=", ".join(rule.hyperparameters),
        asks=", ".join(asked),
        reference=rule.reference,
        owner=registry.owner("optimizer", name),
    )
