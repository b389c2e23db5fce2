"""optibench race: the last frame where output is piped, files, one line for bad input."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import optibench as ob
from optibench.cli.race_ import names
from optibench.racing import terminal
from optibench.racing.animation import Picture
from optibench.racing.relief import heights, shaded

RACE = ["race", "rosenbrock", "--optimizer", "gd,momentum,adam", "--steps", "100"]


def test_where_output_is_piped_the_last_frame_is_plain_text(command):
    status, out, err = command(*RACE)
    assert (status, err) == (0, "") and out.isascii() and "\x1b" not in out and "\r" not in out
    assert out.count("step 100 of 100") == 1 and out.startswith("rosenbrock from (-1.187, 0.9868)\n")
    rows = {match[2]: match for match in re.finditer(r"([ABC])  (gd|momentum|adam) +(\S+) +100 +(\S+)", out)}
    assert {name: match[1] for name, match in rows.items()} == {"gd": "A", "momentum": "B", "adam": "C"}
    losses = [float(match[4]) for match in rows.values()]
    assert losses == sorted(losses)
    assert "a" in out and "note: learning rates: lowest final loss of 25 tried\n" in out
    assert command(*RACE)[1] == out


def test_the_map_shows_each_racer_where_it_is(command):
    out = command("race", "ravine", "--optimizer", "gd,adam", "--lr", "gd=0.03,adam=0.1", "--steps", "100")[1]
    rows = [line[: terminal.WIDEST] for line in out.splitlines()[1:]][: round(terminal.WIDEST * 0.4)]
    assert "#" in rows[0] + rows[-1] and "diverged" in out  # y ends at -1 and 1
    middle = [(row, text.index("B")) for row, text in enumerate(rows) if "B" in text]
    assert len(middle) == 1 and abs(middle[0][0] - len(rows) / 2) <= 1 and abs(middle[0][1] - terminal.WIDEST / 2) <= 1


def test_up_is_up_and_right_is_right():
    steep = ob.Problem(
        "steep", start=lambda rng: np.array([0.92, 0.82]), domain=((-1.0, 1.0), (-1.0, 1.0)),
        value_grad=lambda w: (np.exp(w[:, 0] + 4 * w[:, 1]), np.exp(w[:, :1] + 4 * w[:, 1:]) * [1, 4]),
    )  # fmt: skip
    race = ob.race(steep, ["gd"], lr=1e-9, steps=1)
    map = terminal.Map(race, 40, 20, plain=True)
    ((row, column),) = map.at(1).marks
    assert row == 1 and column == 38
    height = heights(steep, race.domain, 40, 20)
    assert (np.diff(height[2:], axis=0) > 0).all() and (np.diff(height[15]) > 0).all()
    assert (map.pixels[0].sum(axis=1) > map.pixels[-1].sum(axis=1)).all()  # lighter is higher


def test_the_light_comes_from_the_upper_left():
    y, x = np.mgrid[-1:1:50j, -1:1:50j]
    bowl = shaded((x**2 + y**2) / 2).sum(axis=-1)  # rows from low y to high y
    assert bowl[10, 39] > bowl[39, 39] > bowl[39, 10]


def test_the_map_shows_the_path_so_far():
    race = ob.race("ravine", ["gd", "adam"], lr=0.01, steps=40)
    map = terminal.Map(race, 60, 24, plain=True)
    cells = [(map.at(step).owner >= 0).sum() for step in race.frames]
    assert cells[0] == 0 and cells == sorted(cells) and cells[-1] > cells[len(cells) // 2] > 0


def test_a_terminal_gets_a_map_in_colour_beside_the_table():
    race = ob.race("rosenbrock", ["gd", "adam"], steps=50)
    console = Console(force_terminal=True, color_system="truecolor", width=120, height=40, file=io.StringIO())
    screen = terminal.Screen(race, console, animate=True)
    assert screen.beside and not screen.plain
    console.print(screen.at(50))
    text = console.file.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert {len(line) for line in plain.splitlines()} == {120} or max(map(len, plain.splitlines())) <= 120
    assert "▀" in plain and re.search("[\u2801-\u28ff]", plain) and "48;2;" in text
    narrow = terminal.Screen(race, Console(force_terminal=True, width=60, height=24), animate=True)
    assert not narrow.beside and narrow.map.rows <= 24 - 5 - 2


def test_an_animation_shows_every_frame_and_ends_with_the_last(monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS", 0.5)
    race = ob.race("rosenbrock", ["gd"], steps=30, lr=1e-3)
    console = Console(force_terminal=True, color_system="truecolor", width=100, height=30, file=io.StringIO())
    terminal.show(race, console, animate=True)
    steps = [int(step) for step in re.findall(r"step (\d+) of 30", console.file.getvalue())]
    assert steps == sorted(steps) and steps[-1] == 30 and len({*steps}) > 3
    assert console.file.getvalue().rstrip("\n").endswith("\x1b[?25h")  # the cursor is back


def test_a_gif_is_written_and_named(command):
    status, out, err = command(*RACE, "--gif", "race.gif")
    assert (status, err) == (0, "") and re.search(r"^race.gif: \d+ frames, \d+ kB$", out, re.MULTILINE)
    assert "▀" not in out and "adam" in out
    with Image.open("race.gif") as image:
        assert image.format == "GIF"


@pytest.mark.skipif(os.name != "posix", reason="a stand-in for ffmpeg that is a script")
def test_a_video_gets_every_frame_and_the_last_one_longer(command, monkeypatch):
    Path("bin").mkdir()
    Path("bin/ffmpeg").write_text(
        f"#!{sys.executable}\nimport sys\n"
        "data = sys.stdin.buffer.read()\nopen('last', 'wb').write(data[-960 * 480 * 4:])\n"
        "open(sys.argv[-1], 'w').write(str(len(data)))\n"
    )
    Path("bin/ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(Path("bin").resolve()), prepend=os.pathsep)
    race = ob.race("rosenbrock", ["gd"], steps=5)
    status, out, err = command("race", "rosenbrock", "--optimizer", "gd", "--steps", "5", "--mp4", "race.mp4")
    assert (status, err) == (0, ""), err
    count, left = divmod(int(Path("race.mp4").read_text()), 960 * 480 * 4)
    last = np.frombuffer(Path("last").read_bytes(), np.uint8).reshape(480, 960, 4)[..., :3]
    assert np.abs(last.astype(int) - Picture(race).rgb(5)).mean() < 0.05  # labels and all
    assert left == 0 and count > len(race.frames) and f"race.mp4: {len(race.frames)} frames" in out


def test_a_rule_that_raises_is_said_and_the_others_race(command):
    Path("bad.py").write_text(
        "from optibench import hookimpl, optimizer\n@optimizer\ndef bad(w, g, *, lr=0.1):\n    'A.'\n    1 / 0\n"
        "@hookimpl\ndef optibench_optimizers():\n    return [bad]\n"
    )
    status, out, err = command("race", "booth", "--optimizer", "gd,bad", "--steps", "9", "--plugins", ".")
    assert status == 1 and "gd" in out
    assert err.startswith("failed: bad on booth: ZeroDivisionError") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rosenbrok"], "no problem named 'rosenbrok'; nearest: rosenbrock"),
        (["quadratic"], "has 10 parameters; a race needs two; write quadratic:dimension=2"),
        (["booth", "--optimizer", "adamm"], "no optimizer named 'adamm'; nearest: adam"),
        (["booth", "--lr", "fast"], "--lr fast: not a learning rate; write RATE, or NAME=RATE,NAME=RATE"),
        (["booth", "--lr", "0.1", "--lr", "0.2"], "--lr 0.1: which optimizer's?"),
        (["booth", "--lr", "-0.1"], "must be a finite number, more than 0"),
        (["booth", "--lr", "gd=0.1,adm=1"], "no optimizer in this race named 'adm'; nearest: adam"),
        (["booth", "--lr", "0.1", "--tune"], "--lr 0.1 and --tune given together; choose one"),
        (["booth", "--start", "1"], "--start 1: must be two finite numbers"),
        (["booth", "--start", "1,nan"], "must be two finite numbers"),
        (["booth", "--steps", "0"], "steps = 0: must be a whole number"),
        (["booth", "--gif", "none/race.gif"], "cannot write to 'none/race.gif': no such folder"),
        (["booth", "--mp4", "race.mp4"], "ffmpeg, which is not installed; write an animated GIF by --gif"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_status_2(command, monkeypatch, arguments, words):
    monkeypatch.setenv("PATH", "")
    status, out, err = command("race", *arguments)
    assert status == 2 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and words in err


def test_a_list_of_optimizers_keeps_settings_with_their_name():
    assert names("gd,adam:beta1=0.8,beta2=0.9,lion") == ["gd", "adam:beta1=0.8,beta2=0.9", "lion"]
