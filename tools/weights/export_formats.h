// Exports a checkpoint in other projects' formats.
#ifndef TOOLS_WEIGHTS_EXPORT_FORMATS_H_
#define TOOLS_WEIGHTS_EXPORT_FORMATS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/schema/schema.h"
#include "tools/checkpoint/trained_model.h"

namespace tools {

inline constexpr absl::string_view kExportFormats[] = {"timm", "official", "onnx"};

// Writes `trained` to `out`, a folder for timm and a file for the others, whole or not at all;
// docs/weights.md describes the contents. Returns a few lines that say what was read and written.
//
// Errors are one line that names the file: InvalidArgument for a checkpoint that does not fit its
// model and for an unknown format, those of StagedOutput::Choose for `out`, those of
// tools/onnx/onnx_model.h.
absl::StatusOr<std::string> Export(const TrainedModel& trained, const std::string& format,
                                   const std::string& out, bool overwrite,
                                   const graph::SchemaRegistry& registry);

}  // namespace tools

#endif  // TOOLS_WEIGHTS_EXPORT_FORMATS_H_
