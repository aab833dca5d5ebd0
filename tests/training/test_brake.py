"""Does the brake turn λ with the distance, and relieve a student that decay keeps away?"""

from __future__ import annotations

import pytest

from graphdam.training.brake import Brake


def brake(
    tolerance: float = 1.0, loss: float = 0.25, errors: float = 1.0, relief: float = 0.1
) -> Brake:
    return Brake(tolerance=tolerance, loss=loss, errors=errors, relief=relief)


def look(
    brake: Brake,
    student: float,
    *,
    teacher: float | None = 1.0,
    information: float = 100.0,
    shortfall: float = 0.0,
) -> None:
    brake.observe(
        gap_of_student=student,
        gap_of_teacher=teacher,
        information=information,
        shortfall=shortfall,
    )


@pytest.mark.parametrize(
    ("student", "pressure"),
    [(0.0, 1.0), (0.5, 1.0), (0.75, 0.5), (1.0, 0.0), (1.25, -0.5), (1.5, -1.0), (9.0, -1.0)],
)
def test_the_pressure_falls_with_the_distance_and_turns_around(
    student: float, pressure: float
) -> None:
    one = brake()
    assert one.pressure == 1.0  # nothing has been observed
    look(one, student)
    assert one.pressure == pytest.approx(pressure)
    assert one.holds == (pressure < 0)


def test_the_nearer_of_two_limits_counts() -> None:
    noisy, quiet = brake(tolerance=2.0, loss=0.5), brake(tolerance=2.0, loss=0.5)
    look(noisy, 0.75, teacher=10.0, information=2.0)  # 0.5 · 2 = 1 is less than 2 · 10
    look(quiet, 0.75, teacher=0.5, information=10.0)  # 2 · 0.5 = 1 is less than 0.5 · 10
    assert noisy.pressure == quiet.pressure == pytest.approx(0.5)


def test_beside_a_teacher_that_nothing_disturbs_a_student_is_its_own_unit() -> None:
    one = brake(tolerance=2.0, loss=0.5)
    for distance in [8.0] * 60 + [1.0] * 200:
        look(one, distance, teacher=None)
    assert one.least_gap == pytest.approx(1.0)
    assert one.pressure == pytest.approx(1.0)
    for _ in range(200):
        look(one, 1.5, teacher=None)
    assert one.pressure == pytest.approx(2 * (1 - 1.5 / 2))
    for _ in range(200):
        look(one, 2.5, teacher=None)
    assert one.pressure == pytest.approx(2 * (1 - 2.5 / 2))
    another = brake(tolerance=2.0, loss=0.5)
    another.restore(one.values())
    assert another.pressure == one.pressure
    untold = brake()
    untold.restore(brake().values())
    assert untold.pressure == 1.0


@pytest.mark.parametrize(
    ("shortfall", "pressure"),
    [(-3.0, 1.0), (0.4, 1.0), (0.75, 0.5), (1.0, 0.0), (1.25, -0.5), (4.0, -1.0)],
)
def test_validation_turns_it_around_where_its_verdict_is_beyond_doubt(
    shortfall: float, pressure: float
) -> None:
    near, far = brake(errors=2.0), brake(errors=2.0)
    look(near, 0.1, shortfall=2 * shortfall)
    assert near.pressure == pytest.approx(pressure)
    look(far, 1.25, shortfall=2 * shortfall)  # the worse of the two counts
    assert far.pressure == pytest.approx(min(pressure, -0.5))


def test_a_teacher_without_spread_allows_no_distance() -> None:
    one = brake()
    look(one, 0.0, teacher=0.0)
    assert one.pressure == -1.0
    look(one, 1e-9, teacher=0.0)
    assert one.holds


def test_a_teacher_is_drowned_where_dropout_hides_too_much_of_what_it_tells() -> None:
    assert brake().is_teacher_drowned  # nothing has been observed
    one = brake(loss=0.25)
    look(one, 0.0, teacher=1.0, information=5.0)
    assert not one.is_teacher_drowned
    other = brake(loss=0.25)
    look(other, 0.0, teacher=1.0, information=3.0)
    assert other.is_teacher_drowned


def test_distances_are_moving_averages() -> None:
    one = brake()
    look(one, 2.0)
    for _ in range(8):
        look(one, 0.0)
    assert one.gap_of_student == pytest.approx(2 * 0.9**8)
    assert one.gap_of_teacher == pytest.approx(1.0)


def test_relief_ends_when_the_student_has_come_close_enough() -> None:
    one = brake()
    for _ in range(3):
        look(one, 2.0)
        one.relieve()
    assert one.decay == pytest.approx(0.9**3)
    for _ in range(20):
        look(one, 0.0)
    one.relieve()
    for _ in range(50):  # far again, but now for lack of channels
        look(one, 9.0)
        one.relieve()
    assert one.holds
    assert one.decay == pytest.approx(0.9**3)
    one.relieve(again=True)
    assert one.decay == pytest.approx(0.9**4)


def test_relief_leaves_some_decay() -> None:
    one = brake()
    for _ in range(1000):
        look(one, 9.0)
        one.relieve()
    assert one.decay == 0.01


def test_without_a_teacher_nothing_is_relieved() -> None:
    one = brake()
    one.relieve()
    assert (one.pressure, one.holds, one.decay) == (1.0, False, 1.0)


def test_it_is_restored_whole() -> None:
    first, second = brake(), brake()
    for _ in range(3):
        look(first, 2.0)
        first.relieve()
    second.restore(first.values())
    for one in (first, second):
        look(one, 9.0)
        one.relieve()
    assert vars(first) == vars(second)
