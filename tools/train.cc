// Pretrains a model of the zoo:
//
//   bazel run //tools:train -- --model=droppos_tiny
//   bazel run //tools:train -- --model=droppos_vitb --data_path=DIR --output_dir=runs/a
//   bazel run //tools:train -- --help
//
// Everything that can be wrong with flags, data and folders is found before the
// first file is written.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "graph/base/status.h"
#include "models/data/open_dataset.h"
#include "models/training/checkpoint.h"
#include "models/training/output_dir.h"
#include "models/training/trainer.h"
#include "tools/banner.h"
#include "tools/benchmark/host.h"
#include "tools/benchmark/machine_rates.h"
#include "tools/dump/graph_dump.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/pass_options.h"
#include "tools/flags/resolve_flags.h"
#include "tools/list_models.h"
#include "tools/machine.h"
#include "tools/observers.h"
#include "tools/plan/plan_report.h"
#include "tools/plugins.h"
#include "tools/profile_run.h"
#include "tools/short_spins.h"

namespace tools {
namespace {

// Ctrl-C and SIGTERM end a run after the step at hand; a second one kills.
std::atomic<bool> g_stop{false};

void Stop(int signal) {
  g_stop = true;
  std::signal(signal, SIG_DFL);
}

// The output folder is not among them: repeating a run needs another one.
absl::Status WriteFlags(const ResolvedFlags& resolved, const std::string& path) {
  TrainFlags flags = resolved.flags;
  flags.output_dir.reset();
  std::ofstream file(path);
  file << TrainFlagsText(flags, "All flags of this run but --output_dir, for --flagfile.");
  file.flush();
  if (!file) return absl::UnknownError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

// That held-out images can be read is found now, not after the first epoch. A few
// bad ones are the loader's to judge.
absl::Status CheckHeldOut(const models::Dataset& held_out) {
  constexpr int64_t kTried = 20;
  absl::Status first;
  for (int64_t i = 0; i < std::min(kTried, held_out.size()); ++i) {
    const absl::Status status = held_out.Load(i).status();
    if (status.ok()) return absl::OkStatus();
    first.Update(status);
  }
  return graph::Annotate(first,
                         "no held-out image can be read; check val/ and val.txt under "
                         "--data_path; the first one");
}

// Files of the data set that need labels and have none, and the like.
absl::Status CheckData(const ResolvedFlags& resolved, const models::Datasets& data) {
  if (data.held_out != nullptr) RETURN_IF_ERROR(CheckHeldOut(*data.held_out));
  if (!resolved.entry.needs_labels || data.train->num_classes() > 0) return absl::OkStatus();
  return graph::InvalidArgument("--model=", resolved.entry.name, " needs labels, but ",
                                data.description, " has none; put the images of each class into ",
                                "a folder of its own");
}

absl::Status PrintPlan(const models::Model& model, const models::SessionOptions& options) {
  ASSIGN_OR_RETURN(const MachineRates rates, MeasureMachineRates(options.compile.threads));
  ASSIGN_OR_RETURN(const std::string report, PlanReport(model, options, rates));
  std::cout << report;
  return absl::OkStatus();
}

absl::Status RunTraining(const ParsedFlags& parsed, const models::Zoo& zoo,
                         const graph::SchemaRegistry& registry) {
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
  ASSIGN_OR_RETURN(ResolvedFlags resolved, ResolveTrainFlags(parsed.flags, entry, DetectMachine()));
  for (const std::string& notice : parsed.notices) std::cout << "note: " << notice << "\n";
  for (const std::string& notice : resolved.notices) std::cout << "note: " << notice << "\n";
  const TrainFlags& flags = resolved.flags;

  models::OpenOptions open;
  open.data_path = flags.data_path.value_or("");
  open.input_height = resolved.entry.model.input_h;
  open.input_width = resolved.entry.model.input_w;
  open.val_fraction = flags.val_fraction.value();
  ASSIGN_OR_RETURN(const models::Datasets data, models::OpenDatasets(open));
  for (const std::string& warning : data.warnings) std::cout << "warning: " << warning << "\n";
  RETURN_IF_ERROR(CheckData(resolved, data));
  ASSIGN_OR_RETURN(const int64_t steps_per_epoch,
                   models::StepsPerEpoch(data.train->size(), resolved.entry.recipe.batch_size,
                                         resolved.accum_iter, resolved.step_every_micro_batch));
  const std::unique_ptr<models::Model> model =
      resolved.entry.make(resolved.entry, data.train->num_classes());
  const graph::Backend backend = MakeCpuBackend(static_cast<int>(flags.threads.value()));
  models::SessionOptions session_options;
  session_options.compile.registry = &registry;
  session_options.compile.backend = &backend;
  session_options.compile.threads = static_cast<int>(flags.threads.value());
  session_options.compile.passes = PassOptions(flags);
  session_options.recipe = resolved.entry.recipe;
  session_options.accum_iter = resolved.accum_iter;
  session_options.step_every_micro_batch = resolved.step_every_micro_batch;
  session_options.seed = static_cast<uint64_t>(flags.seed.value());
  session_options.other_nets = [&](int batch_size) {
    return Observers::Nets(resolved, data, registry, batch_size);
  };
  ASSIGN_OR_RETURN(const int observed, Observers::LoaderBatches(resolved, data));
  session_options.loader_batches += observed;
  if (parsed.flags.plan.value_or(false)) return PrintPlan(*model, session_options);
  ASSIGN_OR_RETURN(models::OutputDir output,
                   models::OutputDir::Choose(flags.output_dir.value_or(""), resolved.entry.name,
                                             resolved.overwrite));
  resolved.flags.output_dir = output.path();
  GraphDump dump;
  if (flags.dump_graph) {
    session_options.dump = [&dump](const std::string& stage, const graph::Net& net) {
      dump.Add(stage, net);
    };
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Session> session,
                   models::Session::Create(model.get(), session_options));
  std::string loaded;
  if (flags.init_from) {
    ASSIGN_OR_RETURN(loaded, models::LoadParameters(
                                 *flags.init_from, session->parameters(),
                                 {flags.allow_missing.value_or(std::vector<std::string>()), false},
                                 session->workspace()));
  }
  std::vector<std::string> notes;
  ASSIGN_OR_RETURN(const std::unique_ptr<Observers> observers,
                   Observers::Create(resolved, data, session_options.compile, session.get(),
                                     output.File(models::kVisFolder), &notes));
  for (const std::string& note : notes) std::cout << "note: " << note << "\n";
  std::cout << Banner(resolved, *model, data, *session, backend, steps_per_epoch, output.path());
  if (!loaded.empty()) std::cout << "  start      " << loaded << "\n";
  std::cout << std::endl;

  if (flags.dump_graph) {
    ASSIGN_OR_RETURN(const std::vector<std::string> written, dump.Write(*flags.dump_graph));
    std::cout << "wrote " << written.size() << " graph files to " << *flags.dump_graph << "\n";
  }
  if (flags.steps && *flags.steps == 0) {
    std::cout << "--steps=0: everything is set up; nothing trained, nothing written to "
              << output.path() << "\n";
    return absl::OkStatus();
  }

  RETURN_IF_ERROR(output.Create());
  RETURN_IF_ERROR(WriteFlags(resolved, output.File(models::kFlagsFile)));
  models::TrainerOptions options;
  const models::RecipeConfig& recipe = resolved.entry.recipe;
  options.schedule = {resolved.lr, recipe.min_lr, recipe.warmup_epochs,
                      static_cast<double>(recipe.epochs)};
  options.batch_size = recipe.batch_size;
  options.accum_iter = resolved.accum_iter;
  options.step_every_micro_batch = resolved.step_every_micro_batch;
  options.seed = session_options.seed;
  options.num_workers = static_cast<int>(flags.num_workers.value());
  options.random_crop = flags.data_path.has_value();
  options.exact_decode = flags.exact_decode.value();
  options.steps = flags.steps.value_or(-1);
  options.eval_every = flags.eval_every.value();
  options.also_evaluate = [&observers] { return observers->Evaluate(); };
  options.vis_every = flags.vis_every.value_or(0);
  options.visualize = [&observers](int64_t step) { return observers->Visualize(step); };
  options.print_every = flags.print_every.value();
  if (const double seconds = SecondsSinceLaunch(); seconds > 0) {
    options.launched = absl::Now() - absl::Seconds(seconds);
  }
  options.metrics_path = output.File(models::kMetricsFile);
  options.checkpoint_path = output.File(models::kCheckpointFile);
  options.metadata = {{"model", resolved.entry.name},
                      {"flags", TrainFlagsText(resolved.flags, "")}};
  options.stop = &g_stop;
  std::unique_ptr<ProfileRun> profile;
  if (flags.profile) {
    ProfileRunOptions profile_options;
    profile_options.steps = static_cast<int>(*flags.profile);
    profile_options.accum_iter = resolved.accum_iter;
    profile_options.threads = session_options.compile.threads;
    profile_options.folder = output.File(models::kProfileFolder);
    auto created =
        ProfileRun::Create(registry, profile_options, session.get(), &options, &std::cout);
    if (!created.ok()) {
      output.Discard();
      return created.status();
    }
    profile = *std::move(created);
  }
  std::signal(SIGINT, Stop);
  std::signal(SIGTERM, Stop);
  const absl::Status trained =
      models::Train(options, *model, *data.train, data.held_out.get(), session.get(), &std::cout);
  if (profile != nullptr && trained.ok()) RETURN_IF_ERROR(profile->Finish());
  // A run that ended before its first step leaves nothing that blocks the next try.
  if (!trained.ok() && !std::ifstream(options.checkpoint_path)) output.Discard();
  return trained;
}

absl::Status Main(const std::vector<std::string>& args) {
  ASSIGN_OR_RETURN(const ParsedFlags parsed, ParseTrainFlags(args));
  const models::Zoo zoo = MakeZoo();
  const graph::SchemaRegistry registry = MakeRegistry();
  if (parsed.flags.help.value_or(false)) {
    ASSIGN_OR_RETURN(const models::ZooEntry entry,
                     zoo.Find(parsed.flags.model.value_or("droppos_vitb")));
    ASSIGN_OR_RETURN(const ResolvedFlags example,
                     ResolveTrainFlags(TrainFlags(), entry, DetectMachine()));
    std::cout << TrainFlagsHelp(example.flags);
    return absl::OkStatus();
  }
  if (parsed.flags.list_models.value_or(false)) {
    ASSIGN_OR_RETURN(const std::string table, ListModels(zoo, registry));
    std::cout << table;
    return absl::OkStatus();
  }
  return RunTraining(parsed, zoo, registry);
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  tools::UseShortSpins(argv);
  const absl::Status status = tools::Main({argv + 1, argv + argc});
  if (status.ok()) return 0;
  std::cerr << "train: " << status.message() << std::endl;
  return 1;
}
