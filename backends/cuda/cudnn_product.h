// Products in bf16 with an epilogue that cuBLASLt lacks, through cuDNN.
#ifndef BACKENDS_CUDA_CUDNN_PRODUCT_H_
#define BACKENDS_CUDA_CUDNN_PRODUCT_H_

#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

// The kernel of a Linear with GELU, a LinearGelu or a MatMulGeluGrad. Unimplemented for others,
// where cuDNN is missing or refuses, where a bias is not f32 or another tensor not bf16, and where
// rows are not whole vectors of 16 bytes.
KernelOr MakeCudnnProduct(const DevicePtr& device, const graph::KernelSpec& spec);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_CUDNN_PRODUCT_H_
