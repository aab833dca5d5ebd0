"""What a metric counts: a share, of which more is better, or an error, of which less is."""

from __future__ import annotations

_ERRORS = ("mse", "rmse", "mae")


def is_error(metric: str) -> bool:
    """Whether less of it is better.

    >>> is_error("rmse_unseen"), is_error("accuracy")
    (True, False)
    """
    return metric.split("_")[0] in _ERRORS


def goodness(metric: str, value: float) -> float:
    """The higher, the better.

    >>> goodness("rmse", 0.9), goodness("auc", 0.9)
    (-0.9, 0.9)
    """
    return -value if is_error(metric) else value


def shown(metric: str, value: float) -> float:
    """As tables and figures count it: shares in percent, errors in their own unit.

    >>> shown("rmse", 0.9), shown("auc", 0.9)
    (0.9, 90.0)
    """
    return value if is_error(metric) else 100 * value


def unit(*metrics: str) -> str:
    """What stands behind the name of a column that holds these.

    >>> unit("accuracy", "auc"), unit("rmse"), unit("rmse", "accuracy")
    (' (%)', '', ' (errors; others in %)')
    """
    errors = [is_error(metric) for metric in metrics]
    if not any(errors):
        return " (%)"
    return "" if all(errors) else " (errors; others in %)"
