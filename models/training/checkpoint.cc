#include "models/training/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "graph/base/bfloat16.h"
#include "graph/base/printable.h"
#include "graph/base/quoted.h"
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

// The grid of a position table; its rows are the cells and perhaps a class token's.
absl::optional<PatchGrid> TableGrid(const Parameter& p) {
  if (p.init.kind != "sincos2d" || p.init.grid.size() != 2) return absl::nullopt;
  return PatchGrid{p.init.grid[0], p.init.grid[1]};
}

// A floating-point type that can be converted to f32.
struct FloatType {
  absl::string_view name;  // in safetensors
  size_t bytes;
  float (*value)(const uint8_t* bytes);
};

template <typename T>
T Bits(const uint8_t* bytes) {
  T bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

float FromF64(const uint8_t* bytes) { return static_cast<float>(Bits<double>(bytes)); }

float FromBF16(const uint8_t* bytes) { return Bits<graph::BFloat16>(bytes); }

// IEEE binary16: 5 bits of exponent, 10 of mantissa. f32 represents each of its numbers exactly.
float FromF16(const uint8_t* bytes) {
  const int bits = Bits<uint16_t>(bytes);
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  float value = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  if (exponent == 0) value = std::ldexp(static_cast<float>(mantissa), -24);
  if (exponent == 31) value = mantissa == 0 ? HUGE_VALF : std::nanf("");
  return std::copysign(value, bits >> 15 != 0 ? -1.0f : 1.0f);
}

const FloatType* FloatTypeNamed(absl::string_view name) {
  static constexpr FloatType kTypes[] = {
      {"F32", 4, Bits<float>}, {"F64", 8, FromF64}, {"BF16", 2, FromBF16}, {"F16", 2, FromF16}};
  for (const FloatType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

bool HasTypeOf(const StoredTensor& stored, const Parameter& p) {
  const absl::optional<graph::TensorType> type = stored.type();
  return type.has_value() && type->dtype == p.type.dtype;
}

bool CanBecome(const StoredTensor& stored, const Parameter& p) {
  return HasTypeOf(stored, p) ||
         (p.type.dtype == DType::kF32 && FloatTypeNamed(stored.dtype) != nullptr);
}

// What to do, for a tensor whose type cannot become its parameter's.
absl::string_view WayOut(const StoredTensor& stored) {
  return absl::StartsWith(stored.dtype, "F8_")
             ? "; python3 tools/convert_checkpoint.py --float32 converts it"
             : "";
}

// A tensor of the file, and how to make a parameter of it.
struct Source {
  StoredTensor stored;
  absl::optional<PatchGrid> resized_from;
};

// Nullopt if the shape of `stored` does not fit `p` (its type does). `file_grid` is the metadata's.
absl::optional<Source> Fit(const StoredTensor& stored, const Parameter& p,
                           const absl::optional<PatchGrid>& file_grid) {
  const graph::Shape& shape = stored.shape;
  const bool same_shape = shape == p.type.shape;
  const absl::optional<PatchGrid> grid = TableGrid(p);
  if (!grid.has_value()) {
    return same_shape ? absl::make_optional(Source{stored, absl::nullopt}) : absl::nullopt;
  }
  if (shape.size() != 3 || shape[0] != 1 || shape[2] != p.type.dim(2)) return absl::nullopt;
  const int64_t cells = shape[1] - (p.type.dim(1) - grid->cells());
  absl::optional<PatchGrid> from = SquareGrid(cells);
  if (same_shape) from = grid;
  if (file_grid.has_value() && file_grid->cells() == cells) from = file_grid;
  if (!from.has_value()) return absl::nullopt;
  return Source{stored, *from == *grid ? absl::nullopt : from};
}

// Reads a tensor of floating-point numbers as f32; `take` gets it piece by piece.
absl::Status ReadFloats(const SafetensorsReader& file, const StoredTensor& stored,
                        absl::FunctionRef<absl::Status(absl::Span<const float>)> take) {
  constexpr size_t kPiece = 1 << 16;  // elements
  const FloatType& type = *FloatTypeNamed(stored.dtype);
  std::vector<uint8_t> piece;
  std::vector<float> floats;
  for (uint64_t done = 0; done < stored.bytes; done += piece.size()) {
    piece.resize(std::min<uint64_t>(kPiece * type.bytes, stored.bytes - done));
    RETURN_IF_ERROR(file.Read(stored.begin + done, absl::MakeSpan(piece)));
    floats.clear();
    for (size_t at = 0; at < piece.size(); at += type.bytes) {
      floats.push_back(type.value(&piece[at]));
    }
    RETURN_IF_ERROR(take(floats));
  }
  return absl::OkStatus();
}

absl::Status SetParameter(const SafetensorsReader& file, const Source& source, const Parameter& p,
                          const graph::Tensor& tensor) {
  const StoredTensor& stored = source.stored;
  if (HasTypeOf(stored, p) && !source.resized_from.has_value()) {
    return file.ReadInto(stored, tensor);
  }
  if (source.resized_from.has_value()) {
    std::vector<float> values;
    RETURN_IF_ERROR(ReadFloats(file, stored, [&](absl::Span<const float> piece) {
      values.insert(values.end(), piece.begin(), piece.end());
      return absl::OkStatus();
    }));
    const PatchGrid to = *TableGrid(p);
    values = ResizePositionTable(values, p.type.dim(2), p.type.dim(1) - to.cells(),
                                 *source.resized_from, to);
    return tensor.Write(values);
  }
  size_t done = 0;
  return ReadFloats(file, stored, [&](absl::Span<const float> piece) {
    const size_t bytes = piece.size() * sizeof(float);
    done += bytes;
    return tensor.WriteBytes(done - bytes, {reinterpret_cast<const uint8_t*>(piece.data()), bytes});
  });
}

// The reason, where a patch embedding is of images with another number of channels.
std::string OtherChannels(const StoredTensor& stored, const Parameter& p) {
  const graph::Shape &theirs = stored.shape, &ours = p.type.shape;
  if (theirs.size() != 4 || ours.size() != 4 || theirs[1] == ours[1]) return "";
  return absl::StrCat(" (it was trained with --channels=", theirs[1],
                      "; give that, or leave the tensor out with --allow_missing=", p.name, ")");
}

// Tensors that do not fit, one line each, by kind.
struct Misfits {
  std::vector<std::string> missing, unexpected, other_shape, other_type;
  std::vector<std::string> names;  // all of them

  std::string List() const {
    std::string text;
    for (const std::string& s : missing) absl::StrAppend(&text, "\n  missing:        ", s);
    for (const std::string& s : other_shape) absl::StrAppend(&text, "\n  shape mismatch: ", s);
    for (const std::string& s : other_type) absl::StrAppend(&text, "\n  type mismatch:  ", s);
    for (const std::string& s : unexpected) absl::StrAppend(&text, "\n  unexpected:     ", s);
    return text;
  }

  std::string Brief() const {
    std::vector<std::string> kinds;
    const auto add = [&kinds](const char* kind, const std::vector<std::string>& tensors) {
      if (tensors.empty()) return;
      kinds.push_back(absl::StrCat(tensors.size(), " tensor", tensors.size() > 1 ? "s" : "", " ",
                                   kind, tensors.size() > 1 ? ", first " : ", ", tensors[0]));
    };
    add("with a shape mismatch", other_shape);
    add("with a type mismatch", other_type);
    add("missing", missing);
    add("unexpected", unexpected);
    return absl::StrJoin(kinds, "; ");
  }

  // The value of --allow_missing that allows all of them: names with the same first word before a
  // dot share one pattern.
  std::string Patterns() const {
    std::map<std::string, std::vector<std::string>> groups;
    for (const std::string& name : names) groups[name.substr(0, name.find('.'))].push_back(name);
    std::vector<std::string> patterns;
    for (const auto& [word, members] : groups) {
      patterns.push_back(members.size() == 1 ? members[0] : word + ".*");
    }
    return graph::Printable(absl::StrJoin(patterns, ","));
  }
};

// The names, but those that one pattern allows, where they are many, as "decoder_* (32 tensors)".
std::vector<std::string> Summary(const std::vector<std::string>& names,
                                 const std::vector<std::string>& allow) {
  constexpr size_t kMany = 4;
  std::vector<std::string> parts, rest = names;
  for (const std::string& pattern : allow) {
    const auto matches = [&](const std::string& name) { return Allowed(name, {pattern}); };
    const auto count = static_cast<size_t>(std::count_if(rest.begin(), rest.end(), matches));
    if (count < kMany) continue;
    rest.erase(std::remove_if(rest.begin(), rest.end(), matches), rest.end());
    parts.push_back(absl::StrCat(pattern, " (", count, " tensors)"));
  }
  parts.insert(parts.end(), rest.begin(), rest.end());
  return parts;
}

}  // namespace

absl::StatusOr<NamedTensors> ParameterTensors(const std::vector<Parameter>& parameters,
                                              const graph::Workspace& workspace,
                                              const std::map<std::string, std::string>& metadata) {
  NamedTensors all;
  all.metadata = metadata;
  for (const Parameter& p : parameters) {
    ASSIGN_OR_RETURN(const graph::ConstTensor tensor, workspace.Find(p.name));
    all.tensors[p.name] = TensorEntry::OnDevice(tensor);
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
  ASSIGN_OR_RETURN(const SafetensorsReader file, SafetensorsReader::Open(path));
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
    const bool there = it != file.tensors().end();
    const bool good_type = there && CanBecome(it->second, p);
    if (good_type) source = Fit(it->second, p, file_grid);
    if (source.has_value()) continue;
    if (Allowed(p.name, options.allow)) {
      kept.push_back(p.name);
      continue;
    }
    misfits.names.push_back(p.name);
    if (!there) {
      misfits.missing.push_back(absl::StrCat(p.name, " ", p.type.ToString()));
      continue;
    }
    const std::string both =
        absl::StrCat(p.name, " is ", it->second.ToString(), ", the model has ", p.type.ToString());
    if (good_type) {
      misfits.other_shape.push_back(absl::StrCat(both, OtherChannels(it->second, p)));
    } else {
      misfits.other_type.push_back(absl::StrCat(both, WayOut(it->second)));
    }
  }
  std::vector<std::string> left_out;
  for (const auto& [name, stored] : file.tensors()) {
    if (sources.count(name) || options.subset) continue;
    if (Allowed(name, options.allow)) {
      left_out.push_back(name);
    } else {
      misfits.names.push_back(name);
      misfits.unexpected.push_back(
          absl::StrCat(graph::Printable(graph::Shortened(name)), " ", stored.ToString()));
    }
  }
  if (!misfits.names.empty() && options.brief) {
    return graph::InvalidArgument(path, " does not fit the model: ", misfits.Brief());
  }
  if (!misfits.names.empty()) {
    const bool any = std::any_of(sources.begin(), sources.end(),
                                 [](const auto& source) { return source.second.has_value(); });
    return graph::InvalidArgument(
        path, " does not fit the model (nothing was loaded):", misfits.List(), "\n",
        any ? absl::StrCat("to keep the initial values of those that the model has, and to leave "
                           "out the others: --allow_missing='",
                           misfits.Patterns(), "'")
            : "no tensor of it fits: is --model the one that it is of?");
  }

  std::map<std::string, graph::Tensor> tensors;  // filled before the first is written
  for (const Parameter& p : parameters) {
    ASSIGN_OR_RETURN(tensors[p.name], workspace->Find(p.name));
  }
  int64_t elements = 0;
  std::map<std::string, int> converted;
  std::string line;
  for (const Parameter& p : parameters) {
    const absl::optional<Source>& source = sources[p.name];
    if (!source.has_value()) continue;
    RETURN_IF_ERROR(SetParameter(file, *source, p, tensors[p.name]));
    elements += p.type.elements();
    if (!HasTypeOf(source->stored, p)) ++converted[absl::AsciiStrToLower(source->stored.dtype)];
    if (source->resized_from.has_value()) {
      absl::StrAppend(&line, "; ", p.name, " ", source->resized_from->ToString(), " -> ",
                      TableGrid(p)->ToString());
    }
  }
  for (const auto& [dtype, count] : converted) {
    absl::StrAppend(&line, "; ", count, count > 1 ? " tensors " : " tensor ", dtype, " -> f32");
  }
  if (!kept.empty()) absl::StrAppend(&line, "; kept as initialised: ", absl::StrJoin(kept, ", "));
  if (!left_out.empty()) {
    absl::StrAppend(&line, "; left out: ", absl::StrJoin(Summary(left_out, options.allow), ", "));
  }
  for (const std::string& pattern : options.allow) {
    if (options.allow_silently) break;
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
