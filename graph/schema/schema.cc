#include "graph/schema/schema.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"

namespace graph {
namespace {

// For non-negative numbers. Saturates, because valid shapes do not bound the cost of a net.
int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

// The place in the schema of an operator's position, and the tensor it belongs to.
struct Place {
  int spec = 0;
  int tensor = 0;
};

Place PlaceOf(int position, size_t specs, int each) {
  const int first = static_cast<int>(specs) - each;
  if (each == 0 || position < first) return {position, 0};
  return {first + (position - first) % each, (position - first) / each};
}

// "(lr, step, w, g, w, g, ...)": what messages say an operator takes.
std::string TakenInputs(const Schema& schema) {
  std::vector<std::string> names;
  for (const ArgSpec& spec : schema.inputs) {
    names.push_back(absl::StrCat(spec.name, spec.optional ? "?" : "", spec.variadic ? "..." : ""));
  }
  for (int i = 0; i < schema.inputs_each; ++i) {  // the second tensor's
    names.push_back(names[schema.inputs.size() - schema.inputs_each + i]);
  }
  if (schema.inputs_each > 0) names.push_back("...");
  return absl::StrCat("(", absl::StrJoin(names, ", "), ")");
}

bool IsWordChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

absl::string_view KindName(const AttrValue& value) {
  static constexpr absl::string_view kNames[] = {"an integer", "a float", "a string",
                                                 "a list of integers", "a list of floats"};
  return kNames[value.index()];
}

template <typename... Args>
absl::Status InputError(const InferContext& c, int input, const Args&... args) {
  return InvalidArgument(c.op.Describe(), ": input ", input, " (", c.in(input).ToString(), ") ",
                         args...);
}

}  // namespace

Schema& Schema::Input(std::string name, std::string shape, RowUse row_use) {
  inputs.push_back({std::move(name), std::move(shape), row_use, false, false});
  return *this;
}

Schema& Schema::OptionalInput(std::string name, std::string shape, RowUse row_use) {
  inputs.push_back({std::move(name), std::move(shape), row_use, true, false});
  return *this;
}

Schema& Schema::VariadicInput(std::string name, std::string shape, RowUse row_use) {
  inputs.push_back({std::move(name), std::move(shape), row_use, false, true});
  return *this;
}

Schema& Schema::Output(std::string name, std::string shape) {
  outputs.push_back({std::move(name), std::move(shape), RowUse::kNone, false, false});
  return *this;
}

Schema& Schema::Attr(std::string name, AttrValue example, std::string doc) {
  attrs.push_back({std::move(name), std::move(example), absl::nullopt, std::move(doc)});
  return *this;
}

Schema& Schema::OptionalAttr(std::string name, AttrValue default_value, std::string doc) {
  attrs.push_back({std::move(name), default_value, default_value, std::move(doc)});
  return *this;
}

Schema& Schema::AttrOfInput(int input, std::string name, AttrValue default_value,
                            std::string doc) {
  OptionalAttr(std::move(name), std::move(default_value), std::move(doc));
  attrs.back().of_input = input;
  return *this;
}

Schema& Schema::InPlace(int input, int output) {
  in_place.emplace_back(input, output);
  return *this;
}

Schema& Schema::ForEachTensor(int count) {
  inputs_each = count;
  return *this;
}

int Schema::NumTensors(size_t num_inputs) const {
  if (inputs_each == 0 || num_inputs <= inputs.size()) return 1;
  return 1 + static_cast<int>(num_inputs - inputs.size()) / inputs_each;
}

size_t Schema::NumOutputs(size_t num_inputs) const {
  return outputs.size() * NumTensors(num_inputs);
}

const ArgSpec& Schema::InputAt(int position) const {
  const int spec = PlaceOf(position, inputs.size(), inputs_each).spec;
  return inputs[std::min<size_t>(spec, inputs.size() - 1)];  // the last may be variadic
}

const ArgSpec& Schema::OutputAt(int position) const { return outputs[position % outputs.size()]; }

const AttrSpec* Schema::FindAttr(absl::string_view name) const {
  for (const AttrSpec& spec : attrs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::vector<std::pair<int, int>> Schema::InPlacePairs(size_t num_inputs) const {
  std::vector<std::pair<int, int>> pairs;
  for (int tensor = 0; tensor < NumTensors(num_inputs); ++tensor) {
    for (const auto& [input, output] : in_place) {
      // Trailing inputs may be optional.
      if (input >= static_cast<int>(num_inputs)) continue;
      pairs.emplace_back(input + tensor * inputs_each,
                         output + tensor * static_cast<int>(outputs.size()));
    }
  }
  return pairs;
}

bool Schema::MayShare(int input, int output) const {
  const Place from = PlaceOf(input, inputs.size(), inputs_each);
  const Place to =
      PlaceOf(output, outputs.size(), inputs_each == 0 ? 0 : static_cast<int>(outputs.size()));
  return from.tensor == to.tensor &&
         std::count(in_place.begin(), in_place.end(), std::make_pair(from.spec, to.spec)) > 0;
}

Schema& Schema::LowPrecision(std::vector<int> inputs, std::vector<int> outputs) {
  low_precision_inputs = std::move(inputs);
  low_precision_outputs = std::move(outputs);
  return *this;
}

Schema& Schema::AnyPrecision(std::vector<int> inputs) {
  any_precision_inputs = std::move(inputs);
  return *this;
}

Schema& Schema::ReadsRows(RowReading reading) {
  reads_rows = std::move(reading);
  return *this;
}

Schema& Schema::MakesRowsNamedBy(int ids) {
  makes_rows_named_by = ids;
  return *this;
}

Schema& Schema::Infer(InferFn fn) {
  infer = std::move(fn);
  return *this;
}

Schema& Schema::SameTypeAsInput() {
  const size_t count = outputs.size();
  return Infer([count](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {
    return std::vector<TensorType>(count, c.in(0));
  });
}

Schema& Schema::Cost(CostFn fn) {
  cost = std::move(fn);
  return *this;
}

Schema& Schema::ElementwiseCost(double flops_per_element) {
  return Cost([flops_per_element](const graph::Op&, absl::Span<const TensorType> inputs,
                                  absl::Span<const TensorType> outputs) {
    struct Cost cost;
    cost.flops = static_cast<int64_t>(
        flops_per_element * static_cast<double>(outputs.empty() ? 0 : outputs[0].elements()));
    for (const TensorType& t : inputs) cost.bytes = SaturatingAdd(cost.bytes, t.bytes());
    for (const TensorType& t : outputs) cost.bytes = SaturatingAdd(cost.bytes, t.bytes());
    return cost;
  });
}

Schema& Schema::Gradient(GradientFn make) {
  gradient = std::move(make);
  return *this;
}

Schema& Schema::NoGradient(std::string reason) {
  no_gradient = std::move(reason);
  return *this;
}

Schema& Schema::NotDifferentiable(std::string reason) {
  not_differentiable = std::move(reason);
  return *this;
}

void SchemaRegistry::Add(Schema schema) {
  const std::string& type = schema.type;
  const auto refuse_if = [&type](bool bad, absl::string_view problem) {
    if (!bad) return;
    std::fprintf(stderr, "schema of operator type '%s': %s\n", type.c_str(),
                 std::string(problem).c_str());
    std::abort();
  };
  refuse_if(type.empty(), "the type has no name");
  refuse_if(schema.doc.empty(), "the documentation is missing");
  refuse_if(schemas_.find(type) != schemas_.end(), "it is registered twice");
  refuse_if(schema.outputs.empty(), "it has no outputs");
  refuse_if(!schema.infer, "shape inference is missing");
  refuse_if(!schema.cost, "the cost is missing");
  const int gradients = (schema.gradient != nullptr) + schema.no_gradient.has_value() +
                        schema.not_differentiable.has_value();
  refuse_if(gradients != 1, "exactly one of Gradient, NoGradient, NotDifferentiable is needed");
  for (size_t i = 0; i + 1 < schema.inputs.size(); ++i) {
    refuse_if(schema.inputs[i].variadic, "only the last input may be variadic");
    refuse_if(schema.inputs[i].optional && !schema.inputs[i + 1].optional,
              "a required input follows an optional one");
  }
  for (const AttrSpec& spec : schema.attrs) {
    const std::string& attr = spec.name;
    // The text form writes NAME=VALUE. Both forms reserve in_place, the NetDef form
    // also the other names (graph/ir/serialize.cc).
    refuse_if(attr.empty() || attr == "in_place" || attr == "repeated_inputs" || attr == "part" ||
                  attr == "phase" || attr == "recomputed" ||
                  !std::all_of(attr.begin(), attr.end(), IsWordChar),
              absl::StrCat("'", attr, "' cannot name an attribute"));
    refuse_if(schema.FindAttr(attr) != &spec,
              absl::StrCat("attribute '", attr, "' is declared twice"));
    refuse_if(spec.of_input >= static_cast<int>(schema.inputs.size()) ||
                  (spec.of_input >= 0 && !schema.inputs[spec.of_input].optional),
              absl::StrCat("attribute '", attr, "' belongs to an input that is not optional"));
  }
  const int inputs = static_cast<int>(schema.inputs.size());
  const auto exists = [inputs](int input) { return input >= 0 && input < inputs; };
  const int shared = inputs - schema.inputs_each;  // inputs of all tensors
  refuse_if(shared < 0 || shared > inputs, "each tensor has inputs that do not exist");
  for (const auto& [input, output] : schema.in_place) {
    refuse_if(!exists(input) || output < 0 || output >= static_cast<int>(schema.outputs.size()),
              "an in-place pair names an input or output that does not exist");
    refuse_if(
        schema.inputs_each != 0 && input < shared,
        absl::StrCat("output ", output, " is one tensor's and would lie over an input of all"));
  }
  for (const ArgSpec& input : schema.inputs) {
    refuse_if(schema.inputs_each != 0 && (input.optional || input.variadic),
              "it is for several tensors, so no input may be optional or variadic");
  }
  if (const auto& rows = schema.reads_rows) {
    refuse_if(!exists(rows->input) || !exists(rows->ids),
              "it reads rows of an input, or named by one, that does not exist");
  }
  if (const auto& ids = schema.makes_rows_named_by) {
    refuse_if(!exists(*ids) || !schema.inputs[*ids].optional,
              "the input that names its rows is not an optional one");
  }
  schemas_.emplace(type, std::move(schema));
}

const Schema* SchemaRegistry::Find(absl::string_view type) const {
  const auto it = schemas_.find(type);
  return it == schemas_.end() ? nullptr : &it->second;
}

std::vector<std::string> SchemaRegistry::Types() const {
  std::vector<std::string> types;
  for (const auto& [type, schema] : schemas_) types.push_back(type);
  return types;
}

absl::Status SchemaRegistry::CompleteAttrs(Op* op) const {
  const Schema* schema = Find(op->type);
  if (schema == nullptr) return InvalidArgument(op->Describe(), ": unknown operator type");
  const int inputs = static_cast<int>(op->inputs.size());
  for (const AttrSpec& spec : schema->attrs) {
    if (spec.of_input >= inputs || op->attrs.count(spec.name) > 0) continue;
    if (!spec.default_value) {
      return InvalidArgument(op->Describe(), ": attribute '", spec.name, "' is missing");
    }
    op->attrs[spec.name] = *spec.default_value;
  }
  for (const auto& [name, value] : op->attrs) {
    const AttrSpec* found = schema->FindAttr(name);
    if (found == nullptr) {
      return InvalidArgument(op->Describe(), ": unknown attribute '", name, "'");
    }
    if (found->of_input >= inputs) {
      return InvalidArgument(op->Describe(), ": attribute '", name, "' is of input ",
                             found->of_input, " (", schema->inputs[found->of_input].name,
                             "), which is missing");
    }
    if (found->example.index() != value.index()) {
      return InvalidArgument(op->Describe(), ": attribute '", name, "' must be ",
                             KindName(found->example), ", not ", KindName(value));
    }
    if (const auto* floats = absl::get_if<std::vector<float>>(&value)) {
      if (floats->empty()) {
        return InvalidArgument(op->Describe(), ": attribute '", name, "' is an empty list");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> SchemaRegistry::Infer(
    const Op& op, absl::Span<const TensorType> inputs) const {
  const Schema* schema = Find(op.type);
  if (schema == nullptr) return InvalidArgument(op.Describe(), ": unknown operator type");
  size_t required = 0;
  bool variadic = false;
  for (const ArgSpec& spec : schema->inputs) {
    if (!spec.optional) ++required;
    variadic |= spec.variadic;
  }
  const size_t more = std::max(inputs.size(), schema->inputs.size()) - schema->inputs.size();
  const size_t each = schema->inputs_each;
  if (inputs.size() < required || (more > 0 && !variadic && (each == 0 || more % each != 0))) {
    return InvalidArgument(op.Describe(), " has ", inputs.size(), " inputs; it takes ",
                           TakenInputs(*schema));
  }
  struct Op complete = op;
  RETURN_IF_ERROR(CompleteAttrs(&complete));
  // Completing only adds; comparing values would fail for NaN.
  if (complete.attrs.size() != op.attrs.size()) {
    return InvalidArgument(op.Describe(), ": attributes are missing");
  }
  return schema->infer({op, inputs});
}

bool SchemaRegistry::MayShare(const Op& op, int input, int output) const {
  const Schema* schema = Find(op.type);
  return schema != nullptr && schema->MayShare(input, output);
}

struct Cost SchemaRegistry::OpCost(const Net& net, const Op& op) const {
  const Schema* schema = Find(op.type);
  CHECK(schema != nullptr);
  return schema->cost(op, net.types(op.inputs), net.types(op.outputs));
}

struct Cost SchemaRegistry::NetCost(const Net& net) const {
  struct Cost total;
  for (const Op& op : net.ops) {
    const struct Cost cost = OpCost(net, op);
    total.flops = SaturatingAdd(total.flops, cost.flops);
    total.bytes = SaturatingAdd(total.bytes, cost.bytes);
  }
  return total;
}

absl::Status ExpectRank(const InferContext& c, int input, int rank) {
  if (c.in(input).rank() == rank) return absl::OkStatus();
  return InputError(c, input, "must have rank ", rank);
}

absl::Status ExpectMinRank(const InferContext& c, int input, int rank) {
  if (c.in(input).rank() >= rank) return absl::OkStatus();
  return InputError(c, input, "must have at least rank ", rank);
}

absl::Status ExpectFloat(const InferContext& c, int input) {
  if (IsFloat(c.in(input).dtype)) return absl::OkStatus();
  return InputError(c, input, "must be a float tensor");
}

absl::Status ExpectDType(const InferContext& c, int input, DType dtype) {
  if (c.in(input).dtype == dtype) return absl::OkStatus();
  return InputError(c, input, "must have element type ", DTypeName(dtype));
}

absl::Status ExpectShape(const InferContext& c, int input, absl::Span<const int64_t> shape) {
  if (absl::MakeConstSpan(c.in(input).shape) == shape) return absl::OkStatus();
  return InputError(c, input, "must have shape ", ShapeString(shape));
}

absl::Status ExpectSameDType(const InferContext& c, int input, int other) {
  if (c.in(input).dtype == c.in(other).dtype) return absl::OkStatus();
  return InputError(c, input, "must have the element type of input ", other, " (",
                    c.in(other).ToString(), ")");
}

absl::Status ExpectSameType(const InferContext& c, int input, int other) {
  if (c.in(input) == c.in(other)) return absl::OkStatus();
  return InputError(c, input, "must be of the type of input ", other, " (", c.in(other).ToString(),
                    ")");
}

}  // namespace graph
