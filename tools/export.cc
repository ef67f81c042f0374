// Writes trained weights in other projects' formats (docs/weights.md):
//
//   bazel run //tools:export -- --checkpoint=runs/a/checkpoint.safetensors --format=timm --out=DIR
//   bazel run //tools:export -- --checkpoint=FILE --format=official --out=weights.safetensors
//   bazel run //tools:export -- --checkpoint=FILE --format=onnx --out=encoder.onnx
//
// --model=NAME and --flagfile=FILE are for checkpoints that do not name their model.
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "tools/checkpoint/trained_model.h"
#include "tools/flags/command_line.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/weights/export_formats.h"

namespace tools {
namespace {

absl::StatusOr<int> Main(int argc, char** argv) {
  CheckpointFlags checkpoint;
  std::string format, out;
  bool overwrite = false;
  CLI::App app("Writes trained weights in the format of timm, of the official code, or as ONNX.");
  AddCheckpointFlags(&app, &checkpoint);
  app.add_option("--format", format,
                 "timm: a folder for timm.create_model(\"local-dir:DIR\"), encoder only; "
                 "official: a file of all tensors; onnx: the encoder's forward pass")
      ->required()
      ->type_name(absl::StrJoin(kExportFormats, "|"));
  app.add_option("--out", out, "the folder (timm) or file to write")->required()->type_name("PATH");
  app.add_flag("--overwrite", overwrite, "replace --out where it exists");
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("export", argc, argv, &app));
  if (!proceed) return 0;
  ASSIGN_OR_RETURN(const TrainedModel trained, ReadTrainedModel(checkpoint, MakeZoo()));
  ASSIGN_OR_RETURN(const std::string lines, Export(trained, format, models::ResolveUserPath(out),
                                                   overwrite, MakeRegistry()));
  std::cout << lines;
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("export", argc, argv, tools::Main); }
