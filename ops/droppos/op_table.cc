#include "ops/droppos/op_table.h"

#include "ops/droppos/embedding_drop.h"
#include "ops/droppos/mask_sample.h"
#include "ops/droppos/pixel_loss.h"
#include "ops/droppos/position_weights.h"
#include "ops/droppos/random_order.h"
#include "ops/droppos/restore_rows.h"
#include "ops/droppos/smoothed_position_ce.h"

namespace ops::droppos {

void RegisterOps(graph::SchemaRegistry* registry) {
  RegisterMaskSample(registry);
  RegisterEmbeddingDrop(registry);
  RegisterPositionWeights(registry);
  RegisterRandomOrder(registry);
  RegisterRestoreRows(registry);
  RegisterSmoothedPositionCE(registry);
  RegisterPixelLoss(registry);
}

}  // namespace ops::droppos
