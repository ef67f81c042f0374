#include "tests/models/training/trainer_fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/models/training/drop_times.h"

namespace models {

using Json = nlohmann::json;

std::string TestPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Json> Metrics(const std::string& path) {
  std::ifstream file(path);
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(Json::parse(line));
    EXPECT_GT(DropTimes(&lines.back()), 0);
  }
  return lines;
}

TrainerTest::TrainerTest()
    : model_(TinyModelConfig(), TinyDropPosConfig(true)), train_(50), held_out_(9) {
  options_.schedule = {1e-3, 0, 0.5, 3};
  step_.micro_batch = 8;
  step_.seed = 5;
  options_.print_every = 2;
}

absl::StatusOr<std::string> TrainerTest::Run(const std::string& name, bool resume) {
  const std::string folder = TestPath(name);
  if (!resume) std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  options_.metrics_path = folder + "/metrics.jsonl";
  checkpoint_path_ = folder + "/checkpoint.safetensors";
  CheckpointStore checkpoints(folder, keep_);
  options_.checkpoints = &checkpoints;
  SessionOptions session_options = engine_.Options(step_);
  auto session = Session::Create(&model_, session_options);
  if (!session.ok()) return session.status();
  absl::StatusOr<NewestCheckpoint> newest = FindNewestCheckpoint(folder);
  options_.resume = nullptr;
  if (resume && newest.ok()) {
    const absl::Status restored = RestoreCheckpoint(newest->checkpoint, session->get());
    if (!restored.ok()) return restored;
    options_.resume = &newest->checkpoint.state;
  }
  if (prepare_session_) prepare_session_(session->get());
  std::ostringstream screen;
  RunLog log({&screen, false, {}});
  if (prepare_log_) prepare_log_(folder, &log);
  if (events_in_the_way_) std::ofstream(folder + "/tensorboard") << "a file";
  EventLog events(folder + "/tensorboard", &log);
  if (options_.resume != nullptr) events.ResumeAfter(*options_.resume, options_.metrics_path);
  options_.observers = {&hooks_, &events};
  events_ = &events;
  const absl::Status status =
      Train(options_, model_, train_, with_held_out_ ? &held_out_ : nullptr, session->get(), &log);
  log_ = screen.str();
  updates_ = (*session)->workspace()->Read<int32_t>(kStepState)->at(0);
  if (!status.ok()) return status;
  return log_;
}

}  // namespace models
