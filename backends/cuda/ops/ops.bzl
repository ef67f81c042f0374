"""The operators that only the CUDA backend's passes make, as //ops:ops.bzl lists the core's."""

OPS = {
    "linear_gelu": "LinearGelu",
    "linear_residual": "LinearResidual",
    "linear_weight_grad": "LinearWeightGrad",
}
