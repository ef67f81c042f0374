"""The operators that the CUDA backend has kernels for, as //ops:ops.bzl lists all."""

OPS = {
    "attention": "Attention",
    "layer_norm": "LayerNorm",
    "linear": "Linear",
    "matmul": "MatMul",
}

DROPPOS_OPS = {
    "mask_sample": "MaskSample",
}
