"""Records of runs, and the tables and pictures made of them.

Nothing here needs torch, so that `graphdam report` answers at once. Pictures are in
`graphdam.report.figures`, which loads matplotlib only when it draws.
"""

from graphdam.report.before_after import before_after, deviation_line, run_title
from graphdam.report.bench_folder import BenchFolder, BenchPlan, CellPlan, MissingCell
from graphdam.report.caption import caption, notes
from graphdam.report.collect import Collected, collect
from graphdam.report.comparison import PairedDifference, comparison, paired_difference
from graphdam.report.figures import (
    draw_curves,
    draw_frontier,
    draw_gates,
    draw_prefixes,
    draw_run,
    draw_systems,
)
from graphdam.report.history import HISTORY_FILE, HistoryLine, read_history
from graphdam.report.hours import hours
from graphdam.report.leaderboard import on_leaderboard, submission
from graphdam.report.merge import merge_records
from graphdam.report.methods import method_name, wide_alone
from graphdam.report.missing import with_missing
from graphdam.report.page import Group, group_records, write_group
from graphdam.report.pareto import pareto_front
from graphdam.report.prefixes import prefix_table
from graphdam.report.record import RunRecord
from graphdam.report.record_file import RECORD_FILE, read_record, write_record, write_record_file
from graphdam.report.record_parts import Latency, Prefix, Reduction, Sparsity, WideReference
from graphdam.report.reproduction import Reference, is_alike, read_references, reproduction
from graphdam.report.scores import Scores
from graphdam.report.summary import summary
from graphdam.report.sweep import sweep
from graphdam.report.table import TextTable, to_csv, to_markdown, to_rich, without
from graphdam.report.verdict import RULE, Verdict, verdict

__all__ = [
    "HISTORY_FILE",
    "RECORD_FILE",
    "RULE",
    "BenchFolder",
    "BenchPlan",
    "CellPlan",
    "Collected",
    "Group",
    "HistoryLine",
    "Latency",
    "MissingCell",
    "PairedDifference",
    "Prefix",
    "Reduction",
    "Reference",
    "RunRecord",
    "Scores",
    "Sparsity",
    "TextTable",
    "Verdict",
    "WideReference",
    "before_after",
    "caption",
    "collect",
    "comparison",
    "deviation_line",
    "draw_curves",
    "draw_frontier",
    "draw_gates",
    "draw_prefixes",
    "draw_run",
    "draw_systems",
    "group_records",
    "hours",
    "is_alike",
    "merge_records",
    "method_name",
    "notes",
    "on_leaderboard",
    "paired_difference",
    "pareto_front",
    "prefix_table",
    "read_history",
    "read_record",
    "read_references",
    "reproduction",
    "run_title",
    "submission",
    "summary",
    "sweep",
    "to_csv",
    "to_markdown",
    "to_rich",
    "verdict",
    "wide_alone",
    "with_missing",
    "without",
    "write_group",
    "write_record",
    "write_record_file",
]
