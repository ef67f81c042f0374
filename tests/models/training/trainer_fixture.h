// Runs of the trainer on a tiny model, from the first step or gone on with.
#ifndef TESTS_MODELS_TRAINING_TRAINER_FIXTURE_H_
#define TESTS_MODELS_TRAINING_TRAINER_FIXTURE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/checkpoint_store.h"
#include "models/training/event_log.h"
#include "models/training/run_log.h"
#include "models/training/session.h"
#include "models/training/trainer.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/tiny_run.h"

namespace models {

// In the test's own folder.
std::string TestPath(const std::string& name);
std::string Bytes(const std::string& path);
// Lines of a metrics file without what is not reproducible.
std::vector<nlohmann::json> Metrics(const std::string& path);

// 50 images in batches of 8 and 3 epochs: 18 steps, unless a test says otherwise.
class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest();

  // Runs to the end, from its newest checkpoint where `resume`; the log, or the error.
  absl::StatusOr<std::string> Run(const std::string& name, bool resume = false);

  TinyEngine engine_;
  DropPos model_;
  GradientImages train_;
  GradientImages held_out_;
  bool with_held_out_ = true;
  StepShape step_;
  TrainerOptions options_;
  RunHooks hooks_;
  KeepPolicy keep_;
  std::function<void(const std::string& folder, RunLog* log)> prepare_log_;  // may be empty
  std::function<void(Session*)> prepare_session_;                            // the same
  EventLog* events_ = nullptr;                                               // of the run at hand
  bool events_in_the_way_ = false;
  std::string checkpoint_path_;
  std::string log_;
  int updates_ = 0;  // of the optimizer, by its own count
};

}  // namespace models

#endif  // TESTS_MODELS_TRAINING_TRAINER_FIXTURE_H_
