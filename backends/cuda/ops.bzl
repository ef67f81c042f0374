"""The operators that the CUDA backend has kernels for, as //ops:ops.bzl lists all."""

OPS = {
    "append_to_window": "AppendToWindow",
    "attention": "Attention",
    "gather_rows": "GatherRows",
    "layer_norm": "LayerNorm",
    "linear": "Linear",
    "matmul": "MatMul",
    "patchify": "Patchify",
    "prepend_token": "PrependToken",
    "slice_rows": "SliceRows",
    "sum_to_shape": "SumToShape",
}

DROPPOS_OPS = {
    "embedding_drop": "EmbeddingDrop",
    "mask_sample": "MaskSample",
    "pixel_loss": "PixelLoss",
    "position_weights": "PositionWeights",
    "random_order": "RandomOrder",
    "smoothed_position_ce": "SmoothedPositionCE",
    "restore_rows": "RestoreRows",
}
