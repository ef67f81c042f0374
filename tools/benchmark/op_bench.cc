#include "tools/benchmark/op_bench.h"

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "graph/base/printable.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "graph/schema/builder.h"
#include "models/zoo/edit_distance.h"
#include "tools/benchmark/random_fill.h"

namespace tools {
namespace {

using graph::InvalidArgument;

// Whole numbers separated by commas.
absl::optional<std::vector<int64_t>> ParseNumbers(absl::string_view text) {
  std::vector<int64_t> numbers;
  if (text.empty()) return numbers;
  for (absl::string_view piece : absl::StrSplit(text, ',')) {
    int64_t number;
    if (!absl::SimpleAtoi(piece, &number)) return absl::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

absl::optional<graph::TensorType> ParseType(absl::string_view text) {
  if (!absl::ConsumeSuffix(&text, "]")) return absl::nullopt;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('[', 1));
  const absl::optional<graph::DType> dtype = graph::ParseDType(parts[0]);
  if (!dtype.has_value() || parts.size() != 2) return absl::nullopt;
  const absl::optional<std::vector<int64_t>> dims = ParseNumbers(parts[1]);
  if (!dims.has_value() || !graph::IsValidShape(*dims)) return absl::nullopt;
  return graph::TensorType{*dtype, graph::Shape(dims->begin(), dims->end())};
}

// Splits "a=1,b=[2,3]" at the commas outside brackets.
std::vector<std::string> SplitAttrs(const std::string& text) {
  std::vector<std::string> pieces(1);
  int depth = 0;
  for (const char c : text) {
    depth += (c == '[') - (c == ']');
    if (c == ',' && depth == 0) {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  return pieces;
}

// Parses `text` as a value of the type of `example`.
absl::optional<graph::AttrValue> ParseValue(const graph::AttrValue& example,
                                            absl::string_view text) {
  if (absl::holds_alternative<std::string>(example)) return graph::AttrValue(std::string(text));
  if (absl::holds_alternative<int64_t>(example)) {
    int64_t number;
    if (!absl::SimpleAtoi(text, &number)) return absl::nullopt;
    return graph::AttrValue(number);
  }
  if (absl::holds_alternative<float>(example)) {
    float number;
    if (!absl::SimpleAtof(text, &number)) return absl::nullopt;
    return graph::AttrValue(number);
  }
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) return absl::nullopt;
  absl::optional<std::vector<int64_t>> numbers = ParseNumbers(text);
  if (!numbers.has_value()) return absl::nullopt;
  return graph::AttrValue(*std::move(numbers));
}

// A net of one operator whose outputs are the net's.
absl::StatusOr<graph::Net> OneOpNet(const graph::SchemaRegistry& registry,
                                    const OpBenchOptions& options) {
  const graph::Schema* schema = registry.Find(options.op);
  if (schema == nullptr) {
    return InvalidArgument("unknown operator ", graph::Quoted(options.op), " in --op; ",
                           models::DidYouMean(models::Nearest(options.op, registry.Types())),
                           "ops/ has all of them");
  }
  ASSIGN_OR_RETURN(const std::vector<graph::TensorType> types, ParseTypes(options.shapes));
  ASSIGN_OR_RETURN(const graph::Attrs attrs, ParseAttrs(*schema, options.attrs));
  graph::NetBuilder builder(&registry, "op");
  std::vector<graph::BlobId> inputs;
  for (size_t i = 0; i < types.size(); ++i) {
    const size_t last = schema->inputs.size() - 1;
    const std::string name = i < last || (i == last && !schema->inputs[i].variadic)
                                 ? schema->inputs[i].name
                                 : absl::StrCat("input", i);
    inputs.push_back(builder.Input(name, types[i]));
  }
  for (const graph::BlobId output : builder.OpN(options.op, "op", inputs, attrs)) {
    builder.Output(output);
  }
  absl::StatusOr<graph::Net> net = builder.Finish();
  if (!net.ok()) return graph::Annotate(net.status(), "--shape, --attrs");
  return net;
}

absl::StatusOr<double> TimeCalls(graph::Executable* executable, int64_t calls) {
  const Clock::time_point start = Clock::now();
  // A GPU begins one while the host submits the next.
  for (int64_t i = 0; i < calls; ++i) RETURN_IF_ERROR(executable->Submit());
  RETURN_IF_ERROR(executable->Wait());
  return SecondsSince(start) / static_cast<double>(calls);
}

}  // namespace

absl::StatusOr<std::vector<graph::TensorType>> ParseTypes(const std::string& text) {
  std::vector<graph::TensorType> types;
  for (absl::string_view piece : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    absl::optional<graph::TensorType> type = ParseType(piece);
    if (!type.has_value()) {
      return InvalidArgument("--shape: ", graph::Quoted(piece), " is no tensor type; write ",
                             "one for each input with spaces between, like ",
                             "\"f32[64,768] f32[3072,768] f32[3072]\"");
    }
    types.push_back(*std::move(type));
  }
  return types;
}

absl::StatusOr<graph::Attrs> ParseAttrs(const graph::Schema& schema, const std::string& text) {
  graph::Attrs attrs;
  if (text.empty()) return attrs;
  const auto known = [&schema] {
    return schema.attrs.empty()
               ? absl::StrCat(schema.type, " has none")
               : absl::StrCat(schema.type, " has ",
                              absl::StrJoin(schema.attrs, ", ",
                                            [](std::string* out, const graph::AttrSpec& a) {
                                              out->append(a.name);
                                            }));
  };
  for (const std::string& piece : SplitAttrs(text)) {
    const std::vector<std::string> parts = absl::StrSplit(piece, absl::MaxSplits('=', 1));
    const auto spec =
        std::find_if(schema.attrs.begin(), schema.attrs.end(),
                     [&](const graph::AttrSpec& a) { return a.name == parts.front(); });
    if (parts.size() != 2 || spec == schema.attrs.end()) {
      return InvalidArgument("--attrs: ", graph::Quoted(piece), " is no attribute=value; ",
                             known());
    }
    absl::optional<graph::AttrValue> value = ParseValue(spec->example, parts[1]);
    if (!value.has_value()) {
      const char* const kinds[] = {"a whole number", "a number", "a text", "a list like [1,2]"};
      return InvalidArgument("--attrs: ", spec->name, "=", graph::Printable(parts[1]), " must be ",
                             kinds[spec->example.index()]);
    }
    attrs[spec->name] = *std::move(value);
  }
  return attrs;
}

absl::StatusOr<OpBenchResult> BenchOp(const graph::SchemaRegistry& registry,
                                      const graph::Backend& backend,
                                      const OpBenchOptions& options) {
  ASSIGN_OR_RETURN(graph::Net net, OneOpNet(registry, options));
  return BenchOp(registry, backend, std::move(net), options.ids, options.runs);
}

absl::StatusOr<OpBenchResult> BenchOp(const graph::SchemaRegistry& registry,
                                      const graph::Backend& backend, graph::Net net, int64_t ids,
                                      int runs) {
  graph::CompileOptions compile{&registry, &backend, {}};
  compile.passes.enabled = false;
  graph::Workspace workspace(backend.device);
  ASSIGN_OR_RETURN(const std::unique_ptr<graph::Executable> executable,
                   graph::Compile(std::move(net), compile, &workspace));
  for (const graph::BlobId input : executable->net().inputs) {
    ASSIGN_OR_RETURN(const graph::Tensor tensor,
                     executable->Find(executable->net().blob(input).name));
    RETURN_IF_ERROR(FillRandom(ids, tensor));
  }
  OpBenchResult result;
  result.text = graph::OpText(executable->net(), executable->net().ops.front());
  result.implementation = executable->kernel(0).implementation();
  result.cost = registry.OpCost(executable->net(), executable->net().ops.front());
  RETURN_IF_ERROR(executable->Run());
  ASSIGN_OR_RETURN(const double once, TimeCalls(executable.get(), 1));
  constexpr double kRunSeconds = 5e-3;
  result.calls_per_run =
      static_cast<int64_t>(std::clamp(kRunSeconds / std::max(once, 1e-9), 1.0, 100000.0));
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    ASSIGN_OR_RETURN(const double mean, TimeCalls(executable.get(), result.calls_per_run));
    seconds.push_back(mean);
  }
  result.seconds = SpreadOf(seconds);
  return result;
}

}  // namespace tools
