#include "tools/benchmark/bench_flags.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "tools/flags/command_line.h"

namespace tools {
namespace {

// The groups of --help in which the flags of one --what are.
constexpr char kStep[] = "--what=step", kOp[] = "--what=op", kNet[] = "--net",
               kData[] = "--what=data";

constexpr char kFooter[] =
    "\n--what=step takes the flags of //tools:train that say what a step is, too: --model, "
    "--batch_size,\n--accum_iter, --precision, --recompute, sizes, the model's own flags, "
    "--num_workers and\n--data_path (with --with_loader), --flagfile=runs/X/flags.txt; --what=data "
    "takes "
    "--data_path,\n--input_size, --model and --seed.\nSee "
    "docs/performance.md.";

// The name in "--a-b=value" as options are named: "--a_b".
std::string NameOf(const std::string& arg) {
  return absl::StrReplaceAll(arg.substr(0, arg.find('=')).substr(2), {{"-", "_"}});
}

// Divides the command line: `app`'s options with their values, and all else.
void Divide(const CLI::App& app, int argc, char** argv, std::vector<std::string>* own,
            std::vector<std::string>* others) {
  bool to_own = false;
  bool value_follows = false;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (value_follows && to_own) {
      own->push_back(arg);
      value_follows = false;
      continue;
    }
    if (!absl::StartsWith(arg, "--") || arg.size() == 2) {
      // A value of the trainer's flag before it, or something that belongs nowhere.
      (arg == "-h" ? own : others)->push_back(arg);
      continue;
    }
    const std::string name = "--" + NameOf(arg);
    const CLI::Option* option = app.get_option_no_throw(name);
    to_own = option != nullptr;
    if (to_own) {
      const size_t value = arg.find('=');
      arg = name + (value == std::string::npos ? "" : arg.substr(value));
      value_follows = value == std::string::npos && option->get_items_expected_max() != 0;
    }
    (to_own ? own : others)->push_back(arg);
  }
}

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
  std::string what = "step";
  int warmup = 2, runs = 5;
  int64_t ids = 1;
  flags->threads = machine.threads;
  flags->data.peer_script = "tools/benchmark/data_peer.py";
  StepBenchOptions& step = flags->step;
  CLI::App app("Measures how fast a training step, an operator or a dumped net runs.");
  app.footer(kFooter);
  CLI::Option* const what_option =
      app.add_option("--what", what,
                     "step: whole training steps beside the roofline; op: one operator; data: "
                     "images a second that one core loads from --data_path")
          ->check(CLI::IsMember({"step", "op", "data"}))
          ->capture_default_str();
  app.add_option("--threads", flags->threads, "compute threads")
      ->check(Between(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--warmup", warmup, "steps or runs before the first that counts")
      ->check(Between(0, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--runs", runs, "measurements, of which median, best and worst are told")
      ->check(Between(1, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--backend", flags->backend, "whose kernels; training steps run on cpu")
      ->check(CLI::IsMember({"cpu", "reference"}))
      ->capture_default_str();
  app.add_flag("--json", flags->json, "the last line of output is one JSON object");

  app.add_option("--steps", step.steps, "training steps in a run")
      ->check(Between(1, 1'000'000))
      ->type_name("N")
      ->group(kStep)
      ->capture_default_str();
  app.add_flag("--with_loader", step.with_loader,
               "images from the trainer's loader, whose threads work beside the step")
      ->group(kStep);
  app.add_option("--roofline_runs", step.roofline_runs,
                 "runs of each product for the roofline, of which the best counts")
      ->check(Between(1, 1000))
      ->type_name("N")
      ->group(kStep)
      ->capture_default_str();

  app.add_option("--images", flags->data.images, "images in a run")
      ->check(Between(1, 100'000'000))
      ->type_name("N")
      ->group(kData)
      ->capture_default_str();
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
  CLI::Option* const ids_option =
      app.add_option("--ids", ids,
                     "--what=op, --net: integer inputs are 0 to N-1 over and over; N is at most "
                     "what they index")
          ->check(Between(1, 1'000'000'000))
          ->type_name("N")
          ->capture_default_str();

  std::vector<std::string> own = {"bench"};
  Divide(app, argc, argv, &own, &flags->train_args);
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
  flags->what = net              ? BenchFlags::What::kNet
                : what == "op"   ? BenchFlags::What::kOp
                : what == "data" ? BenchFlags::What::kData
                                 : BenchFlags::What::kStep;
  RETURN_IF_ERROR(CheckOwnFlags(app, net              ? kNet
                                     : what == "op"   ? kOp
                                     : what == "data" ? kData
                                                      : kStep));
  step.warmup = flags->net.warmup = warmup;
  step.runs = flags->op.runs = flags->net.runs = flags->data.runs = runs;
  flags->op.ids = flags->net.ids = ids;
  switch (flags->what) {
    case BenchFlags::What::kStep:
      if (flags->backend != "cpu") {
        return graph::InvalidArgument("--backend=", flags->backend,
                                      " runs operators and nets, not training steps");
      }
      if (ids_option->count() > 0) {
        return graph::InvalidArgument("--ids is for --what=op and --net; leave it out");
      }
      flags->train_args.push_back(absl::StrCat("--threads=", flags->threads));
      break;
    case BenchFlags::What::kData:
      if (flags->backend != "cpu" || ids_option->count() > 0) {
        return graph::InvalidArgument("--backend and --ids say nothing of --what=data");
      }
      // Only the size of its input matters: the published one, unless something is said.
      if (std::none_of(
              flags->train_args.begin(), flags->train_args.end(), [](const std::string& arg) {
                return absl::StartsWith(arg, "--model") || absl::StartsWith(arg, "--flagfile");
              })) {
        flags->train_args.push_back("--model=droppos_vitb");
      }
      flags->data.peer_script = models::ResolveUserPath(flags->data.peer_script);
      break;
    case BenchFlags::What::kOp:
      if (flags->op.op.empty()) return graph::InvalidArgument("--what=op needs --op=TYPE");
      break;
    case BenchFlags::What::kNet:
      flags->net.net = models::ResolveUserPath(flags->net.net);
      flags->net.init_net = models::ResolveUserPath(flags->net.init_net);
      break;
  }
  return true;
}

}  // namespace tools
