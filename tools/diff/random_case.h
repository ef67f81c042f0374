// A model's training net with random parameters and inputs, to run it in two ways.
#ifndef TOOLS_DIFF_RANDOM_CASE_H_
#define TOOLS_DIFF_RANDOM_CASE_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "graph/runtime/executable.h"
#include "graph/schema/schema.h"
#include "models/zoo/config.h"

namespace tools {

// The whole training step of a model: forward, backward, update.
struct RandomCase {
  graph::Net net;
  // For DiffSide::feed. Every number is a function of the seed and the blob's name: parameters
  // start as in training, plus normal noise of deviation 0.02 on all of them, so that biases and
  // norms matter; images are standard normal, keys random, labels below 10. lr is 1e-6: AdamW
  // divides gradients that are zero except for rounding (the keys' bias) by their size, and a real
  // rate would show that.
  std::function<absl::Status(graph::Executable*)> feed;
};

// `registry` must outlive the case.
absl::StatusOr<RandomCase> MakeRandomCase(const graph::SchemaRegistry& registry,
                                          const models::ZooEntry& entry, uint64_t seed);

}  // namespace tools

#endif  // TOOLS_DIFF_RANDOM_CASE_H_
