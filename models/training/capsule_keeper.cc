#include "models/training/capsule_keeper.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/invocation.h"

namespace models {

void CapsuleKeeper::Begin(int64_t step, double epoch, double lr, Scheduled scheduled,
                          int micro_batches, const LoaderPosition& start) {
  capsule_ = Capsule();
  capsule_.step = step;
  capsule_.epoch = epoch;
  capsule_.lr = lr;
  capsule_.scheduled = std::move(scheduled);
  capsule_.num_classes = options_.images->num_classes();
  capsule_.micro_batches = micro_batches;
  next_ = start;
  window_.clear();
}

void CapsuleKeeper::Add(const Batch& batch) {
  window_.push_back({next_, batch.keys, batch.image_ids});
  next_ = batch.next;
}

std::string CapsuleKeeper::Keep(bool spike, const std::string& seen, RunState before,
                                const std::map<std::string, std::string>& metadata) {
  if (options_.run_folder.empty()) return "";
  std::vector<int64_t> others = CapsuleSteps(options_.run_folder);
  // That of this step, which an earlier course of the run left, would be replaced.
  others.erase(std::remove(others.begin(), others.end(), capsule_.step), others.end());
  if (spike && others.size() >= kMostSpikeCapsules) {
    return absl::StrCat("the step is not kept: there are ", kMostSpikeCapsules,
                        " capsules already");
  }
  capsule_.spike = spike;
  capsule_.seen = seen;
  const absl::StatusOr<std::string> path = Write(std::move(before), metadata);
  if (!path.ok()) {
    return absl::StrCat("warning: the step could not be kept: ", path.status().message());
  }
  return absl::StrCat("kept the step; to repeat it: ", Invocation("replay"), " --capsule=", *path);
}

absl::StatusOr<std::string> CapsuleKeeper::Write(
    RunState before, const std::map<std::string, std::string>& metadata) {
  const std::vector<double>& losses = options_.session->window_losses();
  // A kernel that fails has no loss; there is nothing that a replay could be compared with.
  if (losses.empty() || losses.size() != window_.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat("an operator failed before micro-batch ", window_.size(), " had a loss"));
  }
  RETURN_IF_ERROR(options_.flush_logs());
  const auto first = static_cast<size_t>(options_.session->first_after_update());
  if (first >= window_.size()) {
    return absl::FailedPreconditionError("the error came after the update");
  }
  before.loader = window_[first].start;
  capsule_.before.state = std::move(before);
  capsule_.first_micro_batch = static_cast<int>(first);
  capsule_.losses.assign(losses.begin() + static_cast<int64_t>(first), losses.end());
  NameImages(first);
  ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader, options_.load(window_[first].start));
  size_t next = first;
  return WriteCapsule(
      options_.run_folder, capsule_, *options_.session, metadata,
      [&]() -> absl::StatusOr<const Batch*> {
        ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
        if (batch->keys != window_[next++].keys) {
          return absl::DataLossError("the images are not what they were a moment ago");
        }
        return batch;
      });
}

void CapsuleKeeper::NameImages(size_t first) {
  absl::flat_hash_map<uint64_t, std::string> names;
  for (size_t b = first; b < window_.size(); ++b) {
    for (const uint64_t id : window_[b].ids) names[id];
  }
  for (int64_t i = 0; i < options_.images->size(); ++i) {
    const auto name = names.find(options_.images->image_id(i));
    if (name != names.end()) name->second = options_.images->name(i);
  }
  capsule_.images.clear();
  for (size_t b = first; b < window_.size(); ++b) {
    capsule_.images.emplace_back();
    for (const uint64_t id : window_[b].ids) capsule_.images.back().push_back(names[id]);
  }
}

}  // namespace models
