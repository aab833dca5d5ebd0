"""How each method looks: the same colour and mark on every figure, whatever stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphdam.report.figures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    MARKERS,
    NAVY,
    ORANGE,
    PALETTE,
    PURPLE,
    SKY,
    YELLOW,
)


@dataclass(frozen=True)
class Style:
    """What a line is drawn with; `front` lies over the others."""

    colour: str
    marker: str
    size: float = 5.5
    dashes: str = "-"
    front: bool = False


_KNOWN = {
    # graphdam in blues, as the student in `curves.png`
    "DAM + teacher": Style(NAVY, "*", size=12, front=True),
    "DAM + teacher, width set": Style(BLUE, "o", size=6, front=True),
    "narrow + teacher": Style(SKY, "s"),
    "trained alone": Style(ORANGE, "D"),
    "trained alone, ReLU": Style(ORANGE, "v", size=6.5),
    "trained alone, MinGE's width": Style(ORANGE, "P", size=7),
    "nested losses": Style(GREEN, "^", size=6.5),
    "L1 gate": Style(PURPLE, "v", size=6),
    "L0 gate": Style(YELLOW, "X", size=6.5),
    "DAM (paper's recipe)": Style(BLACK, "<", size=6),
    "PCA of wide (output only)": Style(PURPLE, "p", size=6.5),
    "columns of wide (output only)": Style(YELLOW, "h", size=6.5),
    "random weights": Style(BLACK, "X", size=6.5),
    "trained alone, filters removed": Style(ORANGE, "<", size=6, dashes="--"),
    "trained alone, split by SVD": Style(ORANGE, "s", dashes=":"),
    "trained alone, smallest masked": Style(ORANGE, "X", size=6.5, dashes="--"),
    "Frank-Wolfe": Style(GREEN, "D"),
    "Frank-Wolfe, filters removed": Style(GREEN, "v", size=6, dashes="--"),
    "Frank-Wolfe, spectral-k-support": Style(GREEN, "h", size=6.5),
    "Frank-Wolfe, split by SVD, spectral-k-support": Style(GREEN, "s", dashes=":"),
    "irrelevance (masks)": Style(PURPLE, "o"),
    "ASWL (masks)": Style(SKY, "^", size=6.5),
}


def styles_of(methods: Sequence[str]) -> dict[str, Style]:
    """The style of each method, in the order in which a legend names them.

    Known ones come first, in their own order. The others take colours in turn, with dashes once
    every colour has been used.
    """
    known = [name for name in _KNOWN if name in methods]
    others = [name for name in dict.fromkeys(methods) if name not in _KNOWN]
    styles = {name: _KNOWN[name] for name in known}
    for at, name in enumerate(others):
        again, colour = at // len(PALETTE), PALETTE[at % len(PALETTE)]
        marker = MARKERS[(at + again) % len(MARKERS)]
        styles[name] = Style(colour, marker, dashes="--" if again or known else "-")
    return styles
