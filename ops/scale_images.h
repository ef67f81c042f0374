// ScaleImages: y[b] = scales[index, b] * x[b]: each image by a factor of its own, such as that of
// drop path (DropPathScales).
//
//   x       (B, ...) f32 or bf16
//   scales  (N, B) f32, or (B), which is one row
//   y       like x, of attribute dtype: "same" as x (default), "f32" or "bf16"
//
// Or all f64. Attribute index in [0, N), default 0. In place: y over x, where they have one type.
// Gradient of x: ScaleImages of dy; asking for the gradient of scales is an error. Elementwise, so
// deterministic.
#ifndef OPS_SCALE_IMAGES_H_
#define OPS_SCALE_IMAGES_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterScaleImages(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_SCALE_IMAGES_H_
