"""Are crops and flips what a loop over the images would make of them?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from graphdam.data.crops import crop_and_flip


def images(count: int) -> Tensor:
    """Every pixel has another value, so that a place tells where it came from."""
    return torch.arange(1, count * 2 * 6 * 5 + 1, dtype=torch.float32).view(count, 2, 6, 5)


def windows(image: Tensor, padding: int) -> list[Tensor]:
    """All that an image can become."""
    padded = F.pad(image, (padding,) * 4)
    found = []
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            window = padded[:, top : top + image.size(1), left : left + image.size(2)]
            found += [window, window.flip(-1)]
    return found


def test_every_image_becomes_one_of_its_own_windows() -> None:
    given = images(20)
    for before, after in zip(given, crop_and_flip(given, padding=2), strict=True):
        assert any(torch.equal(after, window) for window in windows(before, 2))


def test_all_windows_come_up_about_equally_often() -> None:
    torch.manual_seed(0)
    image = images(1)
    drawn = crop_and_flip(image.expand(9000, -1, -1, -1), padding=1)
    counts = [int((drawn == window).all(dim=(1, 2, 3)).sum()) for window in windows(image[0], 1)]
    assert sum(counts) == 9000
    assert 400 < min(counts) < 500 < max(counts) < 600


def test_without_padding_an_image_is_only_mirrored_and_bytes_stay_bytes() -> None:
    given = images(2)[:, :1].byte()
    made = crop_and_flip(given, padding=0)
    assert made.dtype == torch.uint8
    for before, after in zip(given, made, strict=True):
        assert torch.equal(after, before) or torch.equal(after, before.flip(-1))


def test_without_flips_an_image_is_only_moved() -> None:
    given = images(20)
    for before, after in zip(given, crop_and_flip(given, padding=2, flips=False), strict=True):
        assert any(torch.equal(after, window) for window in windows(before, 2)[::2])


def test_a_seed_draws_the_same_crops() -> None:
    given, made = images(8), []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        made.append(crop_and_flip(given))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
