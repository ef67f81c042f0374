// Patchify: an image as rows of patches, what a Conv2d of kernel and stride p
// multiplies with its flattened weight.
//
//   images  (B, C, H, W) float, H and W at least p and
//           divisible by p; C is 3 for images
//   y       (B, L, C·p·p), L = (H/p)·(W/p), patches row-major; a patch's elements
//           in the order channel, row, column, as a Conv2d weight (D, C, p, p)
//
// Attribute patch: p. A copy; images are data and have no gradient.
#ifndef OPS_PATCHIFY_H_
#define OPS_PATCHIFY_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterPatchify(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_PATCHIFY_H_
