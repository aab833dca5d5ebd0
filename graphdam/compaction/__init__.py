"""Open channels → a smaller model that computes the same. Knows torch and nothing of graphs."""

from graphdam.compaction.apply import apply_plan
from graphdam.compaction.attach import attach_gates
from graphdam.compaction.compact import compact_model
from graphdam.compaction.deviation import deviation, difference
from graphdam.compaction.gated import GatedModel
from graphdam.compaction.group import ChannelGroup, Consumer
from graphdam.compaction.plan import CompactionPlan, LayerPlan, TensorPlan, plan_compaction
from graphdam.compaction.saved import load_compact, save_compact
from graphdam.compaction.slicing import (
    even_blocks,
    num_inputs,
    num_outputs,
    select,
    shallow,
    slice_in,
    slice_out,
)
from graphdam.compaction.slicing_conv import is_depthwise
from graphdam.compaction.slicing_norm import absorbs_nothing, mixing_norm
from graphdam.compaction.tracing.layout import Layout, TracedGroup

__all__ = [
    "ChannelGroup",
    "CompactionPlan",
    "Consumer",
    "GatedModel",
    "LayerPlan",
    "Layout",
    "TensorPlan",
    "TracedGroup",
    "absorbs_nothing",
    "apply_plan",
    "attach_gates",
    "compact_model",
    "deviation",
    "difference",
    "even_blocks",
    "is_depthwise",
    "load_compact",
    "mixing_norm",
    "num_inputs",
    "num_outputs",
    "plan_compaction",
    "save_compact",
    "select",
    "shallow",
    "slice_in",
    "slice_out",
]
