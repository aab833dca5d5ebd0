"""Records of runs, and the tables and pictures made of them.

Nothing here needs torch, so that `graphdam report` answers at once. Pictures are in
`graphdam.report.figures`, which loads matplotlib only when it draws.
"""

from graphdam.report.before_after import before_after, deviation_line
from graphdam.report.caption import caption
from graphdam.report.comparison import (
    PairedDifference,
    comparison,
    method_name,
    paired_difference,
    wide_alone,
)
from graphdam.report.figures import (
    draw_curves,
    draw_frontier,
    draw_gates,
    draw_prefixes,
    draw_run,
)
from graphdam.report.history import HISTORY_FILE, HistoryLine, read_history
from graphdam.report.prefixes import prefix_table
from graphdam.report.record import (
    RECORD_FILE,
    Latency,
    Prefix,
    RunRecord,
    WideReference,
    read_record,
    write_record,
)
from graphdam.report.scores import Scores
from graphdam.report.table import TextTable, to_csv, to_markdown, to_rich

__all__ = [
    "HISTORY_FILE",
    "RECORD_FILE",
    "HistoryLine",
    "Latency",
    "PairedDifference",
    "Prefix",
    "RunRecord",
    "Scores",
    "TextTable",
    "WideReference",
    "before_after",
    "caption",
    "comparison",
    "deviation_line",
    "draw_curves",
    "draw_frontier",
    "draw_gates",
    "draw_prefixes",
    "draw_run",
    "method_name",
    "paired_difference",
    "prefix_table",
    "read_history",
    "read_record",
    "to_csv",
    "to_markdown",
    "to_rich",
    "wide_alone",
    "write_record",
]
