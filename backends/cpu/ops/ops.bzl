"""The operators that only the CPU's passes make, as //ops:ops.bzl lists the core's."""

OPS = {
    "gelu_with_derivative": "GeluWithDerivative",
    "pack_weights": "PackWeights",
    "packed_product": "PackedProduct",
    "quantized_linear": "QuantizedLinear",
}
