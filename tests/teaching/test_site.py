"""The site of all optimizers: an index in the order of the family, and pages without a dead link."""

from __future__ import annotations

import re

import pytest

from optibench.plugin.registry import registry
from optibench.teaching.site import file_of, write_site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("site"), registry())


def test_every_optimizer_has_a_page_and_no_link_is_dead(site):
    there = {path.name for path in site.parent.iterdir()}
    assert there == {"index.html", "shared.js", *map(file_of, registry()["optimizer"])}
    for page in site.parent.glob("*.html"):
        links = re.findall(r'(?:href|src)="([^"#:]+)"', page.read_text())
        assert {*links} <= there, page
    assert {*re.findall(r'href="([^"#]+)"', site.read_text())} == there - {"index.html", "shared.js"}


def test_children_stand_below_their_parents(site):
    names = re.findall(r'padding-left:([\d.]+)rem">.*?<a href="[^"]+">([^<]+)</a>', site.read_text())
    order = [name for _, name in names]
    assert sorted(order) == sorted(registry()["optimizer"])
    assert order.index("gd") < order.index("momentum") < order.index("nesterov")
    depths = {name: float(depth) for depth, name in names}
    assert depths["gd"] == 0 < depths["adagrad"] < depths["rmsprop"] < depths["adam"]


def test_pages_share_their_scripts_and_stay_small(site):
    pages = [path for path in site.parent.glob("*.html") if path.name != "index.html"]
    assert max(path.stat().st_size for path in pages) < 150_000
    assert 'src="shared.js"' in (site.parent / "adam.html").read_text()
