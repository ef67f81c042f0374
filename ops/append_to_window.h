// AppendToWindow: the last n values of a number that comes once a run.
//
//   window   (n) float, oldest first            value    (1), the same dtype
//   y        (n): window without its first element, and then value
//
// In place: y over window. No gradient: it keeps what has been. Training nets keep the losses of
// an accumulation window so (models/training/nets.h).
#ifndef OPS_APPEND_TO_WINDOW_H_
#define OPS_APPEND_TO_WINDOW_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAppendToWindow(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_APPEND_TO_WINDOW_H_
