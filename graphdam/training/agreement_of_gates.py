"""Which settings of gates, teachers and widths contradict each other."""

from __future__ import annotations

from graphdam.training.setting_fields import SettingFields


def require_agreeing_gates(settings: SettingFields) -> None:
    """Refuse settings of gates, their teacher and their widths that cannot all be meant.

    Raises:
        ValueError: what contradicts what, and which of them to leave out.
    """
    _require_gates(settings)
    if settings.gate is None:
        return
    has_start = settings.kind in ("graphs", "ratings")
    if has_start:
        _require_widths(settings)
    if settings.kind == "graphs":
        _require_target(settings)
    else:
        _require_open_layers(settings)
    if has_start:
        _require_spread(settings)


def numbers(values: tuple[int, ...]) -> str:
    """As `--target-width` takes them."""
    return ",".join(map(str, values))


def _require_gates(settings: SettingFields) -> None:
    """What needs gates has them, and they have time to move."""
    if settings.gate is not None and settings.width_rule is not None:
        raise ValueError(
            f"width_rule='{settings.width_rule}' is for models trained alone, and "
            f"gate='{settings.gate}' learns a width: leave one of them out"
        )
    if settings.imitation_shift and not (settings.teacher and settings.gate):
        raise ValueError(
            f"imitation_shift={settings.imitation_shift} is for a gated model beside a teacher, "
            f"and there is none: leave it out"
        )
    if settings.teacher_from is not None and not (settings.teacher and settings.gate):
        raise ValueError(
            f"teacher_from='{settings.teacher_from}' is for a gated model beside a teacher, and "
            f"there is none: leave it out, or take recipe 'default'"
        )
    if settings.teacher_from is not None and settings.memory_budget is not None:
        raise ValueError(
            f"memory_budget={settings.memory_budget:g} is kept by an estimate that knows no "
            f"teacher from elsewhere: give batch_size, or neither to read the whole graph"
        )
    if settings.gate is None:
        limits = ("target_width", "max_parameters", "max_multiply_adds")
        for name in (*limits, "gate_output", "nested"):
            if getattr(settings, name):
                raise ValueError(
                    f"{name} needs gates, and recipe '{settings.recipe}' has none: leave it "
                    f"out, or take another recipe"
                )
        return
    if settings.gate != "dam" and not settings.learns_width:
        raise ValueError(
            f"gate='{settings.gate}' learns its width under λ and cannot be sent to one: leave "
            f"target_width, max_parameters and max_multiply_adds out, or take gate='dam'"
        )
    is_plain = settings.gate == "dam" and not settings.teacher and settings.learns_width
    if settings.nested and not is_plain:
        raise ValueError(
            "nested=True trains prefixes of one model, to be cut off afterwards: it needs "
            "gate='dam', teacher=False, and neither target_width nor a budget"
        )
    if settings.gate_end < settings.gate_begin:
        raise ValueError(
            f"gate_end={settings.gate_end} lies before gate_begin={settings.gate_begin}: the width "
            f"must have time to move"
        )
    if settings.teacher and settings.teacher_rests_from == 0 < settings.teacher_end:
        raise ValueError(
            f"teacher_end={settings.teacher_end:g} lets the teacher rest before its first step: "
            f"give a later share of the {settings.epochs} epochs, or 0 if it is trained already"
        )


def _require_open_layers(settings: SettingFields) -> None:
    """A target leaves every layer of a model of images or ratings something to read."""
    if settings.target_width is not None and min(settings.target_width) < 1:
        raise ValueError(
            f"target_width={numbers(settings.target_width)} leaves a layer without channels: the "
            f"smallest is 1"
        )


def _require_widths(settings: SettingFields) -> None:
    """The widths at the start hold those at the end."""
    if settings.min_width > settings.start_width:
        raise ValueError(
            f"min_width={settings.min_width} is above start_width={settings.start_width}: at most "
            f"the start width can stay open"
        )
    makes_teacher = settings.teacher and not settings.teacher_was_trained
    if makes_teacher and settings.hidden_channels < settings.start_width:
        raise ValueError(
            f"the teacher's hidden_channels={settings.hidden_channels} is narrower than "
            f"start_width={settings.start_width}: a teacher is at least as wide as its student"
        )


def _require_spread(settings: SettingFields) -> None:
    """The brake on the widths has something to measure by."""
    presses = settings.learns_width and settings.penalty_weight > 0
    needs_spread = settings.teacher and presses and not settings.learns_embedding
    other = "adjacency_dropout" if settings.kind == "ratings" else "feature_dropout"
    if needs_spread and settings.dropout + getattr(settings, other) == 0:
        raise ValueError(
            f"dropout=0 and {other}=0 leave the teacher without a spread to measure the "
            "gated model's distance by, so the width would never shrink: set one of them, or a "
            "target_width"
        )


def _require_target(settings: SettingFields) -> None:
    """A target names widths that the layers can end at."""
    if settings.target_width is None:
        return
    if settings.limits:
        raise ValueError(
            f"target_width={numbers(settings.target_width)} and "
            f"{' and '.join(f'max_{kind}' for kind in settings.limits)} both decide the widths: "
            f"give one of them"
        )
    if settings.num_hidden == 0:
        raise ValueError(
            f"target_width={numbers(settings.target_width)} is for hidden layers, and a model "
            f"with num_layers=1 has none"
        )
    if not all(1 <= width <= settings.start_width for width in settings.target_width):
        raise ValueError(
            f"target_width={numbers(settings.target_width)} must lie between 1 and "
            f"start_width={settings.start_width}: channels only close"
        )
    if settings.learns_embedding and settings.target_width[-1] > settings.embedding_width:
        raise ValueError(
            f"target_width={numbers(settings.target_width)} is above "
            f"embedding_channels={settings.embedding_width} in the last layer: channels only close"
        )
    if len(settings.target_width) not in (1, settings.num_hidden):
        raise ValueError(
            f"target_width={numbers(settings.target_width)} must be one number or one for each of "
            f"the {settings.num_hidden} hidden layers"
        )
