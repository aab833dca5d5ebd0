"""Follow the channels of somebody's own model, found by `torch.fx`."""
