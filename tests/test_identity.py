"""Ids and spoken names."""

from __future__ import annotations

import random
import re
import time
import uuid

import pytest

from cardgen.identity import is_run_id, new_run_id, speakable


def test_ids_are_uuids_of_version_7() -> None:
    """An id is a UUIDv7 in canonical lower-case text that tells its millisecond."""
    before = time.time_ns() // 1_000_000
    text = new_run_id()
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert before <= parsed.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_sort_by_the_time_they_were_made() -> None:
    """An id made a millisecond later is greater, and none comes twice."""
    ids = []
    for _ in range(20):
        ids.append(new_run_id())
        time.sleep(0.001)
    assert ids == sorted(set(ids))
    assert len({new_run_id() for _ in range(10_000)}) == 10_000


def test_ids_leave_the_random_state_alone() -> None:
    """A training script that seeded `random` draws the same numbers with and without cardgen."""
    random.seed(1)
    state = random.getstate()
    speakable(new_run_id())
    assert random.getstate() == state


def test_the_name_follows_from_the_id() -> None:
    """The same id has the same name on every machine and in every version."""
    assert speakable("0192f0c4-0000-7000-8000-000000000000") == "steady-owl-3"
    assert re.fullmatch(r"[a-z]+-[a-z]+-[1-9]", speakable("\ud800"))
    assert len({speakable(str(number)) for number in range(1000)}) > 980


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("01a1fbc7-52c4-76bf-be42-29b68524b91c", True),
        ("my_run.2", True),
        ("", False),
        ("../evil", False),
        ("..", False),
        (".hidden", False),
        ("-option", False),
        ("a/b", False),
        ("a\0", False),
        ("ä", False),
        ("a\n", False),
        ("x" * 101, False),
    ],
)
def test_an_id_is_safe_as_a_file_name(text: str, allowed: bool) -> None:
    """What could leave its folder, hide, or be taken for an option is no id."""
    assert is_run_id(text) is allowed
