"""The core operators: the stem of their files, and <Name> of their functions Register<Name>.

A new operator is a line here and six files: ops/<stem>.{h,cc},
backends/{cpu,cuda,reference}/<stem>.cc and tests/ops/<stem>_test.cc.
"""

OPS = {
    "adamw": "AdamW",
    "add": "Add",
    "add_layer_norm": "AddLayerNorm",
    "append_to_window": "AppendToWindow",
    "attention": "Attention",
    "batch_norm": "BatchNorm",
    "bias_add": "BiasAdd",
    "cast": "Cast",
    "clip_factors": "ClipFactors",
    "commit": "Commit",
    "fill": "Fill",
    "gather_rows": "GatherRows",
    "gelu": "Gelu",
    "grad_norm": "GradNorm",
    "increment": "Increment",
    "initialize": "Initialize",
    "lars": "Lars",
    "layer_norm": "LayerNorm",
    "linear": "Linear",
    "matmul": "MatMul",
    "patchify": "Patchify",
    "prepend_token": "PrependToken",
    "scale": "Scale",
    "slice_rows": "SliceRows",
    "softmax_cross_entropy": "SoftmaxCrossEntropy",
    "stop_gradient": "StopGradient",
    "sum_to_shape": "SumToShape",
}
