#include "tools/replay_step.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "models/training/capsule.h"
#include "models/training/forward_net.h"
#include "models/training/output_dir.h"
#include "models/training/session.h"
#include "tools/environment.h"
#include "tools/flags/parse_flags.h"
#include "tools/reference_backend.h"
#include "tools/resume.h"

namespace tools {
namespace {

std::string Row(const char* label, const std::string& text) {
  return absl::StrFormat("  %-9s %s\n", label, text);
}

// All digits, so that what is compared by eye is what is compared.
std::string Exact(double value) {
  return std::isnan(value) ? "nan" : absl::StrFormat("%.9g", value);  // not "-nan"
}

bool SameBits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The run's flags, overridden by those of the replay.
absl::StatusOr<ResolvedFlags> Flags(const ReplayStepOptions& options,
                                    const models::Capsule& capsule, const models::Zoo& zoo,
                                    const MachineDefaults& machine) {
  const std::string name = absl::StrCat(capsule.before.path, "/state.json");
  ASSIGN_OR_RETURN(ParsedFlags parsed,
                   ParseTrainFlags({}, zoo, Note(capsule.before.state, kFlagsNote), name));
  if (!parsed.flags.model.has_value()) {
    return graph::InvalidArgument(name, ": its flags name no model");
  }
  if (!options.precision.empty()) parsed.flags.precision = options.precision;
  if (options.threads > 0) parsed.flags.threads = options.threads;
  if (options.device.device == "reference") {
    // It has not all the passes that the run may have left out, and none changes what is computed.
    parsed.flags.disable_pass.reset();
  }
  absl::StatusOr<models::ZooEntry> entry = zoo.Find(*parsed.flags.model);
  if (!entry.ok()) return graph::Annotate(entry.status(), name);
  absl::StatusOr<ResolvedFlags> resolved = ResolveTrainFlags(parsed.flags, *entry, machine);
  if (!resolved.ok()) return graph::Annotate(resolved.status(), name);
  return resolved;
}

// Users easily give a run's folder instead of a capsule's.
absl::Status CheckIsNoRun(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path) / models::kCapsulesFolder;
  std::vector<std::string> capsules;
  for (const int64_t step : models::CapsuleSteps(path)) {
    capsules.push_back("--capsule=" + (folder / models::CheckpointName(step)).string());
  }
  if (capsules.empty()) return absl::OkStatus();
  return graph::InvalidArgument("--capsule=", path, " is a run's folder; choose one of its steps: ",
                                absl::StrJoin(capsules, ", "));
}

// Without the libraries that `now` lacks: only the trainer has those that read and draw pictures.
Environment OfThisProgram(Environment then, const Environment& now) {
  if (!then.is_object() || !then["libraries"].is_object()) return then;
  Environment kept = Environment::object();
  for (const auto& [name, version] : then["libraries"].items()) {
    if (now["libraries"].contains(name)) kept[name] = version;
  }
  then["libraries"] = kept;
  return then;
}

// A capsule, ready to run.
class Replay {
 public:
  Replay(const ReplayStepOptions& options, models::Capsule capsule, ResolvedFlags resolved,
         const graph::SchemaRegistry& registry, graph::Backend backend)
      : options_(options),
        capsule_(std::move(capsule)),
        resolved_(std::move(resolved)),
        backend_(std::move(backend)) {
    session_options_.compile = {&registry, &backend_, PassOptions(resolved_)};
    session_options_.recipe = resolved_.entry.recipe;
    session_options_.step = resolved_.step;
    session_options_.evaluations = false;
    session_options_.loader_batches = 1;
    model_ = resolved_.entry.make(resolved_.entry, capsule_.num_classes);
  }

  absl::StatusOr<std::string> Report() {
    ASSIGN_OR_RETURN(session_, models::Session::Create(model_.get(), session_options_));
    RETURN_IF_ERROR(models::RestoreCheckpoint(capsule_.before, session_.get()));
    std::string text = Head();
    ASSIGN_OR_RETURN(const std::string step, Step());
    text += step;
    if (capsule_.spike) {
      ASSIGN_OR_RETURN(const std::string images, LargestLosses());
      text += images;
    }
    return text;
  }

 private:
  std::string Head() const {
    std::string scheduled;
    for (const auto& [name, value] : capsule_.scheduled) {
      absl::StrAppendFormat(&scheduled, ", %s %g", name, value);
    }
    std::string text = absl::StrCat(capsule_.before.path, "\n");
    text +=
        Row("step", absl::StrFormat("%d of %s, epoch %.3f, lr %g%s", capsule_.step,
                                    resolved_.entry.name, capsule_.epoch, capsule_.lr, scheduled));
    const size_t here = capsule_.losses.size();
    text += Row("batch",
                absl::StrFormat("%d images, micro-batches %d to %d of %d",
                                here * capsule_.images[0].size(), capsule_.first_micro_batch + 1,
                                capsule_.first_micro_batch + here, capsule_.micro_batches));
    text += Row("replayed", absl::StrFormat("on %s: %s, %s", backend_.name, backend_.description,
                                            resolved_.flags.precision.value()));
    text += Row("seen", capsule_.seen);
    return text;
  }

  // Does not change the parameters.
  absl::StatusOr<std::string> Step() {
    int next = 0;
    const int here = static_cast<int>(capsule_.losses.size());
    const auto next_batch = [&]() -> absl::StatusOr<const models::Batch*> {
      ASSIGN_OR_RETURN(batch_, models::ReadCapsuleBatch(capsule_, next++));
      return &batch_;
    };
    // What came after them in the window is not in the capsule.
    const absl::StatusOr<models::StepResult> result =
        session_->Step(next_batch, capsule_.lr, capsule_.scheduled, here,
                       /*hold_above=*/-std::numeric_limits<double>::infinity());
    const bool not_finite = absl::IsOutOfRange(result.status());
    if (!result.ok() && !not_finite) return result.status();
    const std::string now = not_finite ? std::string(result.status().message()) : "all is finite";
    std::string text = Row("now", now);

    bool same = session_->window_losses().size() == capsule_.losses.size();
    for (size_t i = 0; i < session_->window_losses().size(); ++i) {
      const double was = capsule_.losses[i], is = session_->window_losses()[i];
      same = same && SameBits(was, is);
      const char* unit = SameBits(was, is) ? ", equal to the last bit" : "";
      text += Row("loss", absl::StrCat(Exact(was), " then, ", Exact(is), " now", unit));
    }
    text += Row("result", Verdict(same, not_finite, now));
    return text;
  }

  std::string Verdict(bool same, bool not_finite, const std::string& now) const {
    std::string text;
    if (capsule_.spike) {
      text = same ? "the run's loss" : "not the run's loss";
    } else if (!not_finite) {
      text = "nothing is wrong here";
    } else {
      text = now == capsule_.seen ? "what the run saw" : "not what the run saw";
    }
    if (same && (capsule_.spike || (not_finite && now == capsule_.seen))) return text;
    std::vector<std::string> differences;
    if (options_.device.device == "reference") {
      differences.push_back("the reference backend computes in double");
    }
    differences.insert(differences.end(), resolved_.notices.begin(), resolved_.notices.end());
    if (!options_.precision.empty()) differences.push_back("--precision=" + options_.precision);
    const Environment then = ParseEnvironment(Note(capsule_.before.state, kEnvironmentNote));
    const Environment here =
        DescribeEnvironment({{}, {}, backend_.device->threads(), DeviceText(backend_)});
    for (std::string& d : EnvironmentDifferences(OfThisProgram(then, here), here)) {
      // Always another program.
      if (d.rfind("program:", 0) != 0) differences.push_back(std::move(d));
    }
    for (const std::string& difference : differences) absl::StrAppend(&text, "; ", difference);
    return text;
  }

  // Each image by itself, with the masks it had.
  absl::StatusOr<std::string> LargestLosses() {
    graph::Workspace workspace(backend_.device);  // the session's has another batch
    ASSIGN_OR_RETURN(const std::unique_ptr<models::ForwardNet> net,
                     models::ForwardNet::Compile(
                         "one_image", session_options_.compile,
                         [this](models::ModelBuilder* builder) -> models::ForwardNet::Outputs {
                           return {{"loss", model_->BuildTraining(builder, 1).loss}};
                         },
                         &workspace));
    for (const models::Parameter& p : net->parameters()) {
      RETURN_IF_ERROR(workspace.CopyFrom(*session_->workspace(), p.name));
    }
    struct Found {
      double loss;
      std::string image;
    };
    std::vector<Found> found;
    for (size_t b = 0; b < capsule_.losses.size(); ++b) {
      ASSIGN_OR_RETURN(const models::Batch batch,
                       models::ReadCapsuleBatch(capsule_, static_cast<int>(b)));
      const size_t n = batch.keys.size(), pixels = batch.images.size() / n;
      for (size_t i = 0; i < n; ++i) {
        models::Batch one;
        const auto begin = batch.images.begin() + static_cast<int64_t>(i * pixels);
        one.images.assign(begin, begin + static_cast<int64_t>(pixels));
        one.keys = {batch.keys[i]};
        one.labels = {batch.labels[i]};
        RETURN_IF_ERROR(net->Feed(one));
        for (const auto& [name, value] : capsule_.scheduled) {
          const absl::StatusOr<graph::Tensor> input = net->Input(name);
          if (input.ok()) RETURN_IF_ERROR(input->WriteScalar(value));
        }
        RETURN_IF_ERROR(net->Run());
        ASSIGN_OR_RETURN(const std::vector<float> loss, net->Read<float>("loss"));
        const std::vector<std::string>& names = capsule_.images[b];
        found.push_back({double{loss[0]}, i < names.size() ? names[i] : "?"});
      }
    }
    // Losses that are not finite come first.
    const auto key = [](const Found& f) {
      return std::isfinite(f.loss) ? f.loss : std::numeric_limits<double>::infinity();
    };
    std::stable_sort(found.begin(), found.end(),
                     [&](const Found& a, const Found& b) { return key(a) > key(b); });
    std::string text = Row("images", "largest losses, each image by itself:");
    const size_t shown = std::min(found.size(), static_cast<size_t>(options_.images));
    for (size_t i = 0; i < shown; ++i) {
      text += Row("", absl::StrFormat("%-12s %s", Exact(found[i].loss), found[i].image));
    }
    const double median = found[found.size() / 2].loss;
    text += Row("", absl::StrFormat("%-12s the median of %d", Exact(median), found.size()));
    return text;
  }

  const ReplayStepOptions options_;
  const models::Capsule capsule_;
  const ResolvedFlags resolved_;
  const graph::Backend backend_;
  models::SessionOptions session_options_;
  std::unique_ptr<models::Model> model_;
  std::unique_ptr<models::Session> session_;
  models::Batch batch_;
};

}  // namespace

absl::StatusOr<std::string> ReplayStep(const ReplayStepOptions& options, const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry,
                                       const MachineDefaults& machine) {
  const std::string path = models::ResolveUserPath(options.capsule);
  RETURN_IF_ERROR(CheckIsNoRun(path));
  ASSIGN_OR_RETURN(models::Capsule capsule, models::OpenCapsule(path));
  ASSIGN_OR_RETURN(ResolvedFlags resolved, Flags(options, capsule, zoo, machine));
  const int threads = static_cast<int>(resolved.flags.threads.value());
  ASSIGN_OR_RETURN(graph::Backend backend, MakeAnyBackend(options.device, threads));
  return Replay(options, std::move(capsule), std::move(resolved), registry, std::move(backend))
      .Report();
}

}  // namespace tools
