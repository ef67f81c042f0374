#include "tests/models/training/session_testing.h"

#include <set>

#include "graph/base/status.h"
#include "gtest/gtest.h"

namespace models {

const Scheduled& OneSigma() {
  static const auto* const sigma = new Scheduled{{"sigma", 1.0f}};
  return *sigma;
}

std::unique_ptr<Session> MakeSession(const Model& model, const SessionOptions& options) {
  auto session = Session::Create(&model, options);
  EXPECT_TRUE(session.ok()) << session.status();
  return std::move(session).value();
}

absl::StatusOr<StepResult> StepOn(Session* session, const std::vector<Batch>& batches, double lr) {
  size_t next = 0;
  return session->Step([&]() -> absl::StatusOr<const Batch*> { return &batches[next++]; }, lr,
                       OneSigma());
}

std::map<std::string, std::vector<uint8_t>> AllState(Session* session) {
  std::map<std::string, std::vector<uint8_t>> state;
  for (const std::string& name : session->workspace()->Names()) {
    // Inputs, and the losses of the last window.
    static const std::set<std::string> passing = {"images", "keys",     "lr",
                                                  "sigma",  kLossLimit, kWindowLosses};
    if (passing.count(name) > 0) continue;
    const graph::Tensor tensor = session->workspace()->Find(name).value();
    state[name].resize(tensor.type.bytes());
    CHECK(graph::ConstTensor(tensor).ReadBytes(0, absl::MakeSpan(state[name])).ok());
  }
  return state;
}

const std::vector<Way>& StepWays() {
  static const auto* const ways =
      new std::vector<Way>{{1, false}, {2, false}, {3, false}, {3, true}};
  return *ways;
}

std::vector<Batch> RandomBatches(int n, uint64_t seed) {
  std::vector<Batch> batches;
  for (int i = 0; i < n; ++i) batches.push_back(RandomBatch(TinyModelConfig(), 2, seed + i));
  return batches;
}

}  // namespace models
