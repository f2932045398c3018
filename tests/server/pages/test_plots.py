"""Trends as marks, and cards as sentences."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino.server.pages.limits import limits_of, sentence
from sordino.server.pages.plots import NARROW, WIDE, date_labels, trend_plot
from sordino.server.pages.views import Limit, ShownPeriod, ShownTrend

FIRST = datetime.date(2026, 1, 1)
DAY = datetime.timedelta(1)


def trend(*shares: float | None, step: int = 1) -> ShownTrend:
    periods = [
        ShownPeriod(
            FIRST + step * number * DAY,
            FIRST + (step * number + step - 1) * DAY,
            0 if share is None else 20,
            share,
            None if share is None else share / 2,
            None if share is None else (1 + share) / 2,
        )
        for number, share in enumerate(shares)
    ]
    return ShownTrend("sad", "mute", periods)


def test_a_share_of_one_is_at_the_top_and_zero_at_the_axis() -> None:
    low, high = trend_plot(trend(0.0, 1.0), WIDE).marks
    assert low.y == WIDE.height - WIDE.bottom
    assert high.y == WIDE.top


def test_a_time_without_an_estimate_breaks_the_line() -> None:
    plot = trend_plot(trend(0.2, 0.3, None, None, 0.4, None, 0.1, 0.1), WIDE)
    assert len(plot.unknown) == 2
    assert [len(line.split()) for line in plot.lines] == [2, 2]
    assert len(plot.single) == 1
    width = WIDE.width - WIDE.left - WIDE.right
    assert sum(width for _, width in plot.unknown) == pytest.approx(3 / 8 * width, abs=0.3)


def test_a_day_without_releases_has_limits_and_no_point() -> None:
    empty = ShownPeriod(FIRST + DAY, FIRST + DAY, 0, 0.5, 0.1, 0.9)
    ends = trend(0.2, None, 0.2).periods
    plot = trend_plot(ShownTrend("sad", "mute", [ends[0], empty, ends[2]]), WIDE)
    assert len(plot.marks) == 2
    assert len(plot.lines) == 1


@pytest.mark.parametrize(("missing", "lines"), [(0, 1), (1, 2), (4, 2)])
def test_a_time_without_releases_breaks_the_line(missing: int, lines: int) -> None:
    days = trend(*[0.2] * (missing + 4)).periods
    plot = trend_plot(ShownTrend("sad", "mute", [*days[:2], *days[-2:]]), WIDE)
    assert (len(plot.lines), len(plot.unknown)) == (lines, lines - 1)


def test_a_trend_without_periods_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        trend_plot(trend(), WIDE)


@settings(max_examples=30)
@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=200), st.integers(1, 7))
def test_all_marks_lie_within_the_frame(shares: list[float | None], step: int) -> None:
    for frame in (WIDE, NARROW):
        plot = trend_plot(trend(*shares, step=step), frame)
        for mark in (*plot.marks, *plot.single):
            assert frame.left <= mark.x <= frame.width - frame.right
            assert frame.top <= mark.high <= mark.y <= mark.low <= frame.height - frame.bottom


@settings(max_examples=50)
@given(st.integers(1, 1100), st.sampled_from([WIDE, NARROW]))
def test_dates_do_not_overlap(days: int, frame: object) -> None:
    width = WIDE.width if frame is WIDE else NARROW.width
    labels = list(date_labels(FIRST, FIRST + (days - 1) * DAY, width))
    assert 1 <= len(labels) <= math.ceil(width / 80) + 1


CARD = {
    "audit": {
        "mute": {
            "bounds": [
                {"secret": "gender", "known": "", "speakers": 91, "auc_high": 0.583},
                {"secret": "gender", "known": "speaker", "speakers": 91, "auc_high": 0.9},
                {"secret": "angry-vs-neutral", "known": "", "auc_high": 0.641},
            ],
            "measured": [
                {"leaks": {"gender": {"high": 0.99}}},
                {"leaks": {"gender": {"high": 0.56}, "speaker": {"high": 0.61}}},
            ],
        }
    }
}


def test_a_bound_stands_before_a_measurement_of_the_same_secret() -> None:
    limits = {limit.secret: limit for limit in limits_of(CARD, "mute", "sad").limits}
    assert limits["gender"] == Limit("gender", "bound", 0.583, 91)
    assert limits["speaker"] == Limit("speaker", "measured", 0.61)
    assert "in at most 65 of 100 pairs" in sentence(limits["angry-vs-neutral"])
    assert "angry and one of neutral speech" in sentence(limits["angry-vs-neutral"])


def card_of(**highs: float) -> dict[str, object]:
    rows = [{"secret": secret, "known": "", "auc_high": high} for secret, high in highs.items()]
    return {"audit": {"mute": {"bounds": rows}}}


def test_the_worst_limits_stay_and_the_others_are_counted() -> None:
    harmless = {f"accent=a{number}": 0.51 for number in range(2000)}
    found = limits_of(card_of(**harmless, gender=0.9, age=0.8), "mute", "sad")
    assert len(found.limits) == 40
    assert [limit.secret for limit in found.limits[-2:]] == ["gender", "age"]
    assert found.left_out == 2002 - 40


def test_of_names_that_look_the_same_the_worst_is_shown() -> None:
    names = {f"{'x' * 60}{end}": high for end, high in (("a", 0.99), ("b", 0.55))}
    found = limits_of(card_of(**names, **{"a_b=c": 0.6, "a b=c": 0.7}), "mute", "sad")
    assert [limit.high for limit in found.limits] == [0.99, 0.7]
    assert found.left_out == 2
    assert "x" * 61 not in sentence(found.limits[0])
    repeated = [{"secret": "gender", "auc_high": high} for high in (0.99, 0.55)]
    (limit,) = limits_of({"audit": {"mute": {"bounds": repeated}}}, "mute", "sad").limits
    assert limit.high == 0.99


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just("gender"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["audit", "mute", "bounds", "measured", "leaks", "secret", "auc_high"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(st.just("audit"), HOSTILE))
def test_a_hostile_card_gives_only_sound_limits(card: dict[str, object]) -> None:
    for limit in limits_of(card, "mute", "sad").limits:
        assert 0.5 <= limit.high <= 1
        assert "of 100 pairs" in sentence(limit)


@pytest.mark.parametrize("high", [None, True, math.nan, math.inf, -0.1, 1.1, "0.6", [0.6]])
def test_a_figure_out_of_range_is_left_out(high: object) -> None:
    row = {"secret": "gender", "known": "", "auc_high": high}
    assert limits_of({"audit": {"mute": {"bounds": [row]}}}, "mute", "sad").limits == ()


def test_braces_in_a_secret_stay_text() -> None:
    assert "{attacker}" in sentence(Limit("{attacker}", "bound", 0.6))
