// ResizeRows: rows on a grid as a picture, and what is read of such a picture without storing it.
//
// x (B, T, K) holds a row for each cell of a grid of grid_h x grid_w = T cells, row by row.
// resize(x) (B, H, W, K) is its bilinear interpolation: the centres of cells and pixels lie half a
// cell and half a pixel from the edges, and beyond the outermost centres the edge goes on. Source:
// torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
//
// ResizeRows: y = resize(x). Attributes grid_h, grid_w, height (H), width (W).
//
//   x  (B, T, K) float                            y  (B, H, W, K)
//
// ResizeRowsGrad: the transpose of the same weights; each cell gathers its pixels in their order.
//
//   dy  (B, H, W, K)                              dx  (B, T, K)
//
// ResizedArgmax: the class of each pixel, argmax_k resize(x); of equal ones the lowest. K is at
// most 255. It has no gradient.
//
//   x  (B, T, K) float                            classes  (B, H, W) u8
//
// ResizedCrossEntropy: the loss of a segmentation whose logits are resize(x). K is at most 255.
//
//   x         (B, T, K) float
//   labels    (B, H, W) u8, below K, or 255: the pixel is not labelled
//   loss      (1)  mean over the S labelled pixels of the batch of log Σ_k exp(logit_k) -
//             logit_label; 0 if no pixel is labelled
//   labelled  (1) i32: S
//
// ResizedCrossEntropyGrad: dx = resize'(dloss·(softmax(logits) - onehot(label))/S), where pixels
// without a label count as 0, whatever their logits; 0 if no pixel is labelled.
//
//   x, labels, labelled, dloss (1) -> dx like x
//
// In both a label between K and 254 is a fault (OutOfRange) that names the pixel; the outputs are
// then garbage. Neither stores anything of (B, H, W, K): the gradient of four cells' pixels between
// their centres goes to these four, and each cell adds up what it got in a fixed order, so that all
// is deterministic. Saved for the gradient: the inputs and S.
//
// No side of grid or picture is longer than 16384, so that its numbers fit 32 bits.
#ifndef OPS_RESIZE_ROWS_H_
#define OPS_RESIZE_ROWS_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterResizeRows(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_RESIZE_ROWS_H_
