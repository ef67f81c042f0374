#include "models/training/capsule.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/files/durable.h"
#include "models/training/invocation.h"
#include "models/training/json_reader.h"
#include "models/training/run_files.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kCapsuleFile[] = "capsule.json";
constexpr size_t kLongestLine = 4096;           // that a run says of a step
constexpr int64_t kMaxCapsuleBytes = 64 << 20;  // names of images, above all

std::string BatchFile(size_t i) { return absl::StrFormat("batch_%04d.safetensors", i); }

std::string Text(const Capsule& capsule) {
  using Ordered = nlohmann::ordered_json;
  Ordered json{{"reason", capsule.spike ? "spike" : "not finite"},
               {"seen", JsonText(capsule.seen)},
               {"step", capsule.step},
               {"epoch", capsule.epoch},
               {"lr", capsule.lr},
               {"scheduled", Ordered::object()},
               {"num_classes", capsule.num_classes},
               {"micro_batches", capsule.micro_batches},
               {"first_micro_batch", capsule.first_micro_batch},
               {"losses", Ordered::array()},
               {"images", Ordered::array()}};
  for (const auto& [name, value] : capsule.scheduled) json["scheduled"][name] = value;
  for (const double loss : capsule.losses) json["losses"].push_back(JsonNumber(loss));
  for (const std::vector<std::string>& batch : capsule.images) {
    Ordered& names = json["images"].emplace_back(Ordered::array());
    for (const std::string& name : batch) names.push_back(JsonText(name));
  }
  return json.dump(1) + "\n";
}

absl::Status Parse(absl::string_view text, Capsule* capsule) {
  const absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return graph::InvalidArgument("it ", json.status().message());
  constexpr int kMost = std::numeric_limits<int>::max();
  absl::Status status;
  const JsonReader reader(*json, "", &status);
  const std::string reason = reader.Text("reason");
  if (reason != "spike" && reason != "not finite") reader.Fail("reason", "is none known");
  capsule->spike = reason == "spike";
  capsule->seen = reader.Text("seen");
  if (capsule->seen.size() > kLongestLine) reader.Fail("seen", "is longer than a line of a run");
  capsule->step = reader.Count("step", int64_t{1} << 53);
  capsule->epoch = reader.Number("epoch");
  capsule->lr = reader.Number("lr");
  capsule->num_classes = static_cast<int>(reader.Count("num_classes", kMost));
  capsule->micro_batches = static_cast<int>(reader.Count("micro_batches", kMost));
  capsule->first_micro_batch = static_cast<int>(reader.Count("first_micro_batch", kMost));
  const Json& scheduled = reader.Field("scheduled");
  if (!scheduled.is_object()) reader.Fail("scheduled", "is no object");
  for (auto it = scheduled.begin(); scheduled.is_object() && it != scheduled.end(); ++it) {
    const double value = reader.NumberIn("scheduled", it.value());
    if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
      reader.Fail("scheduled", "is no float");
      break;
    }
    capsule->scheduled.emplace_back(it.key(), static_cast<float>(value));
  }
  const Json &losses = reader.Field("losses"), &images = reader.Field("images");
  if (!losses.is_array() || losses.empty()) reader.Fail("losses", "is no list");
  if (!images.is_array() || images.size() != losses.size()) {
    reader.Fail("images", "is no list for each of the losses");
  }
  if (!reader.ok()) return status;
  for (const Json& loss : losses) capsule->losses.push_back(reader.NumberIn("losses", loss));
  for (const Json& batch : images) {
    capsule->images.emplace_back();
    if (!batch.is_array()) reader.Fail("images", "is no list of lists");
    for (const Json& name : batch) {
      capsule->images.back().push_back(reader.TextIn("images", name));
    }
  }
  if (capsule->step < 1) reader.Fail("step", "is not counted from 1");
  if (capsule->before.state.step != capsule->step - 1) {
    reader.Fail("step", absl::StrCat("does not come after step ", capsule->before.state.step,
                                     ", which is that of state.json"));
  }
  const int64_t last = int64_t{capsule->first_micro_batch} + static_cast<int64_t>(losses.size());
  if (last > capsule->micro_batches) reader.Fail("micro_batches", "are fewer than are here");
  return status;
}

// Of the checkpoint `capsule->before`.
absl::Status ReadCapsuleFile(Capsule* capsule) {
  const std::string file = JoinPath(capsule->before.path, kCapsuleFile);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxCapsuleBytes));
  return graph::Annotate(Parse(text, capsule), file);
}

template <typename T>
TensorEntry Entry(const std::vector<T>& values, std::vector<int64_t> shape) {
  return {{graph::DTypeOf<T>::value, graph::Shape(shape.begin(), shape.end())},
          absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                              values.size() * sizeof(T))};
}

absl::Status WriteBatch(const Batch& batch, const Session& session, const std::string& name,
                        const std::string& folder, RunState* state, FileSystem* files) {
  ASSIGN_OR_RETURN(const graph::ConstTensor images, session.train().Find("images"));
  const int64_t n = static_cast<int64_t>(batch.keys.size());
  // Safetensors has no unsigned 64 bits: the same bits.
  std::vector<int64_t> ids(batch.image_ids.begin(), batch.image_ids.end());
  TensorMap tensors;
  tensors["images"] = {images.type,
                       absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(batch.images.data()),
                                           batch.images.size() * sizeof(float))};
  tensors["keys"] = Entry(batch.keys, {n});
  tensors["labels"] = Entry(batch.labels, {n});
  tensors["image_ids"] = Entry(ids, {n});
  if (const auto groups = static_cast<int64_t>(batch.mix_lam.size()); groups > 0) {
    tensors["mix_mode"] = Entry(batch.mix_mode, {groups});
    tensors["mix_lam"] = Entry(batch.mix_lam, {groups});
    tensors["mix_box"] = Entry(batch.mix_box, {groups, 4});
  }
  ASSIGN_OR_RETURN(FileWriter file, FileWriter::Create(JoinPath(folder, name), files));
  RETURN_IF_ERROR(AppendSafetensors(tensors, {}, &file));
  state->files[name] = file.sum();
  return file.Finish();
}

absl::Status WriteAll(const std::string& folder, const Capsule& capsule, const Session& session,
                      const std::map<std::string, std::string>& metadata,
                      const BatchSource& next_batch, FileSystem* files) {
  RunState state = capsule.before.state;
  state.files.clear();
  for (size_t i = 0; i < capsule.losses.size(); ++i) {
    ASSIGN_OR_RETURN(const Batch* batch, next_batch());
    RETURN_IF_ERROR(WriteBatch(*batch, session, BatchFile(i), folder, &state, files));
  }
  ASSIGN_OR_RETURN(FileWriter file, FileWriter::Create(JoinPath(folder, kCapsuleFile), files));
  RETURN_IF_ERROR(file.Append(Text(capsule)));
  state.files[kCapsuleFile] = file.sum();
  RETURN_IF_ERROR(file.Finish());
  return WriteCheckpointFiles(folder, std::move(state), session, metadata, files);
}

absl::Status CheckSpace(const std::string& folder, const Capsule& capsule, const Session& session,
                        FileSystem* files) {
  ASSIGN_OR_RETURN(const graph::ConstTensor images, session.train().Find("images"));
  return CheckRoom("it",
                   CheckpointBytes(session) + static_cast<int64_t>(capsule.losses.size()) *
                                                  static_cast<int64_t>(images.type.bytes()),
                   folder, files);
}

}  // namespace

absl::StatusOr<std::string> WriteCapsule(const std::string& run_folder, const Capsule& capsule,
                                         const Session& session,
                                         const std::map<std::string, std::string>& metadata,
                                         const BatchSource& next_batch, FileSystem* files) {
  CHECK(!capsule.losses.empty() && capsule.losses.size() == capsule.images.size());
  const std::string folder = JoinPath(run_folder, kCapsulesFolder);
  RETURN_IF_ERROR(PrepareStepFolders(folder, files));
  RETURN_IF_ERROR(CheckSpace(folder, capsule, session, files));
  const auto write = [&](const std::string& staging) {
    return WriteAll(staging, capsule, session, metadata, next_batch, files);
  };
  return WriteStepFolder(folder, capsule.step, write, files);
}

std::vector<int64_t> CapsuleSteps(const std::string& run_folder) {
  std::vector<int64_t> steps;
  for (const std::string& name : NamesIn(JoinPath(run_folder, kCapsulesFolder))) {
    if (const auto step = StepOfName(name); step.has_value()) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::StatusOr<Capsule> OpenCapsule(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return absl::NotFoundError(absl::StrCat(
        path, " is no folder; a run leaves its capsules in output_dir/", kCapsulesFolder));
  }
  Capsule capsule;
  ASSIGN_OR_RETURN(capsule.before, OpenCheckpoint(path));
  const auto& sums = capsule.before.state.files;
  if (sums.count(kCapsuleFile) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a checkpoint, not a capsule: it has no ", kCapsuleFile));
  }
  for (const auto& [name, sum] : sums) {
    if (name == kModelFile || name == kOptimizerFile) continue;  // OpenCheckpoint has
    if (absl::StrContains(name, '/')) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " names a file elsewhere: ", graph::Quoted(name)));
    }
    RETURN_IF_ERROR(CheckSum(JoinPath(path, name), sum));
  }
  RETURN_IF_ERROR(ReadCapsuleFile(&capsule));
  for (size_t i = 0; i < capsule.losses.size(); ++i) {
    if (sums.count(BatchFile(i)) == 0) {
      return absl::DataLossError(absl::StrCat(path, " has no ", BatchFile(i)));
    }
  }
  return capsule;
}

absl::Status CheckCanGoOn(const Checkpoint& checkpoint) {
  const auto sum = checkpoint.state.files.find(kCapsuleFile);
  if (sum == checkpoint.state.files.end()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckSum(JoinPath(checkpoint.path, kCapsuleFile), sum->second));
  Capsule capsule;
  capsule.before = checkpoint;
  RETURN_IF_ERROR(ReadCapsuleFile(&capsule));
  if (capsule.first_micro_batch == 0) return absl::OkStatus();
  const std::string run = fs::path(checkpoint.path).parent_path().parent_path().string();
  const std::vector<int64_t> steps = CheckpointSteps(run).value_or(std::vector<int64_t>());
  const auto later = std::lower_bound(steps.begin(), steps.end(), capsule.step);
  std::string way_out = "begin a new run";
  if (later != steps.begin()) {
    way_out = absl::StrCat("go on from the checkpoint before it with --resume=",
                           JoinPath(JoinPath(run, kCheckpointsFolder), CheckpointName(later[-1])));
    // A folder goes on from its newest checkpoint alone.
    if (later != steps.end()) absl::StrAppend(&way_out, " --output_dir=ANOTHER");
  }
  return absl::FailedPreconditionError(absl::StrCat(
      checkpoint.path, " is a capsule of micro-batch ", capsule.first_micro_batch + 1, " of ",
      capsule.micro_batches, " of step ", capsule.step, ", and no run goes on from within a step; ",
      "repeat it with ", Invocation("replay"), " --capsule=", checkpoint.path, ", or ", way_out));
}

absl::StatusOr<Batch> ReadCapsuleBatch(const Capsule& capsule, int i) {
  const std::string path = JoinPath(capsule.before.path, BatchFile(static_cast<size_t>(i)));
  ASSIGN_OR_RETURN(const SafetensorsReader file, SafetensorsReader::Open(path));
  Batch batch;
  ASSIGN_OR_RETURN(batch.images, file.Values<float>("images"));
  ASSIGN_OR_RETURN(batch.keys, file.Values<int64_t>("keys"));
  ASSIGN_OR_RETURN(batch.labels, file.Values<int32_t>("labels"));
  ASSIGN_OR_RETURN(const std::vector<int64_t> ids, file.Values<int64_t>("image_ids"));
  batch.image_ids.assign(ids.begin(), ids.end());
  const size_t n = batch.keys.size();
  if (n == 0 || batch.labels.size() != n || ids.size() != n || batch.images.size() % n != 0) {
    return graph::InvalidArgument(path, ": its tensors have not one number of images");
  }
  if (file.Find("mix_lam").ok()) {
    ASSIGN_OR_RETURN(batch.mix_mode, file.Values<int32_t>("mix_mode"));
    ASSIGN_OR_RETURN(batch.mix_lam, file.Values<float>("mix_lam"));
    ASSIGN_OR_RETURN(batch.mix_box, file.Values<int32_t>("mix_box"));
  }
  batch.valid = static_cast<int64_t>(n);
  return batch;
}

}  // namespace models
