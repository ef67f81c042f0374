// Writes what tests/peer/tensorboard_test.py reads: a run that was killed at step 12 after a
// checkpoint at step 8, and went on to step 20.
//
//   write_events FOLDER PICTURE.png
#include <cmath>
#include <iostream>

#include "models/training/event_file.h"

namespace {

using models::EventFileWriter;

constexpr int64_t kSecond = 1700000000;

// A run's second life has other losses, so that a reader which keeps both shows.
absl::Status WriteSteps(EventFileWriter* writer, int64_t first, int64_t last, double shift,
                        const std::string& picture) {
  for (int64_t step = first; step <= last; ++step) {
    const absl::Time now = absl::FromUnixSeconds(kSecond + step);
    models::TrainMetrics train;
    train.step = step;
    train.epoch = static_cast<double>(step) / 10;
    train.loss = shift + 1.0 / static_cast<double>(step);
    train.model = {{"pos_acc1", 0.5}};
    train.grad_norm = step == 3 ? std::nan("") : 2;
    train.timing = {{"images_per_s", 100}};
    absl::Status status = writer->Add(train, now);
    if (status.ok() && step % 4 == 0) {
      models::EvalMetrics eval;
      eval.step = step;
      eval.values = {{"heldout_pos_acc1", shift + 0.25}};
      status = writer->Add(eval, now);
    }
    if (status.ok() && step % 10 == 0) {
      status = writer->AddImageFile(step, now, "heldout/positions", "two shades", picture);
    }
    if (!status.ok()) return status;
  }
  return writer->Flush();
}

absl::Status Write(const std::string& folder, const std::string& picture) {
  auto first = EventFileWriter::Create(folder, absl::FromUnixSeconds(kSecond));
  if (!first.ok()) return first.status();
  const models::FlagList flags = {{"blr", "0.001"}, {"flip", "true"}, {"model", "a|b*"}};
  absl::Status status = first->AddFlags(0, absl::FromUnixSeconds(kSecond), flags);
  if (status.ok()) status = WriteSteps(&*first, 1, 12, 0, picture);
  if (!status.ok()) return status;
  auto second = EventFileWriter::Create(folder, absl::FromUnixSeconds(kSecond + 60), 9);
  if (!second.ok()) return second.status();
  status = second->AddFlags(8, absl::FromUnixSeconds(kSecond + 60), flags);
  if (status.ok()) status = WriteSteps(&*second, 9, 20, 100, picture);
  if (status.ok()) status = second->AddSessionEnd(20, absl::FromUnixSeconds(kSecond + 90));
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: write_events FOLDER PICTURE.png" << std::endl;
    return 2;
  }
  const absl::Status status = Write(argv[1], argv[2]);
  if (status.ok()) return 0;
  std::cerr << "write_events: " << status.message() << std::endl;
  return 1;
}
