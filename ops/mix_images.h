// MixImages: mixup or cutmix of pairs of images, drawn for each group of a batch.
//
//   images  (B, C, H, W) float; the batch is G groups of B/G images, an even number
//   mode    (G) i32: 0 mixup, 1 cutmix
//   lam     (G) float as images: λ of a group's mixup
//   box     (G, 4) i32: top, bottom, left and right of a group's cutmix, the rows
//           [top, bottom) and the columns [left, right); what lies outside of the
//           picture has no pixels
//   y       like images
//
// The partner of image i of a group is image B/G - 1 - i of it. Mixup makes
// x·λ + partner·(1 - λ); cutmix takes the pixels of the box from the partner. Both
// read the batch as it was, so y does not lie over images. A group of mode 0 and
// λ = 1 stays as it is, if its pixels are finite. Another mode is a fault
// (OutOfRange) that names the group; y is then garbage.
//
// SoftmaxCrossEntropy's lam is what the labels need: of a mixup the same λ, of a cutmix
// the share that the box leaves. A cutmix does not read lam here, so that both
// operators take one blob. models/data/mixing.h draws all three inputs.
//
// Images are data and have no gradient. Source: Mixup of timm 0.3.2, mode batch.
#ifndef OPS_MIX_IMAGES_H_
#define OPS_MIX_IMAGES_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterMixImages(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_MIX_IMAGES_H_
