#include "tools/benchmark/bench_flags.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "tools/flags/command_line.h"

namespace tools {
namespace {

// The groups of --help in which the flags of one --what are.
constexpr char kStep[] = "--what=step", kOp[] = "--what=op", kNet[] = "--net",
               kData[] = "--what=data";

constexpr char kFooter[] =
    "\n--what=step takes the flags of train that say what a step is, too: --model, --batch_size, "
    "--accum_iter, --precision, --recompute, sizes, the model's own flags, --num_workers and "
    "--data_path (with --with_loader), --flagfile=runs/X/flags.txt; --what=data takes --data_path, "
    "--input_size, --crop_scale, --aa, --reprob, --model and --seed.\nSee docs/performance.md.";

// Refuses flags that only another --what reads.
absl::Status CheckOwnFlags(const CLI::App& app, const std::string& what) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string& group = option->get_group();
    if (option->count() == 0 || group == what) continue;
    if (group != kStep && group != kOp && group != kNet && group != kData) continue;
    return graph::InvalidArgument(option->get_name(), " is for ", group, ", not for ", what,
                                  "; leave it out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> ParseBenchFlags(int argc, char** argv, const MachineDefaults& machine,
                                     BenchFlags* flags) {
  int warmup = 2, runs = 5;
  int64_t ids = 1;
  flags->threads = machine.threads;
  flags->data.peer_script = "tools/benchmark/data_peer.py";
  StepBenchOptions& step = flags->step;
  CLI::App app("Measures how fast a training step, an operator or a dumped net runs.");
  app.footer(kFooter);
  const auto number = [&app](const char* name, auto& value, int64_t least, int64_t most,
                             const char* help) {
    return app.add_option(name, value, help)
        ->check(Between(least, most))
        ->type_name("N")
        ->capture_default_str();
  };
  CLI::Option* const what_option =
      app.add_option("--what", flags->what,
                     "step: whole training steps beside the roofline; op: one operator; data: "
                     "images a second that one core loads from --data_path")
          ->check(CLI::IsMember({"step", "op", "data"}))
          ->capture_default_str();
  number("--threads", flags->threads, 1, 1024, "compute threads");
  number("--warmup", warmup, 0, 1'000'000, "steps or runs before the first that counts");
  number("--runs", runs, 1, 1'000'000, "measurements, of which median, best and worst are told");
  AddDevice(&app, /*reference=*/true, &flags->device);
  app.add_flag("--json", flags->json, "the last line of output is one JSON object");

  number("--steps", step.steps, 1, 1'000'000, "training steps in a run")->group(kStep);
  app.add_flag("--with_loader", step.with_loader,
               "images from the trainer's loader, whose threads work beside the step")
      ->group(kStep);
  number("--roofline_runs", step.roofline_runs, 1, 1000,
         "runs of each product for the roofline, of which the best counts")
      ->group(kStep);

  number("--images", flags->data.images, 1, 100'000'000, "images in a run")->group(kData);
  app.add_option("--peer", flags->data.peer_python,
                 "a python with Pillow, which loads the same files and crops in between")
      ->type_name("PYTHON")
      ->group(kData);
  app.add_option("--peer_script", flags->data.peer_script, "what it runs")
      ->type_name("FILE")
      ->group(kData)
      ->capture_default_str();

  app.add_option("--op", flags->op.op, "an operator: Linear, LayerNorm, ...")->group(kOp);
  app.add_option("--shape", flags->op.shapes,
                 "types of its inputs: \"f32[64,768] f32[3072,768] f32[3072]\"")
      ->group(kOp);
  app.add_option("--attrs", flags->op.attrs, "its attributes: eps=1e-6,dtype=bf16")->group(kOp);
  app.add_option("--net", flags->net.net, "a net that train --dump_graph wrote, op by op")
      ->type_name("X_predict_net.pb")
      ->group(kNet);
  app.add_option("--init_net", flags->net.init_net,
                 "sets its states (default: the one beside it, where there is one)")
      ->type_name("X_init_net.pb")
      ->group(kNet);
  const CLI::Option* const ids_option =
      number("--ids", ids, 1, 1'000'000'000,
             "--what=op, --net: integer inputs are 0 to N-1 over and over; N is at most what they "
             "index");

  std::vector<std::string> own = {"bench"};
  DivideCommandLine(app, argc, argv, &own, &flags->train_args);
  // What is no trainer's business is refused here, with this tool's words.
  const bool may_train = std::none_of(own.begin(), own.end(), [](const std::string& arg) {
    return absl::StartsWith(arg, "--net") || arg == "--what=op" || arg == "op";
  });
  if (!may_train) own.insert(own.end(), flags->train_args.begin(), flags->train_args.end());
  std::vector<char*> own_argv;
  for (std::string& arg : own) own_argv.push_back(arg.data());
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("bench", static_cast<int>(own_argv.size()),
                                                        own_argv.data(), &app));
  if (!proceed) return false;

  const bool net = app.get_option("--net")->count() > 0;
  if (net && what_option->count() > 0) {
    return graph::InvalidArgument("--net and --what exclude each other; leave one out");
  }
  if (net) flags->what = "net";
  const std::string& what = flags->what;
  RETURN_IF_ERROR(CheckOwnFlags(app, net ? kNet : absl::StrCat("--what=", what)));
  step.warmup = flags->net.warmup = warmup;
  step.runs = flags->op.runs = flags->net.runs = flags->data.runs = runs;
  flags->op.ids = flags->net.ids = ids;
  if (what == "step") {
    if (flags->device == "reference") {
      return graph::InvalidArgument(
          "--device=reference runs operators and nets, not training steps");
    }
    if (ids_option->count() > 0) {
      return graph::InvalidArgument("--ids is for --what=op and --net; leave it out");
    }
    flags->train_args.push_back(absl::StrCat("--threads=", flags->threads));
    flags->train_args.push_back(absl::StrCat("--device=", flags->device));
  } else if (what == "data") {
    if (flags->device != "cpu" || ids_option->count() > 0) {
      return graph::InvalidArgument("--device and --ids say nothing of --what=data");
    }
    // Only the size of its input matters: the published one, unless something is said.
    if (std::none_of(flags->train_args.begin(), flags->train_args.end(), [](const auto& arg) {
          return absl::StartsWith(arg, "--model") || absl::StartsWith(arg, "--flagfile");
        })) {
      flags->train_args.push_back("--model=droppos_vitb");
    }
    flags->data.peer_script = models::ResolveUserPath(flags->data.peer_script);
  } else if (what == "op") {
    if (flags->op.op.empty()) return graph::InvalidArgument("--what=op needs --op=TYPE");
  } else {
    flags->net.net = models::ResolveUserPath(flags->net.net);
    flags->net.init_net = models::ResolveUserPath(flags->net.init_net);
  }
  return true;
}

}  // namespace tools
