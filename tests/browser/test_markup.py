"""The builder of markup escapes every text, and once."""

from __future__ import annotations

import pytest
from pages import opened, results_of


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return results_of({"p": {"a": [1.0, 2.0], "b": [2.0, 3.0]}}).report(tmp_path_factory.mktemp("markup"))


CASES = {
    'tag("b", {}, "<i>&amp;")': "<b>&#60;i&#62;&#38;amp;</b>",
    'tag("b", { title: `"\'<` })': '<b title="&#34;&#39;&#60;"></b>',
    'tag("p", {}, "<", tag("b", {}, "<"))': "<p>&#60;<b>&#60;</b></p>",
    'tag("p", {}, [["a"], [tag("b", {}, 0)]], null, undefined, false, "")': "<p>a<b>0</b></p>",
    'tag("p", { id: null, class: false, title: undefined, "data-m": 0 })': '<p data-m="0"></p>',
    'tag("rect", { x: 1 / 3, opacity: 0.35 })': '<rect x="0.33" opacity="0.35"></rect>',
    "tag('path', { d: px`M${1 / 3} ${2}H${-2 / 3}` })": '<path d="M0.33 2H-0.67"></path>',
}


def test_texts_are_escaped_once_and_what_is_absent_is_left_out(browser, page):
    with opened(browser, page) as tab:
        assert {code: tab.evaluate(f"content({code})") for code in CASES} == CASES


def test_what_was_written_reads_as_it_was_given(browser, page):
    with opened(browser, page) as tab:
        script = """text => {
          const host = document.createElement("div");
          fill(host, tag("p", { title: text }, text));
          return [host.firstChild.title, host.firstChild.textContent, host.querySelectorAll("*").length];
        }"""
        for text in ["<img src=x onerror=alert(1)>", "&lt;", "\"'`", "</p><p>", "名前 \u2028"]:
            assert tab.evaluate(script, text) == [text, text, 1]
