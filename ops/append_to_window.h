// AppendToWindow: keeps the last n values of a number, one from each run.
//
//   window   (n) float, oldest first            value    (1), the same dtype
//   y        (n): window without its first element, then value
//
// In place: y over window. No gradient: the values belong to earlier runs. Training nets keep the
// losses of an accumulation window in it (models/training/nets.h).
#ifndef OPS_APPEND_TO_WINDOW_H_
#define OPS_APPEND_TO_WINDOW_H_

#include "graph/schema/schema.h"

namespace ops {

void RegisterAppendToWindow(graph::SchemaRegistry* registry);

}  // namespace ops

#endif  // OPS_APPEND_TO_WINDOW_H_
