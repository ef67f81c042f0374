"""The operators that the CUDA backend has kernels for, as //ops:ops.bzl lists all."""

OPS = {
    "adamw": "AdamW",
    "add": "Add",
    "add_layer_norm": "AddLayerNorm",
    "bias_add": "BiasAdd",
    "cast": "Cast",
    "clip_factors": "ClipFactors",
    "commit": "Commit",
    "fill": "Fill",
    "gelu": "Gelu",
    "grad_norm": "GradNorm",
    "increment": "Increment",
    "initialize": "Initialize",
    "layer_norm": "LayerNorm",
    "scale": "Scale",
    "softmax_cross_entropy": "SoftmaxCrossEntropy",
    "stop_gradient": "StopGradient",
}

DROPPOS_OPS = {
    "mask_sample": "MaskSample",
}
