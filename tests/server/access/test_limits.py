"""Token buckets, sealed values, the key of the server and tokens."""

from __future__ import annotations

import hmac
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from sordino.errors import StorageError
from sordino.server.access.limits import TokenBuckets, network_of
from sordino.server.access.password import Passwords
from sordino.server.access.principal import Principal, Scope
from sordino.server.access.sealed import Once, seal, unseal
from sordino.server.access.server_key import SERVER_KEY_FILE, ServerKey, load_server_key
from sordino.server.access.token import DEVICE_PREFIX, is_token, new_token, token_digest
from sordino.server.errors import Problem

KEY = ServerKey(bytes(32))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_a_bucket_never_passes_its_rate(waits):
    time, allowed = 0.0, []
    buckets = TokenBuckets(0.5, 3, lambda: time)
    for wait in waits:
        time += wait
        if buckets.take("key") == 0:
            allowed.append(time)
    for start in range(len(allowed)):
        for end in range(start, len(allowed)):
            assert end - start + 1 <= 3 + 0.5 * (allowed[end] - allowed[start]) + 1e-6


def test_the_wait_is_long_enough():
    time = 0.0
    buckets = TokenBuckets(0.1, 1, lambda: time)
    assert buckets.take("key") == 0
    wait = buckets.take("key")
    time += wait * 0.99
    assert buckets.take("key") > 0
    time += wait * 0.02
    assert buckets.take("key") == 0


def test_a_clock_set_back_refuses_and_gives_nothing():
    time = 1000.0
    buckets = TokenBuckets(1, 2, lambda: time)
    assert [buckets.take("key") > 0 for _ in range(3)] == [False, False, True]
    time = 0.0
    assert buckets.take("key") > 0


def test_buckets_are_bounded():
    buckets = TokenBuckets(1, 2, lambda: 0.0, largest=10)
    for number in range(1000):
        buckets.take(number)
    assert len(buckets) == 10


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_addresses_of_a_network_share_a_bucket(address, network):
    assert network_of(address) == network


@given(st.text(max_size=300))
def test_no_text_opens_as_sealed(text):
    assert unseal(KEY, "a", 0, text) is None


def test_a_sealed_value_opens_for_its_purpose_and_time():
    text = seal(KEY, "a", 10, account=3)
    assert unseal(KEY, "a", 9, text) == {"account": 3, "expires": 10}
    assert unseal(KEY, "a", 10, text) is None
    assert unseal(KEY, "b", 9, text) is None
    assert unseal(ServerKey(b"1" * 32), "a", 9, text) is None
    assert unseal(KEY, "a", 9, text[:-5] + "AAAA=") is None


def test_a_value_is_used_once_in_bounded_memory():
    once = Once(2)
    assert [once.use(value) for value in "aab"] == [True, False, True]
    assert once.use("c")
    assert not once.use("b")


def test_the_server_key_is_private_and_stays(tmp_path):
    first = load_server_key(tmp_path)
    assert (tmp_path / SERVER_KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert load_server_key(tmp_path).tag("a", "b") == first.tag("a", "b")
    assert first.tag("a", "b") != first.tag("b", "b")


@pytest.mark.parametrize(("mode", "size"), [(0o640, 32), (0o604, 32), (0o600, 31), (0o600, 0)])
def test_a_readable_or_short_key_is_refused(tmp_path, mode, size):
    path = tmp_path / SERVER_KEY_FILE
    path.write_bytes(bytes(size))
    path.chmod(mode)
    with pytest.raises(StorageError, match="expected"):
        load_server_key(tmp_path)


@given(st.text())
def test_texts_that_are_no_token_are_no_token(text):
    assert not is_token(text, DEVICE_PREFIX)
    assert not is_token(DEVICE_PREFIX + text[:42], DEVICE_PREFIX)


def test_tokens_differ_and_have_their_shape():
    tokens = {new_token(DEVICE_PREFIX) for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(is_token(token, DEVICE_PREFIX) for token in tokens)
    assert len({token_digest(token) for token in tokens}) == 1000


def test_a_principal_prints_no_name():
    assert "secret-name" not in repr(Principal(Scope.OWN, "secret-name", 1))


def test_digests_are_compared_in_constant_time(scene, client, monkeypatch):
    compared = []
    compare = hmac.compare_digest

    def watch(first, second):
        compared.append(first)
        return compare(first, second)

    monkeypatch.setattr(hmac, "compare_digest", watch)
    client.get("/v1/account", headers=scene.headers)
    assert token_digest(scene.token) in compared


class StuckHasher(PasswordHasher):
    """A hash that takes until it is let go."""

    def __init__(self) -> None:
        super().__init__(1, 8, 1)
        self.go = threading.Event()

    def hash(self, password, *, salt=None):
        self.go.wait(60)
        return super().hash(password, salt=salt)


def test_few_threads_wait_for_a_hash():
    hasher = StuckHasher()
    passwords = Passwords(hasher)
    with ThreadPoolExecutor(6) as threads:
        hashes = [threads.submit(passwords.hash, "password") for _ in range(6)]
        while threads._work_queue.qsize() or passwords._slot._places._value:
            time.sleep(0.001)
        with pytest.raises(Problem) as refusal:
            passwords.hash("password")
        hasher.go.set()
        assert all(each.result() for each in hashes)
    assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "2")
    assert passwords.hash("password")
