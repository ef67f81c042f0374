"""The operators that the CUDA backend has kernels for, as //ops:ops.bzl lists all."""

OPS = {
    "layer_norm": "LayerNorm",
}

DROPPOS_OPS = {
    "mask_sample": "MaskSample",
    "pixel_loss": "PixelLoss",
    "position_weights": "PositionWeights",
    "random_order": "RandomOrder",
    "smoothed_position_ce": "SmoothedPositionCE",
}
