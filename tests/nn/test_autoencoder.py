"""Is the autoencoder its formula, and is only its code gated?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from graphdam.errors import SettingsError
from graphdam.gates import DAMGate
from graphdam.nn import Autoencoder, ImageModel

ARGUMENTS = {"in_channels": 12, "code_channels": 6, "encoder_channels": [8, 7]}


def test_an_mnist_autoencoder_has_the_papers_layers() -> None:
    linear = [m for m in Autoencoder(784).modules() if isinstance(m, nn.Linear)]
    widths = [784, 128, 64, 32, 50, 32, 64, 128, 784]
    assert [m.in_features for m in linear] == widths[:-1]
    assert [m.out_features for m in linear] == widths[1:]
    assert all(m.bias is not None for m in linear)


def test_the_outputs_are_the_formula() -> None:
    torch.manual_seed(0)
    net: Any = Autoencoder(12, 4, [8])
    x = torch.randn(5, 3, 4)
    first, code = net.encoder[1], net.to_code
    inner, last = net.decoder[0], net.decoder[2]
    z = torch.relu(x.flatten(1) @ first.weight.T + first.bias) @ code.weight.T + code.bias
    hidden = torch.relu(z @ inner.weight.T + inner.bias)
    expected = torch.tanh(hidden @ last.weight.T + last.bias)
    torch.testing.assert_close(net(x), expected)
    torch.testing.assert_close(net.embed(x), z)


def test_without_hidden_layers_both_halves_are_linear_maps() -> None:
    net: Any = Autoencoder(12, 4, [], act_out=None)
    assert [name for name, _ in net.named_parameters()] == ["to_code.weight", "decoder.0.weight"]
    x = torch.randn(5, 12)
    expected = x @ net.to_code.weight.T @ net.decoder[0].weight.T
    torch.testing.assert_close(net(x), expected)


def test_a_quadratic_decoder_is_its_formula() -> None:
    net: Any = Autoencoder(12, 4, [8], act_out=None, decoder="quadratic").decoder
    layer, z = net[0], torch.randn(5, 4)
    left = z @ layer.left.weight.T + layer.left.bias
    expected = left * (z @ layer.right.weight.T) + z @ layer.linear.weight.T + layer.linear.bias
    torch.testing.assert_close(net(z), expected)


def test_only_the_code_is_gated_and_its_open_channels_stay() -> None:
    torch.manual_seed(0)
    wide = ImageModel.wide("autoencoder", ARGUMENTS, (12,))
    assert wide.widths == [6]
    gated, x = wide.gated(lambda n: DAMGate(n, initial_offset=-2.0)).eval(), torch.randn(9, 12)
    compact = gated.compact()
    assert gated.widths == compact.widths == [3]
    assert isinstance(compact.net, Autoencoder)
    assert compact.net.to_code.out_features == compact.net.decoder[0].in_features == 3
    assert [m.out_features for m in compact.net.encoder if isinstance(m, nn.Linear)] == [8, 7]
    torch.testing.assert_close(compact.embed(x), wide.embed(x)[:, :3])
    torch.testing.assert_close(compact(x), gated(x))


def test_what_writes_no_code_says_so() -> None:
    wide = ImageModel.wide("autoencoder", ARGUMENTS, (12,))
    with pytest.raises(SettingsError, match="writes no code: an autoencoder does, once it is"):
        wide.gated(DAMGate).embed(torch.zeros(1, 12))
    mlp = {"in_channels": 12, "hidden_channels": [4], "out_channels": 2}
    with pytest.raises(SettingsError) as error:
        ImageModel.wide("mlp", mlp, (1, 3, 4)).embed(torch.zeros(1, 1, 3, 4))
    assert str(error.value) == (
        "MLP(widths 4) writes no code: an autoencoder does, once it is compact."
    )


def test_a_quadratic_decoder_has_no_layers() -> None:
    with pytest.raises(SettingsError) as error:
        Autoencoder(12, 4, [8], [8], decoder="quadratic")
    assert str(error.value) == (
        "A quadratic decoder is one layer; received decoder_channels [8]: leave them out, or take "
        "decoder='layers'."
    )
