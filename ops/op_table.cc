#include "ops/op_table.h"

#include "ops/adamw.h"
#include "ops/add.h"
#include "ops/add_layer_norm.h"
#include "ops/attention.h"
#include "ops/bias_add.h"
#include "ops/cast.h"
#include "ops/clip_factors.h"
#include "ops/fill.h"
#include "ops/gather_rows.h"
#include "ops/gelu.h"
#include "ops/gelu_with_derivative.h"
#include "ops/grad_norm.h"
#include "ops/increment.h"
#include "ops/initialize.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/matmul.h"
#include "ops/pack_weights.h"
#include "ops/patchify.h"
#include "ops/prepend_token.h"
#include "ops/quantized_linear.h"
#include "ops/scale.h"
#include "ops/slice_rows.h"
#include "ops/softmax_cross_entropy.h"
#include "ops/stop_gradient.h"
#include "ops/sum_to_shape.h"

namespace ops {

void RegisterOps(graph::SchemaRegistry* registry) {
  RegisterAdamW(registry);
  RegisterAdd(registry);
  RegisterAddLayerNorm(registry);
  RegisterAttention(registry);
  RegisterBiasAdd(registry);
  RegisterCast(registry);
  RegisterClipFactors(registry);
  RegisterFill(registry);
  RegisterGatherRows(registry);
  RegisterGelu(registry);
  RegisterGeluWithDerivative(registry);
  RegisterGradNorm(registry);
  RegisterIncrement(registry);
  RegisterInitialize(registry);
  RegisterLayerNorm(registry);
  RegisterLinear(registry);
  RegisterMatMul(registry);
  RegisterPackWeights(registry);
  RegisterPatchify(registry);
  RegisterPrependToken(registry);
  RegisterQuantizedLinear(registry);
  RegisterScale(registry);
  RegisterSliceRows(registry);
  RegisterSoftmaxCrossEntropy(registry);
  RegisterStopGradient(registry);
  RegisterSumToShape(registry);
}

}  // namespace ops
