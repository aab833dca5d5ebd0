"""How narrow a record is, as one number, and whether its encoder is or only its output."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean

from graphdam.report.methods import setting_of
from graphdam.report.record import RunRecord


def shown_width(record: RunRecord) -> float:
    """The width that a record stands at in figures: that of the embedding, where one is learnt.

    The geometric mean over seeds and, where no embedding is learnt, layers; 0 without such. A
    branch that vanished counts as one channel.
    """
    if record.output_cut_to is not None:
        return float(record.output_cut_to)
    layers = slice(-1, None) if record.learns_embedding else slice(None)
    logs = [math.log2(max(1, width)) for widths in record.widths for width in widths[layers]]
    return float(2 ** fmean(logs)) if logs else 0.0


def narrower_part(record: RunRecord, records: Iterable[RunRecord]) -> str | None:
    """What became narrower, "encoder" or "output only"; `None` for the widest in its setting.

    Only a narrower encoder costs less.
    """
    if record.output_cut_to is not None:
        return "output only"
    others = [other for other in records if setting_of(other) == setting_of(record)]
    widest = max(sum(other.start_widths) for other in [*others, record])
    is_wide = all(sum(widths) >= widest for widths in record.widths)
    return None if is_wide else "encoder"
