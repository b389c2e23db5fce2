"""The drawn race: frames, bytes, size, labels that do not overlap."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import optibench as ob
from optibench.errors import SettingError
from optibench.racing.animation import Picture, spread


@pytest.fixture(scope="module")
def race():
    return ob.race("ravine", ["gd", "momentum", "adam"], lr={"gd": 0.03}, steps=60)


def frames(path: Path) -> list[np.ndarray]:
    pictures = []
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            pictures.append(np.asarray(image.convert("RGB")).astype(int))
    return pictures


def test_a_gif_has_every_frame_the_same_bytes_and_is_small(race, tmp_path):
    path = race.gif(tmp_path / "race.gif")
    assert path.read_bytes() == race.gif(str(tmp_path / "again.gif")).read_bytes()
    assert 20_000 < path.stat().st_size < 3_000_000
    shown, picture = frames(path), Picture(race)
    assert len(shown) == len(race.frames)
    for index in (0, len(shown) // 2, -1):  # but for the palette
        assert np.abs(shown[index] - picture.rgb(race.frames[index])).mean() < 4
    total = 0
    with Image.open(path) as image:
        for index in range(image.n_frames):
            image.seek(index)
            total += image.info["duration"]
        assert image.info["loop"] == 0 and 7000 < total < 9000


def test_a_frame_shows_the_path_so_far_and_does_not_depend_on_those_before(race):
    picture = Picture(race)
    early = picture.rgb(1)
    late = picture.rgb(60)
    assert (early != late).any() and (picture.rgb(1) == early).all() and (Picture(race).rgb(60) == late).all()


def test_lines_end_at_the_step(race):
    picture, adam = Picture(race), race.racers[2]
    for step in (0, 1, 30):
        picture.at(step)
        x, y = picture.on_map[2].line.get_data()
        assert len(x) == 3 * step and np.allclose([x[1::3], y[1::3]], adam.points[1 : step + 1].T)
        assert len(picture.on_chart[2].line.get_xdata()) == step + 1
        assert f"loss {adam.loss[step]:.2g}" in picture.on_chart[2].label.get_text()


def test_a_diverged_run_has_a_cross_at_the_edge_and_says_so(race):
    picture = Picture(race)
    picture.at(60)
    gd = picture.on_map[0]
    assert gd.mark.get_marker() == "x" and abs(gd.mark.get_ydata()[0]) == 1
    assert "diverged" in picture.on_chart[0].label.get_text()
    picture.at(0)
    assert gd.mark.get_marker() == "o"


def test_a_notebook_shows_the_last_frame(race):
    image = Image.open(io.BytesIO(race._repr_png_()))
    assert (np.asarray(image) == Picture(race).rgb(60)).all()


@pytest.mark.parametrize(
    "facts",
    [
        {"problem": "saddle", "optimizers": ["gd", "adam"]},  # no minimum, negative losses
        {"problem": "six-hump-camel", "optimizers": ["adam"]},  # a minimum below 0
        {"problem": "noisy-sphere", "optimizers": ["gd"]},  # no domain
        {"problem": "rosenbrock", "optimizers": ["gd"], "lr": 1e9},  # diverges at once
        {"problem": "rosenbrock", "optimizers": ["gd"], "start": (1, 1), "lr": 0.1},  # starts at the minimum
        {"problem": "rosenbrock", "optimizers": ["gd"], "start": (1e200, 0)},  # no loss is finite
        {"problem": ob.Problem("flat", lambda rng: np.zeros(2), lambda w: (0 * w[:, 0], 0 * w)), "optimizers": ["gd"]},
        {"problem": "booth", "optimizers": [f"momentum:momentum=0.{k}" for k in range(10)], "lr": 0.01},
    ],
    ids=["saddle", "negative", "noisy", "diverges", "minimum", "infinite", "flat", "ten"],
)
def test_any_race_can_be_drawn(facts):
    facts = {**facts}
    race = ob.race(facts.pop("problem"), facts.pop("optimizers"), steps=20, **facts)
    picture = Picture(race)
    for step in race.frames:
        assert picture.rgb(step).shape == (480, 960, 3)


@given(st.lists(st.floats(0, 100), max_size=9))
def test_labels_keep_their_distance_their_order_and_the_axes(wanted):
    wanted = np.array(wanted)
    places = spread(wanted, 10.0, 0.0, 100.0)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(places[order]) >= 10 - 1e-9).all()
    assert (places >= -1e-9).all() and (places <= 100 + 1e-9).all()


def test_labels_that_have_room_stay_where_they_are():
    np.testing.assert_allclose(spread(np.array([50.0, 10, 80]), 10.0, 0.0, 100.0), [50, 10, 80])
    np.testing.assert_allclose(spread(np.array([50.0, 50]), 10.0, 0.0, 100.0), [45, 55])


def test_a_file_that_cannot_be_written_is_one_line(race, tmp_path):
    with pytest.raises(SettingError, match=r"cannot write to '.*': Is a directory"):
        race.gif(tmp_path)
    with pytest.raises(SettingError, match=r"cannot write to '.*': No such file or directory"):
        race.gif(tmp_path / "none" / "race.gif")
