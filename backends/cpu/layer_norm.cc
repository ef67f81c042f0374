// oneDNN layer normalisation over (rows, C). dgamma and dbeta are summed per
// thread over a fixed range of rows and then in thread order, so they are equal
// from run to run for one number of threads. dx may lie over dy: oneDNN allows
// it, having summed dgamma and dbeta before it writes dx.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"

namespace backends::cpu {
namespace {

const dnnl::normalization_flags kAffine =
    dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;

dnnl::layer_normalization_forward::primitive_desc Forward(const graph::KernelSpec& spec,
                                                          const dnnl::primitive_attr& attr) {
  const dnnl::memory::desc rows = Matrix(spec.in(0).rows(), spec.in(0).cols());
  return {Engine(),
          dnnl::prop_kind::forward_training,
          rows,
          rows,
          Vector(spec.in(0).rows()),
          spec.op->Float("eps"),
          kAffine,
          attr};
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeLayerNorm(const graph::KernelSpec& spec) {
  return PrimitiveKernel::Make(
      spec, {DNNL_ARG_SRC, DNNL_ARG_SCALE, DNNL_ARG_SHIFT},
      {DNNL_ARG_DST, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE},
      [&](const dnnl::primitive_attr& attr) { return Forward(spec, attr); });
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeLayerNormGrad(const graph::KernelSpec& spec) {
  if (spec.inputs.size() > 5) return absl::UnimplementedError(DescribeTypes(spec) + ": skip");
  return PrimitiveKernel::Make(
      spec, {DNNL_ARG_SRC, DNNL_ARG_SCALE, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_DIFF_DST},
      {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT},
      [&](const dnnl::primitive_attr& attr) {
        const dnnl::memory::desc rows = Matrix(spec.in(0).rows(), spec.in(0).cols());
        return dnnl::layer_normalization_backward::primitive_desc(
            Engine(), dnnl::prop_kind::backward, rows, rows, rows, Vector(spec.in(0).rows()),
            spec.op->Float("eps"), kAffine, Forward(spec, dnnl::primitive_attr()), attr);
      },
      dnnl::primitive_attr(),
      // oneDNN 3.2 counts the shift among the inputs, though no gradient reads it.
      {{DNNL_ARG_SHIFT, 1}});
}

}  // namespace

void RegisterLayerNorm(graph::KernelTable* table) {
  AddFloat32(table, "LayerNorm", MakeLayerNorm);
  AddFloat32(table, "LayerNormGrad", MakeLayerNormGrad);
}

}  // namespace backends::cpu
