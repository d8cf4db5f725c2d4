"""Every kind of input in tests/fuzz/targets.py, made odd by hypothesis. Longer: --hypothesis-profile=long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SHIPPED_TOWN, TARGETS, town

SLOW_S = 5.0
"""CPU seconds; the slowest take some milliseconds."""
TOKENS = (
    *(b"\0", b"\xff", b"\n", b"\r\n", b":", b"[", b"{", b'"', b"-", b",", b"&a ", b"*a ", b"!!int ''"),
    *(b"9" * 5000, b"[" * 1200, b"nan", b"1e400", b"../", "²".encode(), "İ".encode(), "\u2028".encode()),
    *(b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00+14:00", b"oui ", b"a" * 1000, b"zero "),
)
CUTS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 20),
        st.sampled_from(TOKENS) | st.binary(max_size=8),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=4,
)


def spoilt(seed: bytes, cuts: list[tuple[float, int, bytes, int]]) -> bytes:
    """A good input with some bytes replaced by others, at these places."""
    for place, gone, come, times in cuts:
        at = int(place * len(seed))
        seed = seed[:at] + come * times + seed[at + gone :]
    return seed


@pytest.mark.parametrize("name", TARGETS)
def test_good_ones_are_taken(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_raises_or_hangs(name: str) -> None:
    target = TARGETS[name]

    @settings(deadline=None, max_examples=max(settings.default.max_examples // 3, 10))
    @given(st.sampled_from(target.seeds), CUTS)
    def odd(seed: bytes, cuts: list[tuple[float, int, bytes, int]]) -> None:
        began = time.process_time()
        target.run(spoilt(seed, cuts))
        assert time.process_time() - began < SLOW_S

    odd()


@settings(deadline=None, max_examples=max(settings.default.max_examples // 25, 4))
@given(CUTS)
def test_a_town_file_with_a_slip_is_refused_in_words(cuts: list[tuple[float, int, bytes, int]]) -> None:
    town(spoilt(SHIPPED_TOWN.read_bytes(), cuts))
