#include "models/training/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/training/position_table.h"
#include "models/training/safetensors.h"

namespace models {
namespace {

using graph::DType;

constexpr char kGridKey[] = "grid";

bool Allowed(const std::string& name, const std::vector<std::string>& allow) {
  for (absl::string_view pattern : allow) {
    if (pattern == name) return true;
    if (absl::ConsumeSuffix(&pattern, "*") && absl::StartsWith(name, pattern)) return true;
  }
  return false;
}

// The grid of a position table, whose rows are the cells and perhaps a class token's.
absl::optional<PatchGrid> TableGrid(const Parameter& p) {
  if (p.init.kind != "sincos2d" || p.init.grid.size() != 2) return absl::nullopt;
  return PatchGrid{p.init.grid[0], p.init.grid[1]};
}

// A tensor of the file, and what it takes to make a parameter of it.
struct Source {
  TensorEntry entry;
  absl::optional<PatchGrid> resized_from;
};

// Nothing where `entry` cannot become `p`. `file_grid` is what the metadata says.
absl::optional<Source> Fit(const TensorEntry& entry, const Parameter& p,
                           const absl::optional<PatchGrid>& file_grid) {
  const DType dtype = entry.type.dtype;
  const bool converts = p.type.dtype == DType::kF32 && graph::IsFloat(dtype);
  if (dtype != p.type.dtype && !converts) return absl::nullopt;
  const bool same_shape = entry.type.shape == p.type.shape;
  const absl::optional<PatchGrid> grid = TableGrid(p);
  if (!grid.has_value() || !converts) {
    return same_shape ? absl::make_optional(Source{entry, absl::nullopt}) : absl::nullopt;
  }
  if (entry.type.rank() != 3 || entry.type.dim(0) != 1 || entry.type.dim(2) != p.type.dim(2)) {
    return absl::nullopt;
  }
  const int64_t cells = entry.type.dim(1) - (p.type.dim(1) - grid->cells());
  absl::optional<PatchGrid> from = SquareGrid(cells);
  if (same_shape) from = grid;
  if (file_grid.has_value() && file_grid->cells() == cells) from = file_grid;
  if (!from.has_value()) return absl::nullopt;
  return Source{entry, *from == *grid ? absl::nullopt : from};
}

// The elements of a tensor of floating-point numbers.
void CopyFloats(const TensorEntry& entry, float* out) {
  const uint8_t* in = entry.data.data();
  const int64_t n = entry.type.elements();
  switch (entry.type.dtype) {
    case DType::kF64:
      for (int64_t i = 0; i < n; ++i) {
        double value;
        std::memcpy(&value, in + i * sizeof(value), sizeof(value));
        out[i] = static_cast<float>(value);
      }
      break;
    case DType::kBF16:
      for (int64_t i = 0; i < n; ++i) {
        uint16_t upper;
        std::memcpy(&upper, in + i * sizeof(upper), sizeof(upper));
        const uint32_t bits = uint32_t{upper} << 16;
        std::memcpy(&out[i], &bits, sizeof(bits));
      }
      break;
    default:
      if (n > 0) std::memcpy(out, in, entry.data.size());
  }
}

void SetParameter(const Source& source, const Parameter& p, const graph::Tensor& tensor) {
  if (source.entry.type.dtype == p.type.dtype && !source.resized_from.has_value()) {
    if (!source.entry.data.empty()) {
      std::memcpy(tensor.data, source.entry.data.data(), source.entry.data.size());
    }
    return;
  }
  if (!source.resized_from.has_value()) {
    CopyFloats(source.entry, tensor.as<float>().data());
    return;
  }
  std::vector<float> table(source.entry.type.elements());
  CopyFloats(source.entry, table.data());
  const PatchGrid to = *TableGrid(p);
  table = ResizePositionTable(table, p.type.dim(2), p.type.dim(1) - to.cells(),
                              *source.resized_from, to);
  std::copy(table.begin(), table.end(), tensor.as<float>().begin());
}

struct Misfits {
  std::vector<std::string> missing, unexpected, other_type;

  bool empty() const { return missing.empty() && unexpected.empty() && other_type.empty(); }

  std::string List() const {
    std::string text;
    for (const std::string& s : missing) absl::StrAppend(&text, "\n  missing:    ", s);
    for (const std::string& s : other_type) absl::StrAppend(&text, "\n  other type: ", s);
    for (const std::string& s : unexpected) absl::StrAppend(&text, "\n  unexpected: ", s);
    return text;
  }

  std::string Brief() const {
    std::vector<std::string> kinds;
    const auto add = [&kinds](const char* kind, const std::vector<std::string>& tensors) {
      if (tensors.empty()) return;
      kinds.push_back(absl::StrCat(tensors.size(), " tensor", tensors.size() > 1 ? "s" : "", " ",
                                   kind, tensors.size() > 1 ? ", first " : ", ", tensors[0]));
    };
    add("of another type", other_type);
    add("missing", missing);
    add("unexpected", unexpected);
    return absl::StrJoin(kinds, "; ");
  }
};

}  // namespace

absl::StatusOr<NamedTensors> ParameterTensors(const std::vector<Parameter>& parameters,
                                              const graph::Workspace& workspace,
                                              const std::map<std::string, std::string>& metadata) {
  NamedTensors all;
  all.metadata = metadata;
  for (const Parameter& p : parameters) {
    ASSIGN_OR_RETURN(const graph::Tensor tensor, workspace.Find(p.name));
    all.tensors[p.name] = {
        p.type, absl::MakeConstSpan(static_cast<const uint8_t*>(tensor.data), p.type.bytes())};
    const absl::optional<PatchGrid> grid = TableGrid(p);
    if (p.name == "pos_embed" && grid.has_value()) all.metadata[kGridKey] = grid->ToString();
  }
  return all;
}

absl::Status SaveParameters(const std::string& path, const std::vector<Parameter>& parameters,
                            const graph::Workspace& workspace,
                            const std::map<std::string, std::string>& metadata) {
  ASSIGN_OR_RETURN(const NamedTensors all, ParameterTensors(parameters, workspace, metadata));
  return WriteSafetensors(path, all.tensors, all.metadata);
}

absl::StatusOr<std::string> LoadParameters(const std::string& path,
                                           const std::vector<Parameter>& parameters,
                                           const LoadOptions& options,
                                           graph::Workspace* workspace) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Read(path));
  absl::optional<PatchGrid> file_grid;
  if (const auto it = file.metadata().find(kGridKey); it != file.metadata().end()) {
    file_grid = ParsePatchGrid(it->second);
  }
  Misfits misfits;
  std::vector<std::string> kept;
  std::map<std::string, absl::optional<Source>> sources;
  for (const Parameter& p : parameters) {
    absl::optional<Source>& source = sources[p.name];
    const auto it = file.tensors().find(p.name);
    if (it != file.tensors().end()) source = Fit(it->second, p, file_grid);
    if (source.has_value()) continue;
    if (Allowed(p.name, options.allow)) {
      kept.push_back(p.name);
    } else if (it == file.tensors().end()) {
      misfits.missing.push_back(absl::StrCat(p.name, " ", p.type.ToString()));
    } else {
      misfits.other_type.push_back(absl::StrCat(p.name, " is ", it->second.type.ToString(),
                                                ", the model has ", p.type.ToString()));
    }
  }
  std::vector<std::string> left_out;
  for (const auto& [name, entry] : file.tensors()) {
    if (sources.count(name) || options.subset) continue;
    if (Allowed(name, options.allow)) {
      left_out.push_back(name);
    } else {
      misfits.unexpected.push_back(absl::StrCat(name, " ", entry.type.ToString()));
    }
  }
  if (!misfits.empty() && options.brief) {
    return graph::InvalidArgument(path, " does not fit the model: ", misfits.Brief());
  }
  if (!misfits.empty()) {
    return graph::InvalidArgument(
        path, " does not fit the model (nothing was loaded):", misfits.List(),
        "\n--allow_missing=NAME,PREFIX* lets missing tensors and those of another type keep their "
        "initial values and leaves unexpected ones out");
  }

  std::map<std::string, graph::Tensor> tensors;  // all before the first is written
  for (const Parameter& p : parameters) {
    ASSIGN_OR_RETURN(tensors[p.name], workspace->Find(p.name));
  }
  int64_t elements = 0;
  std::map<DType, int> converted;
  std::string line;
  for (const Parameter& p : parameters) {
    const absl::optional<Source>& source = sources[p.name];
    if (!source.has_value()) continue;
    SetParameter(*source, p, tensors[p.name]);
    elements += p.type.elements();
    if (source->entry.type.dtype != p.type.dtype) ++converted[source->entry.type.dtype];
    if (source->resized_from.has_value()) {
      absl::StrAppend(&line, "; ", p.name, " ", source->resized_from->ToString(), " -> ",
                      TableGrid(p)->ToString());
    }
  }
  for (const auto& [dtype, count] : converted) {
    absl::StrAppend(&line, "; ", count, count > 1 ? " tensors " : " tensor ",
                    graph::DTypeName(dtype), " -> f32");
  }
  if (!kept.empty()) absl::StrAppend(&line, "; kept as initialised: ", absl::StrJoin(kept, ", "));
  if (!left_out.empty()) absl::StrAppend(&line, "; left out: ", absl::StrJoin(left_out, ", "));
  for (const std::string& pattern : options.allow) {
    const auto matches = [&](const std::string& name) { return Allowed(name, {pattern}); };
    if (std::none_of(kept.begin(), kept.end(), matches) &&
        std::none_of(left_out.begin(), left_out.end(), matches)) {
      absl::StrAppend(&line, "; --allow_missing=", pattern, " was not needed");
    }
  }
  return absl::StrCat(path, ": ", parameters.size() - kept.size(), " tensors, ", elements,
                      " values loaded", line);
}

}  // namespace models
