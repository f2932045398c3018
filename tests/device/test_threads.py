"""Several threads: streams are never mixed, and utterances, releases and the budget of a day stay
right.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino.device import DailyBudget, Reason, Released, Result, Runtime, Stream, Withheld
from sordino.errors import ReleaseError
from tests.device.sound.test_stream import vectors
from tests.device.synthetic_sound_bundle import RATE, bundle, speech


def elsewhere(call: Callable[[], Any]) -> Any:
    """What a call returns in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def test_a_second_thread_cannot_push_into_a_stream() -> None:
    runtime, sound = Runtime(bundle(), key=7), speech()
    expected = vectors([*Runtime(bundle(), key=7).push(sound), *runtime.end()])
    half = len(sound) // 2
    results = runtime.push(sound[:half])
    for call in (lambda: runtime.push(sound[half:]), runtime.end):
        with pytest.raises(
            ReleaseError, match=r"samples from a second thread, .*Runtime\.stream\(\)"
        ):
            elsewhere(call)
    results += [*runtime.push(sound[half:]), *runtime.end()]
    assert vectors(results) == expected


def test_a_stream_that_has_ended_may_go_on_in_another_thread() -> None:
    runtime, sound = Runtime(bundle(), key=7), speech()
    once = vectors([*runtime.push(sound), *runtime.end()])
    assert vectors(elsewhere(lambda: [*runtime.push(sound), *runtime.end()])) == once
    assert vectors([*runtime.push(sound), *runtime.end()]) == once


def test_a_reused_thread_number_is_another_thread() -> None:
    runtime = Runtime(bundle(), key=7)
    numbers = set[int]()
    for turn in range(20):
        refused: list[ReleaseError] = []

        def push(refused: list[ReleaseError] = refused) -> None:
            numbers.add(threading.get_ident())
            try:
                runtime.push(speech()[:RATE])
            except ReleaseError as error:
                refused.append(error)

        thread = threading.Thread(target=push)
        thread.start()
        thread.join()
        assert len(refused) == (turn > 0)
    assert len(numbers) < 20  # the system did give numbers anew


@pytest.mark.slow
def test_each_source_has_a_stream_of_its_own() -> None:
    runtime, sounds = (
        Runtime(bundle(), key=7),
        [speech(seed=seed, level=0.05 + 0.02 * seed) for seed in range(6)],
    )
    expected = [
        vectors([*(stream := Stream(runtime)).push(sound), *stream.end()]) for sound in sounds
    ]
    barrier = threading.Barrier(len(sounds))

    def hear(sound: np.ndarray) -> list[Result]:
        stream = runtime.stream()
        barrier.wait()
        results = [result for block in np.array_split(sound, 40) for result in stream.push(block)]
        return results + stream.end()

    with ThreadPoolExecutor(len(sounds)) as pool:
        assert [vectors(results) for results in pool.map(hear, sounds)] == expected


def test_of_threads_that_begin_at_once_one_gets_the_stream() -> None:
    runtime, sound, barrier = Runtime(bundle(), key=7), speech(), threading.Barrier(8)

    def hear(index: int) -> list[Result] | None:  # noqa: ARG001
        barrier.wait()
        try:
            return runtime.push(sound)
        except ReleaseError:
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = [results for results in pool.map(hear, range(8)) if results is not None]
    expected = Runtime(bundle(), key=7)
    assert len(answers) == 1
    assert vectors(answers[0]) == vectors(expected.push(sound))


@pytest.mark.slow
def test_threads_release_the_vectors_of_a_single_thread() -> None:
    runtime = Runtime(bundle(), key=7)
    sounds = [speech(seed=seed)[RATE : 2 * RATE] for seed in range(24)]
    x = np.stack([runtime.extractor(sound) for sound in sounds])
    one_by_one = [vectors([runtime.utterance(sound, RATE)]) for sound in sounds]
    released = runtime.release(x)
    fresh = Runtime(bundle(), key=7)  # the first thread makes its extractor
    with ThreadPoolExecutor(8) as pool:
        concurrent = list(pool.map(lambda sound: vectors([fresh.utterance(sound, RATE)]), sounds))
        rows = list(pool.map(lambda row: fresh.release(x[row : row + 1])[0], range(len(x))))
    assert concurrent == one_by_one
    np.testing.assert_array_equal(np.stack(rows), released)


@pytest.mark.parametrize("shared", [True, False])
def test_threads_together_get_no_more_than_the_budget(shared: bool, tmp_path: Path) -> None:
    def counting() -> DailyBudget:
        return DailyBudget(tmp_path / "budget", lambda: date(2026, 1, 31))

    sound = speech()[RATE : 2 * RATE]
    budget = counting()
    runtimes = [
        Runtime(bundle(10), key=7, budget=budget if shared else counting())
        for _ in range(1 if shared else 4)
    ]
    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(lambda turn: runtimes[turn % len(runtimes)].utterance(sound, RATE), range(40))
        )
    assert sum(isinstance(result, Released) for result in results) == 10
    assert {result.reason for result in results if isinstance(result, Withheld)} == {
        Reason.BUDGET_SPENT
    }
