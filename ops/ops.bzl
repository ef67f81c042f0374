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
    "bias_add": "BiasAdd",
    "cast": "Cast",
    "clip_factors": "ClipFactors",
    "commit": "Commit",
    "drop_path_scales": "DropPathScales",
    "fill": "Fill",
    "gather_rows": "GatherRows",
    "gelu": "Gelu",
    "grad_norm": "GradNorm",
    "increment": "Increment",
    "initialize": "Initialize",
    "layer_norm": "LayerNorm",
    "linear": "Linear",
    "matmul": "MatMul",
    "mean_rows": "MeanRows",
    "mix_images": "MixImages",
    "patchify": "Patchify",
    "prepend_token": "PrependToken",
    "resize_rows": "ResizeRows",
    "scale": "Scale",
    "scale_images": "ScaleImages",
    "slice_rows": "SliceRows",
    "softmax_cross_entropy": "SoftmaxCrossEntropy",
    "stop_gradient": "StopGradient",
    "sum_to_shape": "SumToShape",
    "topk_correct": "TopKCorrect",
}
