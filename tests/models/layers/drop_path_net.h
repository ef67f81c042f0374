// A training net of blocks with drop path, small enough for every backend.
#ifndef TESTS_MODELS_LAYERS_DROP_PATH_NET_H_
#define TESTS_MODELS_LAYERS_DROP_PATH_NET_H_

#include "graph/ir/net.h"
#include "graph/schema/schema.h"

namespace models {

enum class ScalesFrom {
  kNothing,  // no drop path
  kKeys,     // drawn for the input keys i64 (4), at rates 0, 0.15 and 0.3
  kInput,    // the input scales f32 (4, 4), for blocks 1 and 2
};

// Three blocks and a norm on the input x f32 (4, 5, 32), the class token's cross-entropy with label
// 1, and the gradients of all parameters. Outputs: what the blocks make, the loss, the gradients.
graph::Net DropPathNet(const graph::SchemaRegistry& registry, ScalesFrom scales);

}  // namespace models

#endif  // TESTS_MODELS_LAYERS_DROP_PATH_NET_H_
