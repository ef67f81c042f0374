#include "models/training/saver.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/run_files.h"

namespace models {

absl::Status Saver::Begin(const RunState& state) {
  saved_at_ = run_.options.now();
  if (run_.options.resume == nullptr || run_.options.checkpoints == nullptr) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const bool is_saved, run_.options.checkpoints->Adopt(state.step));
  // Otherwise the run goes on in another folder: whoever stops it there goes on there.
  if (is_saved) tried_ = state.step;
  return absl::OkStatus();
}

bool Saver::IsDue(int64_t step) const {
  const TrainerOptions& options = run_.options;
  return (options.save_every > 0 && step % options.save_every == 0) ||
         (options.save_minutes > 0 && run_.SecondsSince(saved_at_) >= 60 * options.save_minutes);
}

absl::Status Saver::Save(const RunState& state) {
  absl::Status status = OrOutOfMemory([&] { return SaveOnce(state); });
  saved_at_ = run_.options.now();
  return status;
}

void Saver::SaveOrWarn(const RunState& state) {
  const absl::Status saved = Save(state);
  if (saved.ok()) return;
  run_.log.Line(absl::StrCat("warning: not saved: ", saved.message(),
                             "; training goes on, and saves again when it is due"));
  tried_.reset();
}

absl::Status Saver::SaveOnce(const RunState& state) {
  if (tried_ == state.step || run_.options.checkpoints == nullptr) return absl::OkStatus();
  tried_ = state.step;
  run_.watchdog.Do("saving a checkpoint");
  const RunContext::Time before = run_.options.now();
  RETURN_IF_ERROR(run_.metrics->Sync());
  RETURN_IF_ERROR(run_.log.Sync());
  for (RunObserver* observer : run_.options.observers) observer->OnSave();
  ASSIGN_OR_RETURN(const std::string path,
                   run_.options.checkpoints->Save(state, *run_.session, Metadata(state.step)));
  run_.log.Line(absl::StrCat("saved ", path));
  run_.progress.LeaveOut(run_.SecondsSince(before));
  return absl::OkStatus();
}

void Saver::KeepBest(int64_t step) {
  if (run_.options.checkpoints == nullptr) return;
  const absl::Status kept = run_.options.checkpoints->KeepBest(step);
  if (kept.ok()) return;
  run_.log.Line(absl::StrCat("warning: ", kBestModel, " is not the best: ", kept.message()));
}

std::map<std::string, std::string> Saver::Metadata(int64_t step) const {
  std::map<std::string, std::string> metadata = run_.options.metadata;
  metadata["step"] = absl::StrCat(step);
  metadata["epoch"] = absl::StrCat(run_.epochs.epochs(step));
  metadata["seed"] = absl::StrCat(run_.step().seed);
  metadata["format"] = "pt";  // what readers of PyTorch weights look for
  for (auto& [key, value] : metadata) {
    // Paths need not be UTF-8, metadata must.
    if (!std::all_of(value.begin(), value.end(), absl::ascii_isascii)) {
      value = absl::CHexEscape(value);
    }
  }
  return metadata;
}

}  // namespace models
