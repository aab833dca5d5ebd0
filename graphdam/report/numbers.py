"""Numbers as people read them: 1.2 M, 81.3 ± 0.5, 8–12, 32× fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphdam.report.metrics import is_error, shown, unit
from graphdam.report.scores import Scores

MISSING = "–"

_METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "f1": "F1",
    "auc": "AUC",
    "roc_auc": "ROC-AUC",
    "ap": "average precision",
    "average_precision": "average precision",
    "nmi": "NMI",
    "mse": "MSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "rmse_warm": "RMSE of warm pairs",
    "rmse_unseen": "RMSE of pairs with an unseen end",
    "rmse_ensemble": "RMSE of several epochs' models together",
}
_MOST_LISTED = 4


def human(count: float) -> str:
    """A count with the two or three digits that matter.

    >>> [human(n) for n in (7, 999, 1234, 23_063, 999_999, 1_200_000)]
    ['7', '999', '1.2 k', '23 k', '1.0 M', '1.2 M']
    """
    if count < 999.5:
        return f"{count:.0f}"
    units = ["k", "M", "G", "T"]
    unit = units.pop(0)
    count /= 1000
    while count >= 999.5 and units:
        unit = units.pop(0)
        count /= 1000
    return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"


def span(values: Sequence[float], text: Callable[[float], str] = human) -> str:
    """The one value, or the smallest and the largest.

    >>> span([8, 12, 9]), span([8, 8]), span([11_200, 11_300, 11_900])
    ('8–12', '8', '11–12 k')
    """
    low, high = text(min(values)), text(max(values))
    if low == high:
        return low
    low_number, _, low_unit = low.partition(" ")
    return f"{low_number}–{high}" if low_unit == high.partition(" ")[2] else f"{low}–{high}"


def widths_text(widths: Sequence[Sequence[int]]) -> str:
    """The width of each layer, as a range over the seeds (one entry of `widths` a seed).

    >>> widths_text([[8, 4], [12, 4]]), widths_text([[8] * 9, [9] * 9])
    ('8–12, 4', '8–9 (9 layers)')
    """
    layers = list(zip(*widths, strict=True))
    if not layers:
        return MISSING
    if len(layers) > _MOST_LISTED:
        return f"{span([width for layer in layers for width in layer], str)} ({len(layers)} layers)"
    return ", ".join(span(layer, str) for layer in layers)


def ratio(value: float) -> str:
    """A factor with the digits that matter.

    >>> ratio(1.034), ratio(3.27), ratio(53.4)
    ('1.03', '3.3', '53')
    """
    if value < 1.095:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def factor(before: float, after: Sequence[float], *, smaller: str, larger: str) -> str:
    """How many times smaller (or larger) each `after` is than `before`.

    >>> factor(256, [8, 12], smaller="narrower", larger="wider")
    '21–32× narrower'
    >>> factor(2.0, [3.0], smaller="faster", larger="slower")
    '1.5× slower'
    """
    if before <= 0 or min(after) <= 0:
        return MISSING
    ratios = [before / value for value in after]
    if all(abs(value - 1) < 0.005 for value in ratios):
        return "the same"
    if min(ratios) >= 1:
        return f"{span(ratios, ratio)}× {smaller}"
    if max(ratios) <= 1:
        return f"{span([1 / value for value in ratios], ratio)}× {larger}"
    return f"{span(ratios, ratio)}× {smaller}"


def value_text(metric: str, value: float, *, beside: float | None = None) -> str:
    """A score without its unit: a share in percent with one digit, an error with three or four.

    Args:
        metric: what is told.
        value: of it.
        beside: the value whose digits it has; None for its own.

    >>> value_text("auc", 0.91449), value_text("rmse", 0.87649), value_text("mse", 0.0712)
    ('91.4', '0.876', '0.0712')
    >>> value_text("mse", 1.3e-7)
    '1.3e-07'
    """
    if not is_error(metric):
        return f"{shown(metric, value):.1f}"
    size = value if beside is None else beside
    return f"{value:{'.3f' if size >= 0.1 else '.4f' if size >= 0.001 else '.1e'}}"


def told(metric: str, value: float) -> str:
    """One score in the middle of a sentence.

    >>> told("accuracy", 0.813), told("rmse", 0.87649)
    ('81.3%', 'RMSE 0.876')
    """
    text = value_text(metric, value)
    return f"{metric_text(metric)} {text}" if is_error(metric) else f"{text}%"


def score_text(scores: Scores) -> str:
    """The mean, with the deviation where there are several seeds: a share in percent.

    >>> score_text(Scores.of("accuracy", [0.808, 0.818])), score_text(Scores.of("mae", [0.813]))
    ('81.3 ± 0.7', '0.813')
    >>> score_text(Scores.of("mse", [0.0712, 0.0731]))
    '0.0721 ± 0.0013'
    """
    mean = value_text(scores.metric, scores.mean)
    if scores.std is None:
        return mean
    return f"{mean} ± {value_text(scores.metric, scores.std, beside=scores.mean)}"


def difference_in(metric: str, difference: float) -> str:
    """A difference of two scores with its sign: of shares in percentage points.

    >>> difference_in("auc", 0.0123), difference_in("auc", -0.0001), difference_in("mae", -0.0123)
    ('+1.2', '0.0', '−0.0123')
    """
    text = f"{abs(difference):.4f}" if is_error(metric) else value_text(metric, abs(difference))
    if float(text) == 0:
        return text
    return f"+{text}" if difference > 0 else f"−{text}"


def points(difference: float) -> str:
    """A difference of two fractions in percentage points, with its sign.

    >>> points(0.0123), points(-0.0123), points(-0.0001)
    ('+1.2', '−1.2', '0.0')
    """
    return difference_in("accuracy", difference)


def part_of(further: str) -> str:
    """The part of the split that a further score is about, "" for all nodes.

    >>> part_of("macro_f1"), part_of("nmi")
    ('test', '')
    """
    return "" if further == "nmi" else "test"


def milliseconds(value: float) -> str:
    """A time with two digits, three from 100 ms on.

    >>> milliseconds(0.3118), milliseconds(3.31), milliseconds(164.2)
    ('0.31', '3.3', '164')
    """
    if value < 0.995:
        return f"{value:.2g}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def p_value(p: float) -> str:
    """A p-value as it is printed.

    >>> p_value(0.0321), p_value(0.0004)
    ('p = 0.032', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def seeds_text(seeds: Sequence[int]) -> str:
    """The seeds, as a range where none is left out.

    >>> seeds_text([0, 1, 2, 3]), seeds_text([3]), seeds_text([4, 0, 9])
    ('seeds 0–3', 'seed 3', 'seeds 0, 4, 9')
    """
    ordered = sorted(seeds)
    if len(ordered) == 1:
        return f"seed {ordered[0]}"
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"seeds {ordered[0]}–{ordered[-1]}"
    return f"seeds {', '.join(str(seed) for seed in ordered)}"


def metric_text(metric: str) -> str:
    """A metric under the name that people know it by.

    >>> metric_text("roc_auc"), metric_text("hits_at_10")
    ('ROC-AUC', 'Hits@10')
    """
    if metric.startswith("hits_at_"):
        return metric.replace("hits_at_", "Hits@")
    return _METRICS.get(metric, metric.replace("_", " "))


def metric_label(metric: str) -> str:
    """A metric's name with its unit, as a column of scores is headed.

    >>> metric_label("roc_auc"), metric_label("mse")
    ('ROC-AUC (%)', 'MSE')
    """
    return f"{metric_text(metric)}{unit(metric)}"
