"""optibench explain: a page for a name, a site for all, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_a_page_lies_where_it_says(command):
    status, out, err = command("explain", "gd", "--no-measure")
    assert (status, out, err) == (0, "page: explain-gd.html\n", "") and Path("explain-gd.html").exists()
    status, out, _ = command("explain", "sam+adam", "--no-measure", "--out", "deep/page.html")
    assert status == 0 and "sam+adam" in Path("deep/page.html").read_text()


def test_a_plugin_in_a_folder_is_explained(command):
    Path("own").mkdir()
    Path("own/mine.py").write_text(
        "from optibench import hookimpl, optimizer\n\n\n@optimizer\ndef mine(w, g, *, lr=0.001):\n"
        '    """Mine <b>."""\n    return w - lr * g\n\n\n@hookimpl\ndef optibench_optimizers():\n    return [mine]\n'
    )
    assert command("explain", "mine", "--no-measure", "--plugins", "own")[0] == 0
    text = Path("explain-mine.html").read_text()
    assert "return w - lr * g" in text and "Mine <b>" not in text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["adamm", "--no-measure"], "no optimizer"),
        ([], "explain: name what is to be explained, or give --all DIR"),
        (["gd", "--all", "x"], "explain: name what is to be explained, or give --all DIR"),
        (["gd", "--kind", "optimiser"], "no plugin type with a page named 'optimiser'; nearest: optimizer"),
        (["gd", "--no-measure", "--out", "a/b.html"], "cannot write the page to 'a/b.html'"),
    ],
)
def test_bad_input_is_one_line(command, arguments, line):
    Path("a").write_text("a file, where a folder is wanted")
    status, out, err = command("explain", *arguments)
    assert status == 2 and out == "" and line in err and err.count("\n") == 1
