"""Figures: the same bytes for the same input, and no external references."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from sordino.report import Estimate
from sordino.report.figures import Panel, Point, confusions, curves, dots, front, roc
from sordino.report.figures.drawing import STYLES, release_styles

GOOD = Estimate(0.8, 0.7, 0.9, 100, 12, 0.5)
UNSURE = Estimate(0.6, math.nan, math.nan, 20, 3, 0.5)
MISSING = Estimate()


def a_front(estimate: Estimate = GOOD) -> str:
    points = [
        Point("none", GOOD, GOOD),
        Point("rae", estimate, GOOD),
        Point("rae", UNSURE, estimate, "ignorant"),
        Point("rae", GOOD, estimate, "policy"),
    ]
    return front([[Panel("AUC", "F1", points), Panel("AUC", "F1", points)]], ["none", "rae"])


def a_line(estimate: Estimate = GOOD) -> str:
    """Two releases, and a third between them without its own mark."""
    points = [
        Point("drawn", GOOD, UNSURE),
        Point("half", estimate, UNSURE),
        Point("rae", UNSURE, GOOD),
    ]
    return front([[Panel("AUC", "F1", points)]], ["drawn", "rae"], line=["drawn", "half", "rae"])


def some_dots(estimate: Estimate = GOOD) -> str:
    return dots(
        {
            "gender": {
                "none": {"risk-model": GOOD, "mlp": GOOD, "best": GOOD},
                "rae": {"best": estimate, "mlp": UNSURE},
            }
        }
    )


def a_matrix(counts: list[list[int]] | None = None) -> str:
    counts = counts or [[3, 1, 0], [0, 2, 2], [0, 0, 0]]
    return confusions(
        [[np.array(counts)]], ["required sad"], ["rae"], ["neutral", "required", "sensitive"]
    )


def a_curve(estimate: Estimate = GOOD) -> str:
    return curves(
        {"audio": {"UAR": [(0.3, GOOD), (0.5, estimate)], "P": [(0.3, UNSURE)]}}, "lambda", "value"
    )


FIGURES = [a_front, a_line, some_dots, a_matrix, a_curve]


@pytest.mark.parametrize("draw", FIGURES)
def test_the_same_input_gives_the_same_bytes(draw) -> None:
    assert draw() == draw()


@pytest.mark.parametrize("draw", FIGURES)
def test_settings_of_the_user_do_not_matter(draw) -> None:
    plain = draw()
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "none"}):
        assert draw() == plain
        assert matplotlib.rcParams["font.size"] == 20


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_is_one_element_without_references(draw) -> None:
    text = draw()
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["aria-label"]
    addresses = set(re.findall(r"https?://[^\"'<> ]+", text))
    assert addresses == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }  # names of formats, not resources
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', text))
    assert "<image" not in text
    assert "<text" not in text  # letters are outlines


def test_identifiers_of_two_figures_differ() -> None:
    names = [set(re.findall(r'\bid="([^"]+)"', draw())) for draw in (a_front, some_dots, a_matrix)]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]


def test_every_reference_inside_a_figure_has_its_target() -> None:
    text = a_front()
    targets = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert targets
    assert targets <= set(re.findall(r'\bid="([^"]+)"', text))


@pytest.mark.slow
@pytest.mark.parametrize("draw", [a_front, some_dots])
@pytest.mark.parametrize("estimate", [UNSURE, MISSING])
def test_a_value_without_interval_has_no_whiskers(draw, estimate: Estimate) -> None:
    text = draw(estimate)
    assert "nan" not in text
    assert len(text) < len(draw())


def test_a_class_without_utterances_is_blank() -> None:
    assert a_matrix() != a_matrix([[3, 1, 0], [0, 2, 2], [1, 0, 0]])


def test_more_releases_than_colours_are_drawn() -> None:
    names = [f"release-{position}" for position in range(20)]
    points = [Point(name, GOOD, GOOD) for name in names]
    assert front([[Panel("AUC", "F1", points)]], names).startswith("<svg")


def test_the_ticks_of_a_roc_curve_are_plain_numbers() -> None:
    svg = roc({"gender": {"none": (np.array([0.0, 0.01, 1.0]), np.array([0.0, 0.5, 1.0]))}})
    assert "mathdefault" not in svg
    assert all(
        f"<!-- {tick} -->" in svg for tick in ("0.001", "0.01", "0.1", "1")
    )  # beside the outlines


def test_a_release_has_one_style_in_all_figures() -> None:
    releases = ["none", "drawn", "rae"]
    styles = release_styles(releases)
    assert styles["none"] == STYLES[0]
    assert len(set(styles.values())) == len(releases)
    assert release_styles(["drawn", "original"])["original"] == STYLES[0]
    colour = styles["rae"][0].lower()
    assert colour in curves(
        {"F1": {"rae": [(0, GOOD)]}}, "lambda", "F1", ticks=["0"], releases=releases
    )
    assert colour in front([[Panel("AUC", "F1", [Point("rae", GOOD, GOOD)])]], releases)
    marks = {name: {"best": GOOD} for name in releases}
    assert colour in dots({"gender": marks})
