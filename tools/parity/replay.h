// Runs a golden case on a backend.
#ifndef TOOLS_PARITY_REPLAY_H_
#define TOOLS_PARITY_REPLAY_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "tools/parity/golden_case.h"
#include "tools/parity/values.h"

namespace tools {

// Where in the net that ran a tensor was made.
struct Origin {
  std::string op;  // "Linear 'decoder_pred'"
  graph::TensorType type;
  int order = 0;  // of the operator
};

struct ReplayResult {
  // By the names of the case: "out/logits", "grad/norm.bias", "train/loss", ...
  // Holds everything the case must have for its configuration, and no more.
  std::map<std::string, Values> tensors;
  // Of out/*, grad/* and gradnorm/*, as far as an operator of the net makes them.
  std::map<std::string, Origin> origins;
  // Largest share of out/acc1, and of each micro-batch's train/acc1, that could flip
  // because two best logits differ by less than 1e-4.
  double accuracy_slack = 0;
  std::vector<double> train_accuracy_slack;
};

// Makes sessions from the configuration alone, as for training, and feeds parameters and noise:
// one holds its step back and shows the forward pass and the gradients of the nets that it runs;
// the other one trains. `compile` gives registry, backend, threads and passes.
absl::StatusOr<ReplayResult> Replay(const GoldenCase& golden, const graph::CompileOptions& compile);

}  // namespace tools

#endif  // TOOLS_PARITY_REPLAY_H_
