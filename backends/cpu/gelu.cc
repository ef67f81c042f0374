// oneDNN eltwise gelu_erf, forward and backward, over the flat tensor. In
// place as oneDNN documents for eltwise: dst over src, diff_src over diff_dst.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"

namespace backends::cpu {
namespace {

dnnl::eltwise_forward::primitive_desc Forward(const dnnl::memory::desc& flat,
                                              const dnnl::primitive_attr& attr) {
  return {
      Engine(), dnnl::prop_kind::forward_training, dnnl::algorithm::eltwise_gelu_erf, flat, flat,
      attr};
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeGelu(const graph::KernelSpec& spec) {
  return PrimitiveKernel::Make(spec, {DNNL_ARG_SRC}, {DNNL_ARG_DST},
                               [&](const dnnl::primitive_attr& attr) {
                                 return Forward(Vector(spec.in(0).elements()), attr);
                               });
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeGeluGrad(const graph::KernelSpec& spec) {
  return PrimitiveKernel::Make(spec, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST}, {DNNL_ARG_DIFF_SRC},
                               [&](const dnnl::primitive_attr& attr) {
                                 const dnnl::memory::desc flat = Vector(spec.in(0).elements());
                                 return dnnl::eltwise_backward::primitive_desc(
                                     Engine(), dnnl::algorithm::eltwise_gelu_erf, flat, flat, flat,
                                     Forward(flat, dnnl::primitive_attr()), attr);
                               });
}

}  // namespace

void RegisterGelu(graph::KernelTable* table) {
  AddFloat32(table, "Gelu", MakeGelu);
  AddFloat32(table, "GeluGrad", MakeGeluGrad);
}

}  // namespace backends::cpu
