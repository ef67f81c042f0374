// Patchify: turns an image into rows of patches, which a Conv2d of kernel and stride
// p multiplies by its flattened weight.
//
//   images  (B, C, H, W) float, H and W positive multiples of p; C is 3 for images
//   y       (B, L, C·p·p), L = (H/p)·(W/p), patches row-major; a patch's elements
//           in the order channel, row, column, like a Conv2d weight (D, C, p, p)
//
// Attribute patch: p. A copy. Images are data and have no gradient.
#ifndef OPS_PATCHIFY_H_
#define OPS_PATCHIFY_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterPatchify(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_PATCHIFY_H_
