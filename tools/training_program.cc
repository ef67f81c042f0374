#include "tools/training_program.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "graph/base/shell_word.h"
#include "graph/base/status.h"
#include "models/data/open_dataset.h"
#include "models/data/subset.h"
#include "models/files/durable.h"
#include "models/training/checkpoint.h"
#include "models/training/checkpoint_store.h"
#include "models/training/event_log.h"
#include "models/training/invocation.h"
#include "models/training/output_dir.h"
#include "models/training/run_log.h"
#include "models/training/screen_text.h"
#include "models/training/trainer.h"
#include "tools/banner.h"
#include "tools/benchmark/host.h"
#include "tools/closing.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/dump/graph_dump.h"
#include "tools/environment.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"
#include "tools/flags/train_help.h"
#include "tools/list_models.h"
#include "tools/machine.h"
#include "tools/observers.h"
#include "tools/plan/gpu_plan.h"
#include "tools/plugins.h"
#include "tools/print_plan.h"
#include "tools/profile_run.h"
#include "tools/program.h"
#include "tools/resume.h"
#include "tools/run_options.h"
#include "tools/stop_signal.h"
#include "tools/train_warnings.h"

namespace tools {
namespace {

// That held-out images can be read is found now, not after the first epoch. A few
// bad ones are the loader's to judge.
absl::Status CheckHeldOut(const models::Datasets& data) {
  constexpr int64_t kTried = 20;
  absl::Status first;
  for (int64_t i = 0; i < std::min(kTried, data.held_out->size()); ++i) {
    const absl::Status status = data.held_out->Load(i).status();
    if (status.ok()) return absl::OkStatus();
    first.Update(status);
  }
  return graph::Annotate(first, absl::StrCat("no held-out image can be read; --data_path=",
                                             data.description, "; the first one"));
}

// Files of the data set that need labels and have none, and the like.
absl::Status CheckData(const ResolvedFlags& resolved, const models::Datasets& data) {
  if (data.held_out != nullptr) RETURN_IF_ERROR(CheckHeldOut(data));
  const int classes = data.train->num_classes();
  if (resolved.flags.nb_classes.value_or(classes) != classes) {
    return graph::InvalidArgument("--nb_classes=", *resolved.flags.nb_classes, ", but ",
                                  data.description, " has ", classes, "; leave the flag out");
  }
  if (!resolved.entry.needs.labels || data.train->num_classes() > 0) return absl::OkStatus();
  return graph::InvalidArgument("--model=", resolved.entry.name, " needs labels, but ",
                                data.description, " has none; put the images of each class into ",
                                "a folder of its own");
}

// --label_fraction, --labels_per_class.
absl::Status LimitLabels(const TrainFlags& flags, std::unique_ptr<models::Dataset>* train) {
  if (*flags.label_fraction == 1 && !flags.labels_per_class) return absl::OkStatus();
  if (*flags.label_fraction != 1 && flags.labels_per_class) {
    return graph::InvalidArgument("--label_fraction and --labels_per_class both say how many labels "
                                  "are used; give one");
  }
  ASSIGN_OR_RETURN(std::vector<int64_t> chosen,
                   models::ChooseLabelled(**train, {*flags.label_fraction, flags.labels_per_class,
                                                    static_cast<uint64_t>(*flags.label_seed)}));
  *train = std::make_unique<models::Subset>(std::move(*train), std::move(chosen));
  return absl::OkStatus();
}

// What flags and files say before anything is made of it.
struct Setup {
  DeviceChoice device;
  GpusToDescribe gpus;      // for which --plan plans
  Environment environment;  // once the run starts
  ResolvedFlags resolved;
  Resumption resumption;
  models::Datasets data;
  models::EpochPlan epochs;
};

absl::StatusOr<DeviceChoice> DeviceOf(const TrainFlags& flags, const GpusToDescribe& gpus,
                                      int threads) {
  if (!gpus.chips.empty()) return DescribedDevice(gpus.chips[0]);
  if (gpus.here.has_value()) return *gpus.here;
  return ChooseDevice(flags.device.value_or("cpu"), threads);
}

absl::StatusOr<Setup> ReadSetup(const ParsedFlags& parsed, Resumption resumption,
                                const models::Zoo& zoo, models::RunLog* log) {
  Setup setup;
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
  const auto threads = static_cast<int>(parsed.flags.threads.value_or(DetectCpus().usable()));
  ASSIGN_OR_RETURN(setup.gpus, ChooseGpusToDescribe(parsed.flags, threads));
  ASSIGN_OR_RETURN(setup.device, DeviceOf(parsed.flags, setup.gpus, threads));
  ASSIGN_OR_RETURN(setup.resolved,
                   ResolveTrainFlags(parsed.flags, entry, DetectMachine(setup.device)));
  std::vector<std::string> notes = parsed.notices;
  notes.insert(notes.end(), setup.resolved.notices.begin(), setup.resolved.notices.end());
  for (const auto& damaged : resumption.damaged) {
    notes.push_back(absl::StrCat("passed over a checkpoint: ", damaged.reason));
  }
  if (!resumption.note.empty()) notes.push_back(resumption.note);
  if (resumption.checkpoint.has_value()) {
    RETURN_IF_ERROR(
        CheckSameRun(resumption, setup.resolved.flags, zoo, setup.resolved.lacks));
  }
  if (!resumption.output_dir.empty()) setup.resolved.flags.output_dir = resumption.output_dir;
  for (const std::string& note : notes) log->Line(absl::StrCat("note: ", note));
  setup.resumption = std::move(resumption);

  models::OpenOptions open = MakeOpenOptions(setup.resolved);
  open.on_scan = [log](const std::string& line) { log->Line(line); };
  if (!parsed.flags.val_fraction) open.least_held_out = models::kLeastHeldOut;
  ASSIGN_OR_RETURN(setup.data, models::OpenDatasets(open));
  // Whoever goes on with the run or evaluates it holds out the same.
  if (setup.data.val_fraction) setup.resolved.flags.val_fraction = setup.data.val_fraction;
  RETURN_IF_ERROR(LimitLabels(setup.resolved.flags, &setup.data.train));
  for (const std::string& warning : setup.data.warnings) {
    log->Line(absl::StrCat("warning: ", warning));
  }
  if (!setup.resumption.checkpoint.has_value()) {
    for (const std::string& warning : TrainWarnings(parsed.flags, setup.resolved, setup.data)) {
      log->Line(absl::StrCat("warning: ", warning));
    }
  }
  RETURN_IF_ERROR(CheckData(setup.resolved, setup.data));
  ASSIGN_OR_RETURN(setup.epochs,
                   models::EpochPlan::Of(setup.resolved.step, setup.data.train->size()));
  return setup;
}

absl::StatusOr<models::SessionOptions> OptionsOfSession(const Setup& setup,
                                                        const graph::SchemaRegistry& registry,
                                                        const graph::Backend& backend) {
  models::SessionOptions options = MakeSessionOptions(setup.resolved);
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  options.other_nets = [&setup, &registry](int batch_size) {
    return Observers::Nets(setup.resolved, setup.data, registry, batch_size);
  };
  ASSIGN_OR_RETURN(const int observed, Observers::LoaderBatches(setup.resolved, setup.data));
  options.loader_batches += observed;
  return options;
}

// Parameters from elsewhere than the initialisation; a line that says from where, or none.
absl::StatusOr<std::string> LoadStart(const Setup& setup, models::Session* session) {
  const TrainFlags& flags = setup.resolved.flags;
  if (const auto& checkpoint = setup.resumption.checkpoint; checkpoint.has_value()) {
    RETURN_IF_ERROR(models::RestoreCheckpoint(*checkpoint, session));
    return absl::StrCat("resumed after step ", checkpoint->state.step, " from ", checkpoint->path);
  }
  const absl::optional<std::string>& from = flags.finetune ? flags.finetune : flags.init_from;
  if (!from.has_value()) return std::string();
  ASSIGN_OR_RETURN(const std::string file, models::FindModelFile(*from));
  return models::LoadParameters(file, session->parameters(), MakeLoadOptions(setup.resolved),
                                session->workspace());
}

models::TrainerOptions OptionsOfTrainer(const Setup& setup, const models::OutputDir& output) {
  models::TrainerOptions options = MakeTrainerOptions(setup.resolved, output.path());
  if (const double seconds = SecondsSinceLaunch(); seconds > 0) {
    options.launched =
        std::chrono::steady_clock::now() - absl::ToChronoNanoseconds(absl::Seconds(seconds));
  }
  options.notes = {{kFlagsNote, FlagsOfRun(setup.resolved, "")},
                   {kEnvironmentNote, EnvironmentText(setup.environment)}};
  options.stop = StopSignal();
  if (setup.resumption.checkpoint.has_value()) {
    options.resume = &setup.resumption.checkpoint->state;
  }
  return options;
}

// Asks git, which may take seconds: for a run that starts, and when nothing is wrong so far.
Environment DescribeRun(const Setup& setup, const graph::Backend& backend,
                        const std::vector<std::string>& args, absl::Time started,
                        models::RunLog* log) {
  const Environment environment = DescribeEnvironment(
      {args, started, static_cast<int>(*setup.resolved.flags.threads), DeviceText(backend)});
  if (setup.resumption.checkpoint.has_value()) {
    const std::string changed = WhatRoundsDifferently(setup.resumption, environment);
    if (!changed.empty()) log->Line(absl::StrCat("note: ", changed));
  }
  return environment;
}

// The folder's files that are there before the first step.
absl::Status BeginOutput(const Setup& setup, models::OutputDir* output, models::RunLog* log) {
  RETURN_IF_ERROR(output->Create());
  if (!output->is_locked()) {
    log->Line(absl::StrCat("note: the file system of ", output->path(), " has no locks: nothing ",
                           "keeps a second run from writing into this folder"));
  }
  const Resumption& resumption = setup.resumption;
  ASSIGN_OR_RETURN(const std::vector<std::string> lines, TakeOverCheckpoints(resumption));
  for (const std::string& line : lines) log->Line(line);
  if (!resumption.logs_from.empty()) RETURN_IF_ERROR(CopyLogs(resumption, *output));
  RETURN_IF_ERROR(
      log->Open(output->File(models::kTrainLogFile),
                resumption.checkpoint.has_value() ? resumption.checkpoint->state.log_bytes : 0));
  RETURN_IF_ERROR(models::ReplaceFile(output->File(models::kEnvironmentFile),
                                      EnvironmentText(setup.environment),
                                      models::FileSystem::Real()));
  return models::ReplaceFile(
      output->File(models::kFlagsFile),
      FlagsOfRun(setup.resolved, "All flags of this run but --output_dir, for --flagfile."),
      models::FileSystem::Real());
}

absl::Status RunTraining(const TrainingProgramKind& kind, const ParsedFlags& parsed,
                         Resumption resumption, const std::vector<std::string>& args,
                         const graph::SchemaRegistry& registry) {
  const absl::Time started = absl::Now();
  // With --plan=json standard output has the object and nothing else.
  const models::RunLog::Screen screen =
      parsed.flags.plan == "json" ? models::RunLog::Screen{&std::cerr, false, {}}
                                  : models::RunLog::ScreenOf(Screen(), STDOUT_FILENO);
  models::RunLog log(screen);
  ASSIGN_OR_RETURN(Setup setup, ReadSetup(parsed, std::move(resumption), kind.zoo, &log));
  ResolvedFlags& resolved = setup.resolved;
  const TrainFlags& flags = resolved.flags;
  const std::unique_ptr<models::Model> model =
      resolved.entry.make(resolved.entry, setup.data.train->num_classes());
  const int threads = static_cast<int>(flags.threads.value());
  for (const std::string& note : ThreadNotes(threads)) log.Line(absl::StrCat("note: ", note));
  if (flags.plan.has_value()) {
    return PrintPlan({resolved, setup.device, setup.gpus, *setup.data.train, setup.epochs, *model,
                      [&](const graph::Backend& backend) {
                        return OptionsOfSession(setup, registry, backend);
                      }});
  }
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeBackend(setup.device, threads));
  ASSIGN_OR_RETURN(models::SessionOptions session_options,
                   OptionsOfSession(setup, registry, backend));
  ASSIGN_OR_RETURN(models::OutputDir output,
                   models::OutputDir::Choose(flags.output_dir.value_or(""), resolved.entry.name,
                                             setup.resumption.earlier));
  resolved.flags.output_dir = output.path();
  GraphDump dump;
  if (flags.dump_graph) {
    session_options.dump = [&dump](const std::string& stage, const graph::Net& net) {
      dump.Add(stage, net);
    };
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Session> session,
                   models::Session::Create(model.get(), session_options));
  ASSIGN_OR_RETURN(const std::string start, LoadStart(setup, session.get()));
  std::vector<std::string> notes;
  ASSIGN_OR_RETURN(const std::unique_ptr<Observers> observers,
                   Observers::Create(resolved, setup.data, session_options.compile, session.get(),
                                     output.File(models::kVisFolder), &notes, StopSignal()));
  for (const std::string& note : notes) log.Line(absl::StrCat("note: ", note));
  log.Line(Banner(resolved, *model, setup.data, *session, setup.device, backend, setup.epochs,
                  output.path(), models::TextColumns(STDOUT_FILENO)));
  if (!start.empty()) log.Line(absl::StrCat("  start      ", start));
  log.Line("");

  if (flags.dump_graph) {
    ASSIGN_OR_RETURN(const std::vector<std::string> written, dump.Write(*flags.dump_graph));
    log.Line(absl::StrCat("wrote ", written.size(), " graph files to ", *flags.dump_graph));
  }
  if (flags.steps && *flags.steps == 0) {
    log.Line(absl::StrCat("--steps=0: everything is set up; nothing trained, nothing written to ",
                          output.path()));
    return absl::OkStatus();
  }

  setup.environment = DescribeRun(setup, backend, args, started, &log);
  models::TrainerOptions options = OptionsOfTrainer(setup, output);
  models::TrainerOptions check = options;
  int64_t metrics_bytes = 0;
  if (const std::string& from = setup.resumption.logs_from; !from.empty()) {
    check.metrics_path = absl::StrCat(from, "/", models::kMetricsFile);
    // To be copied, where the checkpoint was not moved without it.
    std::error_code ignored;
    if (std::filesystem::exists(check.metrics_path, ignored)) {
      metrics_bytes = options.resume->metrics_bytes;
    }
  }
  RETURN_IF_ERROR(models::CheckTrain(check, *model, *setup.data.train, setup.data.held_out.get(),
                                     session.get()));
  const auto discard = absl::MakeCleanup([&] { output.DiscardUnlessBegun(metrics_bytes); });
  RETURN_IF_ERROR(BeginOutput(setup, &output, &log));
  models::CheckpointStore checkpoints(output.path(), MakeKeepPolicy(resolved));
  checkpoints.Follow([&output] { return output.PathNow(); });
  const bool standard_input = flags.data_path == "-";
  options.how_to_go_on = [&output, &kind, standard_input] {
    return absl::StrCat(models::Invocation(kind.name), " --resume=auto --output_dir=",
                        graph::ShellWord(output.PathNow().value_or(output.path())),
                        standard_input ? " --data_path=- < TAR" : "");
  };
  options.checkpoints = &checkpoints;
  options.observers.push_back(observers.get());
  Closing closing;
  options.observers.push_back(&closing);
  models::EventLog events(output.File(models::kTensorboardFolder), &log, FlagListOfRun(resolved));
  if (options.resume != nullptr) events.ResumeAfter(*options.resume, options.metrics_path);
  if (*flags.tensorboard) options.observers.push_back(&events);
  std::unique_ptr<ProfileRun> profile;
  if (flags.profile) {
    ASSIGN_OR_RETURN(profile,
                     ProfileRun::Create(registry, MakeProfileOptions(resolved, output.path()),
                                        session.get(), &log));
    options.observers.push_back(profile.get());
  }
  StopAtSignals(screen.terminal);
  const absl::Status trained = models::Train(options, *model, *setup.data.train,
                                             setup.data.held_out.get(), session.get(), &log);
  if (profile != nullptr && trained.ok()) RETURN_IF_ERROR(profile->Finish());
  if (!trained.ok()) {
    log.LineInFile(absl::StrCat("error: ", trained.message()));
  } else if (!StopSignal()->load()) {
    if (*flags.tensorboard) events.OnEnd();
    log.Line(closing.Text({output.PathNow().value_or(output.path()),
                           absl::ToDoubleSeconds(absl::Now() - started),
                           CheckPredictsPositions(resolved.entry).ok(),
                           resolved.entry.model.final_norm == "norm", kind.name,
                           setup.epochs.steps() * resolved.entry.recipe.epochs, standard_input}));
  }
  return trained;
}

}  // namespace

absl::StatusOr<int> TrainingProgram(const TrainingProgramKind& kind, int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const graph::SchemaRegistry registry = MakeRegistry();
  const models::Zoo& zoo = kind.zoo;
  ASSIGN_OR_RETURN(Resumption resumption, FindResumption(args, zoo));
  ProgramFlags base = {resumption.flags(), resumption.flags_name()};
  ASSIGN_OR_RETURN(const GivenTexts given, GivenFlags(args, zoo));
  if (resumption.checkpoint.has_value()) {
    if (given.count("recipe") > 0) {
      return graph::InvalidArgument("--recipe is for a new run; one that is resumed keeps its own");
    }
  } else {
    if (given.count("help") == 0 && given.count("list_models") == 0) {
      ASSIGN_OR_RETURN(base, kind.first_flags(given));
    }
  }
  ASSIGN_OR_RETURN(const ParsedFlags parsed, ParseTrainFlags(args, zoo, base.text, base.name));
  if (parsed.flags.help.value_or(false)) {
    ASSIGN_OR_RETURN(const models::ZooEntry entry,
                     zoo.Find(parsed.flags.model.value_or(kind.example_model)));
    TrainFlags flags;
    if (kind.defaults) kind.defaults(entry, &flags);
    ASSIGN_OR_RETURN(const ResolvedFlags example, ResolveTrainFlags(flags, entry, DetectMachine()));
    std::cout << TrainFlagsHelp(example.flags, zoo, models::TextColumns(STDOUT_FILENO), kind.name);
    return 0;
  }
  if (parsed.flags.list_models.value_or(false)) {
    ASSIGN_OR_RETURN(const graph::Backend backend, MakeBackend("cpu", /*threads=*/1));
    ASSIGN_OR_RETURN(const std::string table,
                     ListModels(zoo, registry, backend, models::TextColumns(STDOUT_FILENO)));
    std::cout << table;
    return 0;
  }
  RETURN_IF_ERROR(RunTraining(kind, parsed, std::move(resumption), args, registry));
  return 0;
}

}  // namespace tools
