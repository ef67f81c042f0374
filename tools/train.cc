// Pretrains a model of the zoo:
//
//   bazel run //tools:train -- --model=droppos_tiny
//   bazel run //tools:train -- --model=droppos_vitb --data_path=DIR --output_dir=runs/a
//   bazel run //tools:train -- --help
#include "graph/base/status.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/training_program.h"

namespace tools {
namespace {

absl::StatusOr<ProgramFlags> FirstFlags(const GivenTexts& given) {
  for (const char* name : {"finetune", "recipe"}) {
    if (given.count(name) > 0) {
      return graph::InvalidArgument("--", name, " is for //tools:finetune, which trains classifiers; "
                                    "--init_from takes parameters for pretraining");
    }
  }
  return ProgramFlags();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  return TrainingProgram({"train", PretrainingZoo(), "droppos_vitb", FirstFlags}, argc, argv);
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("train", argc, argv, tools::Main); }
