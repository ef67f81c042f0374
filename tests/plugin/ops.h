// The operators of the test plugin.
//
// Tanh: y = tanh(x). TanhGrad: dx = dy·(1 - y²). All tensors are (...) floats of the
// same type. Saved for the gradient: y. In place: Tanh over x, TanhGrad over y or dy.
#ifndef TESTS_PLUGIN_OPS_H_
#define TESTS_PLUGIN_OPS_H_

#include "graph/schema/schema.h"

namespace plugin {

void RegisterOps(graph::SchemaRegistry* registry);

}  // namespace plugin

#endif  // TESTS_PLUGIN_OPS_H_
