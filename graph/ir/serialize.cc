#include "graph/ir/serialize.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "graph/base/status.h"
#include "graph/ir/verify.h"
#include "graph/proto/net.pb.h"

namespace graph {
namespace {

// NetDef.arg entries that hold what NetDef has no field for. Blobs are named by
// their position in `blobs`, so ids survive.
constexpr char kBlobs[] = "blobs";       // strings "f32 NAME"; ints: for each, rank and dimensions
constexpr char kInputs[] = "inputs";     // ints: ids
constexpr char kStates[] = "states";     // ints: entry, exit, entry, exit, ...
constexpr char kOutputs[] = "outputs";   // ints: ids
constexpr char kInPlace[] = "in_place";  // OperatorDef.arg, ints: input, output, input, output, ...
// OperatorDef.arg, an integer: how many inputs at the end only repeat a state, for Netron.
constexpr char kRepeated[] = "repeated_inputs";
constexpr char kPart[] = "part";              // OperatorDef.arg, a string; none: the name
constexpr char kPhase[] = "phase";            // OperatorDef.arg, a string; none: forward
constexpr char kRecomputed[] = "recomputed";  // OperatorDef.arg, an integer; none: 0

// `Def`: OperatorDef or NetDef.
template <typename Def>
caffe2::Argument* AddArg(Def* def, const std::string& name) {
  caffe2::Argument* arg = def->add_arg();
  arg->set_name(name);
  return arg;
}

struct AttrWriter {
  caffe2::Argument* arg;
  void operator()(int64_t v) const { arg->set_i(v); }
  void operator()(float v) const { arg->set_f(v); }
  void operator()(const std::string& v) const { arg->set_s(v); }
  void operator()(const std::vector<int64_t>& v) const {
    for (int64_t d : v) arg->add_ints(d);
  }
  void operator()(const std::vector<float>& v) const {
    for (float f : v) arg->add_floats(f);
  }
};

// By operator: the state to be named again, or kNone.
std::vector<BlobId> RepeatedStates(const Net& net) {
  std::vector<int> state_of(net.blobs.size(), kNone);
  for (size_t i = 0; i < net.states.size(); ++i) {
    state_of[net.states[i].entry] = state_of[net.states[i].exit] = static_cast<int>(i);
  }
  std::vector<bool> shown(net.states.size(), false);
  for (const Op& op : net.ops) {
    for (size_t k = 1; k < op.inputs.size(); ++k) {
      if (state_of[op.inputs[k]] != kNone) shown[state_of[op.inputs[k]]] = true;
    }
  }
  std::vector<BlobId> repeated(net.ops.size(), kNone);
  for (size_t i = 0; i < net.ops.size(); ++i) {
    if (net.ops[i].inputs.empty()) continue;
    const BlobId first = net.ops[i].inputs[0];
    if (state_of[first] == kNone || shown[state_of[first]]) continue;
    shown[state_of[first]] = true;
    repeated[i] = first;
  }
  return repeated;
}

caffe2::NetDef ToNetDef(const Net& net) {
  // The name a blob has in the NetDef: an exit is written over its entry.
  std::vector<std::string> names;
  for (const Blob& blob : net.blobs) names.push_back(blob.name);
  for (const State& s : net.states) names[s.exit] = net.blob(s.entry).name;

  caffe2::NetDef def;
  def.set_name(net.name);
  def.set_type("simple");
  const std::vector<BlobId> repeated = RepeatedStates(net);
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const Op& op = net.ops[i];
    caffe2::OperatorDef* op_def = def.add_op();
    op_def->set_type(op.type);
    op_def->set_name(op.name);
    for (BlobId b : op.inputs) op_def->add_input(names[b]);
    for (BlobId b : op.outputs) op_def->add_output(names[b]);
    for (const auto& [name, value] : op.attrs) {
      absl::visit(AttrWriter{AddArg(op_def, name)}, value);
    }
    if (!op.in_place.empty()) {
      caffe2::Argument* arg = AddArg(op_def, kInPlace);
      for (const auto& [input, output] : op.in_place) {
        arg->add_ints(input);
        arg->add_ints(output);
      }
    }
    if (op.part != op.name) AddArg(op_def, kPart)->set_s(op.part);
    if (op.phase != Phase::kForward) {
      AddArg(op_def, kPhase)->set_s(std::string(PhaseName(op.phase)));
    }
    if (op.recomputed) AddArg(op_def, kRecomputed)->set_i(1);
    if (repeated[i] != kNone) {
      op_def->add_input(names[repeated[i]]);
      AddArg(op_def, kRepeated)->set_i(1);
    }
  }
  for (BlobId b : net.inputs) def.add_external_input(names[b]);
  for (const State& s : net.states) def.add_external_input(names[s.entry]);
  for (BlobId b : net.outputs) def.add_external_output(names[b]);
  for (const State& s : net.states) {
    if (s.exit != s.entry) def.add_external_output(names[s.exit]);
  }
  caffe2::Argument* blobs = AddArg(&def, kBlobs);
  for (const Blob& blob : net.blobs) {
    blobs->add_strings(absl::StrCat(DTypeName(blob.type.dtype), " ", blob.name));
    blobs->add_ints(blob.type.rank());
    for (int64_t d : blob.type.shape) blobs->add_ints(d);
  }
  caffe2::Argument* inputs = AddArg(&def, kInputs);
  for (BlobId b : net.inputs) inputs->add_ints(b);
  caffe2::Argument* states = AddArg(&def, kStates);
  for (const State& s : net.states) {
    states->add_ints(s.entry);
    states->add_ints(s.exit);
  }
  caffe2::Argument* outputs = AddArg(&def, kOutputs);
  for (BlobId b : net.outputs) outputs->add_ints(b);
  return def;
}

class Reader {
 public:
  explicit Reader(const caffe2::NetDef& def) : def_(def) {}

  absl::StatusOr<Net> Run() {
    net_.name = def_.name();
    RETURN_IF_ERROR(Blobs());
    ASSIGN_OR_RETURN(net_.inputs, Ids(kInputs));
    ASSIGN_OR_RETURN(net_.outputs, Ids(kOutputs));
    ASSIGN_OR_RETURN(std::vector<BlobId> states, Ids(kStates));
    if (states.size() % 2 != 0) return Error("argument 'states' holds half a pair");
    for (size_t i = 0; i < states.size(); i += 2) {
      net_.states.push_back({states[i], states[i + 1]});
    }
    // At first every state name means the entry value; from the operator that
    // writes it on, the exit value.
    absl::flat_hash_map<std::string, BlobId> current;
    absl::flat_hash_map<std::string, BlobId> exit_of;
    for (size_t i = 0; i < net_.blobs.size(); ++i) {
      current[net_.blobs[i].name] = static_cast<BlobId>(i);
    }
    for (const State& s : net_.states) {
      if (s.exit != s.entry) exit_of[net_.blob(s.entry).name] = s.exit;
    }
    for (const caffe2::OperatorDef& op_def : def_.op()) {
      Op op;
      op.type = op_def.type();
      op.name = op.part = op_def.name();
      for (const std::string& name : op_def.input()) {
        const auto it = current.find(name);
        if (it == current.end())
          return Error("operator '", op.name, "' reads unknown '", name, "'");
        op.inputs.push_back(it->second);
      }
      for (const std::string& name : op_def.output()) {
        const auto exit = exit_of.find(name);
        if (exit != exit_of.end()) {
          if (current[name] == exit->second) return Error("state '", name, "' is written twice");
          current[name] = exit->second;
        }
        const auto it = current.find(name);
        if (it == current.end()) {
          return Error("operator '", op.name, "' writes unknown '", name, "'");
        }
        op.outputs.push_back(it->second);
      }
      RETURN_IF_ERROR(Attributes(op_def, &op));
      net_.ops.push_back(std::move(op));
    }
    return std::move(net_);
  }

 private:
  template <typename... Args>
  absl::Status Error(const Args&... args) const {
    return InvalidArgument("NetDef '", def_.name(), "': ", args...);
  }

  const caffe2::Argument* Arg(absl::string_view name) const {
    for (const caffe2::Argument& arg : def_.arg()) {
      if (arg.name() == name) return &arg;
    }
    return nullptr;
  }

  absl::Status Blobs() {
    const caffe2::Argument* arg = Arg(kBlobs);
    if (arg == nullptr) return Error("argument 'blobs' is missing: not written by this engine");
    int at = 0;
    for (const std::string& entry : arg->strings()) {
      const size_t space = entry.find(' ');
      absl::optional<DType> dtype;
      if (space != std::string::npos) dtype = ParseDType(entry.substr(0, space));
      if (!dtype) return Error("blob entry '", entry, "' is not 'TYPE NAME'");
      TensorType type{*dtype, {}};
      if (at >= arg->ints_size()) return Error("argument 'blobs' is too short");
      const int64_t rank = arg->ints(at++);
      if (rank < 0 || rank > arg->ints_size() - at) return Error("argument 'blobs' is too short");
      for (int64_t i = 0; i < rank; ++i) type.shape.push_back(arg->ints(at++));
      if (!IsValidShape(type.shape)) {
        return Error("blob entry '", entry, "' has an impossible shape");
      }
      net_.AddBlob(entry.substr(space + 1), std::move(type));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<BlobId>> Ids(absl::string_view name) const {
    const caffe2::Argument* arg = Arg(name);
    if (arg == nullptr) return Error("argument '", name, "' is missing");
    std::vector<BlobId> ids;
    for (int64_t id : arg->ints()) {
      if (id < 0 || id >= static_cast<int64_t>(net_.blobs.size())) {
        return Error("argument '", name, "' names blob ", id, ", which does not exist");
      }
      ids.push_back(static_cast<BlobId>(id));
    }
    return ids;
  }

  absl::Status Attributes(const caffe2::OperatorDef& op_def, Op* op) const {
    for (const caffe2::Argument& arg : op_def.arg()) {
      if (arg.name() != kRepeated) continue;
      if (arg.i() < 0 || arg.i() > static_cast<int64_t>(op->inputs.size())) {
        return Error("operator '", op->name, "' cannot repeat ", arg.i(), " of its ",
                     op->inputs.size(), " inputs");
      }
      op->inputs.resize(op->inputs.size() - static_cast<size_t>(arg.i()));
    }
    const int64_t num_inputs = static_cast<int64_t>(op->inputs.size());
    for (const caffe2::Argument& arg : op_def.arg()) {
      if (arg.name() == kInPlace) {
        if (arg.ints_size() % 2 != 0) return Error("operator '", op->name, "': half a pair");
        for (int i = 0; i + 1 < arg.ints_size(); i += 2) {
          const int64_t input = arg.ints(i), output = arg.ints(i + 1);
          if (input < 0 || input >= num_inputs || output < 0 || output >= op_def.output_size()) {
            return Error("operator '", op->name, "' has an impossible in-place pair ", input, ":",
                         output);
          }
          op->in_place.emplace_back(static_cast<int>(input), static_cast<int>(output));
        }
      } else if (arg.name() == kPart) {
        op->part = arg.s();
      } else if (arg.name() == kPhase) {
        const absl::optional<Phase> phase = ParsePhase(arg.s());
        if (!phase) return Error("operator '", op->name, "' has the unknown phase '", arg.s(), "'");
        op->phase = *phase;
      } else if (arg.name() == kRecomputed) {
        op->recomputed = arg.i() != 0;
      } else if (arg.name() != kRepeated) {
        if (arg.has_i() + arg.has_f() + arg.has_s() + (arg.ints_size() > 0) +
                    (arg.floats_size() > 0) >
                1 ||
            arg.strings_size() > 0) {
          return Error("operator '", op->name, "': argument '", arg.name(),
                       "' is not one integer, float, string or list of integers or floats");
        }
        if (!op->attrs.emplace(arg.name(), ValueOf(arg)).second) {
          return Error("operator '", op->name, "' has argument '", arg.name(), "' twice");
        }
      }
    }
    return absl::OkStatus();
  }

  static AttrValue ValueOf(const caffe2::Argument& arg) {
    if (arg.has_i()) return static_cast<int64_t>(arg.i());
    if (arg.has_f()) return arg.f();
    if (arg.has_s()) return arg.s();
    if (arg.floats_size() > 0) return std::vector<float>(arg.floats().begin(), arg.floats().end());
    return std::vector<int64_t>(arg.ints().begin(), arg.ints().end());
  }

  const caffe2::NetDef& def_;
  Net net_;
};

// Keeps protobuf's own complaints off stderr; ours name the file.
class SilentErrors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text_.empty()) return;
    text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string ToNetDefBytes(const Net& net) { return ToNetDef(net).SerializeAsString(); }

std::string ToNetDefText(const Net& net) {
  std::string text;
  CHECK(google::protobuf::TextFormat::PrintToString(ToNetDef(net), &text));
  return text;
}

absl::StatusOr<Net> FromNetDefBytes(const std::string& bytes) {
  caffe2::NetDef def;
  if (!def.ParseFromString(bytes)) return InvalidArgument("not a serialized NetDef");
  return Reader(def).Run();
}

absl::StatusOr<Net> FromNetDefText(const std::string& text) {
  caffe2::NetDef def;
  google::protobuf::TextFormat::Parser parser;
  SilentErrors errors;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(text, &def)) {
    return InvalidArgument("not a NetDef in text format: ", errors.text());
  }
  return Reader(def).Run();
}

}  // namespace graph
