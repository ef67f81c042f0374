// What //tools:evaluate can measure: a protocol turns a trained model and images into numbers.
#ifndef TOOLS_EVALUATION_PROTOCOL_H_
#define TOOLS_EVALUATION_PROTOCOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/workspace.h"
#include "models/data/loader.h"
#include "models/data/open_dataset.h"
#include "models/training/run_log.h"
#include "nlohmann/json.hpp"
#include "tools/checkpoint/trained_model.h"
#include "tools/evaluation/evaluation_flags.h"
#include "tools/evaluation/spread_dataset.h"
#include "tools/flags/precision.h"
#include "tools/output/staged_output.h"

namespace tools {

// What all protocols get: the model, the images, and how nets are compiled.
struct Evaluation {
  EvaluationFlags flags;
  FrozenFlags frozen;
  TrainedModel trained;
  models::Datasets data;
  std::unique_ptr<SpreadDataset> held_out;  // null: nothing is held out
  graph::CompileOptions compile;
  std::string device_line;  // what "cuda" or "auto" chose; empty: the CPU, as ever
  PrecisionChoice precision;
  models::RunLog::Screen screen;
  models::RunLog log;
  int64_t skipped = 0;                                           // undecodable images
  std::map<std::string, std::unique_ptr<StagedOutput>> outputs;  // by flag: those that are wanted

  explicit Evaluation(models::RunLog::Screen on) : screen(on), log(on) {}
  // Null: the flag was not given.
  StagedOutput* output(const std::string& flag) const;
  // An error that says what to do if nothing is held out.
  absl::Status NeedHeldOut() const;
  // The run's geometry and limits; skipped images are counted here. This must outlive the loader.
  models::LoaderOptions LoadOptions();
  // Fills `parameters` of `workspace` from the checkpoint and says what is evaluated on what.
  absl::Status Load(const std::vector<models::Parameter>& parameters, graph::Workspace* workspace);
};

struct Measured {
  std::string what;  // "positions of 2000 held-out images"
  nlohmann::ordered_json json;
};

// Flags fill members of the protocol itself.
class Protocol {
 public:
  virtual ~Protocol() = default;

  virtual std::string name() const = 0;     // of --protocol
  virtual std::string summary() const = 0;  // "puts patches back"
  // Its own, in the group Group(name()), which no other protocol takes.
  virtual void AddFlags(CLI::App*) {}
  // The flags of files that it writes, with what was given; empty: not wanted.
  virtual std::map<std::string, std::string> Outputs() const { return {}; }
  // What can be said before data are opened.
  virtual absl::Status CheckFlags() const { return absl::OkStatus(); }
  virtual absl::Status CheckModel(const TrainedModel&) const { return absl::OkStatus(); }
  // Prints its table and returns its numbers.
  virtual absl::StatusOr<Measured> Run(Evaluation* evaluation) = 0;

  // The --help group of flags that these protocols read: "--protocol=knn, linear".
  static std::string Group(const std::string& names) { return "--protocol=" + names; }
};

// In the order in which --help lists them.
std::vector<std::unique_ptr<Protocol>> AllProtocols();

std::unique_ptr<Protocol> MakePositionProtocol();
std::unique_ptr<Protocol> MakeKnnProtocol();

}  // namespace tools

#endif  // TOOLS_EVALUATION_PROTOCOL_H_
