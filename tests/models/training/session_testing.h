// Steps of a session, for tests.
#ifndef TESTS_MODELS_TRAINING_SESSION_TESTING_H_
#define TESTS_MODELS_TRAINING_SESSION_TESTING_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"

namespace models {

// The tiny model's scheduled input.
using Scheduled = std::vector<std::pair<std::string, float>>;
const Scheduled& OneSigma();

std::unique_ptr<Session> MakeSession(const Model& model, const SessionOptions& options);

// One optimizer step on batches given one after another.
absl::StatusOr<StepResult> StepOn(Session* session, const std::vector<Batch>& batches, double lr);

// Everything that a step changes: parameters, moments, accumulators, the count.
std::map<std::string, std::vector<uint8_t>> AllState(Session* session);

struct Way {
  int accum_iter;
  bool step_every;
};
const std::vector<Way>& StepWays();

std::vector<Batch> RandomBatches(int n, uint64_t seed);

}  // namespace models

#endif  // TESTS_MODELS_TRAINING_SESSION_TESTING_H_
