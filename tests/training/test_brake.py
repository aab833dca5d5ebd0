"""Does the brake hold while a student is too far away, and relieve one that decay keeps there?"""

from __future__ import annotations

import pytest

from graphdam.training.brake import Brake


def test_it_holds_and_lets_go() -> None:
    brake = Brake(tolerance=1.0)
    assert not brake.holds  # nothing has been observed
    brake.observe(gap_of_student=2.0, gap_of_teacher=1.0)
    # 2 · 0.9ⁿ falls below 1 at n = 7, since 0.9⁶ = 0.531
    held = []
    for _ in range(8):
        held.append(brake.holds)
        brake.observe(gap_of_student=0.0, gap_of_teacher=1.0)
    assert held == [True] * 7 + [False]
    assert brake.gap_of_student == pytest.approx(2 * 0.9**8)
    assert brake.gap_of_teacher == pytest.approx(1.0)


def test_the_tolerance_scales_the_teachers_spread() -> None:
    tight, even, loose = Brake(1.0), Brake(2.0), Brake(3.0)
    for brake in (tight, even, loose):
        brake.observe(gap_of_student=2.0, gap_of_teacher=1.0)
    assert (tight.holds, even.holds, loose.holds) == (True, False, False)


def test_relief_ends_when_the_student_has_come_close_enough() -> None:
    brake = Brake(tolerance=1.0, relief=0.1)
    for _ in range(3):
        brake.observe(gap_of_student=2.0, gap_of_teacher=1.0)
        brake.relieve()
    assert brake.decay == pytest.approx(0.9**3)
    for _ in range(20):
        brake.observe(gap_of_student=0.0, gap_of_teacher=1.0)
    brake.relieve()
    for _ in range(50):  # far again, but now for lack of channels
        brake.observe(gap_of_student=9.0, gap_of_teacher=1.0)
        brake.relieve()
    assert brake.holds
    assert brake.decay == pytest.approx(0.9**3)


def test_relief_leaves_some_decay() -> None:
    brake = Brake(tolerance=1.0, relief=0.1)
    for _ in range(1000):
        brake.observe(gap_of_student=9.0, gap_of_teacher=1.0)
        brake.relieve()
    assert brake.decay == 0.01


def test_without_a_teacher_nothing_is_relieved() -> None:
    brake = Brake(tolerance=1.0)
    brake.relieve()
    assert (brake.holds, brake.decay) == (False, 1.0)


def test_it_is_restored_whole() -> None:
    first, second = Brake(1.0, relief=0.1), Brake(1.0, relief=0.1)
    for _ in range(3):
        first.observe(gap_of_student=2.0, gap_of_teacher=1.0)
        first.relieve()
    second.restore(first.values())
    for brake in (first, second):
        brake.observe(gap_of_student=9.0, gap_of_teacher=1.0)
        brake.relieve()
    assert vars(first) == vars(second)
