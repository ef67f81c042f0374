#include "graph/ir/verify.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "graph/ir/part.h"

namespace graph {
namespace {

// Everything one run of the rule book looks at.
class Verifier {
 public:
  Verifier(const Net& net, const OpRules& rules) : net_(net), rules_(rules) {}

  absl::Status Run() {
    RETURN_IF_ERROR(Names());
    RETURN_IF_ERROR(Ids());
    RETURN_IF_ERROR(SingleAssignment());
    RETURN_IF_ERROR(OrderAndTypes());
    const Uses uses(net_);
    std::vector<bool> is_output(net_.blobs.size(), false);
    for (BlobId b : net_.outputs) is_output[b] = true;
    RETURN_IF_ERROR(StateRules(uses, is_output));
    return InPlaceRules(uses, is_output);
  }

 private:
  template <typename... Args>
  absl::Status Error(const Args&... args) const {
    return absl::InvalidArgumentError(absl::StrCat("net '", net_.name, "': ", args...));
  }
  const std::string& Name(BlobId b) const { return net_.blobs[b].name; }

  absl::Status Names() {
    if (!IsValidName(net_.name)) return Error("the net's name has characters no name may have");
    absl::flat_hash_set<absl::string_view> seen;
    for (const Blob& blob : net_.blobs) {
      if (!IsValidName(blob.name)) return Error("'", blob.name, "' cannot name a blob");
      if (!seen.insert(blob.name).second) return Error("two blobs are named '", blob.name, "'");
      if (!IsValidShape(blob.type.shape)) {
        return Error("blob '", blob.name, "' is ", blob.type.ToString(),
                     ": a dimension is negative or the product is too large");
      }
    }
    absl::flat_hash_map<absl::string_view, const Op*> ops;
    for (const Op& op : net_.ops) {
      if (!IsValidName(op.name)) {
        return Error("operator of type ", op.type, " has the unusable name '", op.name, "'");
      }
      const auto [same, is_new] = ops.emplace(op.name, &op);
      if (!is_new) return Error(op.Describe(), " has the name of ", same->second->Describe());
      const bool may_be_whole = op.phase == Phase::kUpdate || op.phase == Phase::kCommunicate;
      if (op.part.empty() && !may_be_whole) {
        return Error(op.Describe(), " runs in the ", PhaseName(op.phase),
                     " phase and belongs to no part of the model");
      }
      if (!op.part.empty() && !IsValidPart(op.part)) {
        return Error(op.Describe(), " has the unusable part '", op.part, "'");
      }
    }
    return absl::OkStatus();
  }

  absl::Status Ids() {
    const auto exist = [this](const std::vector<BlobId>& ids) {
      return std::all_of(ids.begin(), ids.end(), [this](BlobId b) {
        return b >= 0 && b < static_cast<BlobId>(net_.blobs.size());
      });
    };
    for (const Op& op : net_.ops) {
      if (!exist(op.inputs)) return Error(op.Describe(), " reads a blob that does not exist");
      if (!exist(op.outputs)) return Error(op.Describe(), " writes a blob that does not exist");
    }
    if (!exist(net_.inputs)) return Error("an input does not exist");
    if (!exist(net_.outputs)) return Error("an output does not exist");
    for (const State& s : net_.states) {
      if (!exist({s.entry, s.exit})) return Error("a state does not exist");
    }
    return absl::OkStatus();
  }

  absl::Status SingleAssignment() {
    std::vector<bool> assigned(net_.blobs.size(), false);
    const auto assign = [&](BlobId b, absl::string_view by) -> absl::Status {
      if (assigned[b]) return Error("blob '", Name(b), "' is assigned again by ", by);
      assigned[b] = true;
      return absl::OkStatus();
    };
    for (BlobId b : net_.inputs) RETURN_IF_ERROR(assign(b, "an input"));
    for (const State& s : net_.states) RETURN_IF_ERROR(assign(s.entry, "a state"));
    for (const Op& op : net_.ops) {
      for (BlobId b : op.outputs) RETURN_IF_ERROR(assign(b, op.Describe()));
    }
    for (BlobId b : net_.outputs) {
      if (!assigned[b]) return Error("output '", Name(b), "' is never assigned");
    }
    for (const State& s : net_.states) {
      if (!assigned[s.exit]) return Error("state exit '", Name(s.exit), "' is never assigned");
    }
    return absl::OkStatus();
  }

  absl::Status OrderAndTypes() {
    constexpr OpId kNever = -2, kAtEntry = -1;
    std::vector<OpId> defined_at(net_.blobs.size(), kNever);
    for (BlobId b : net_.inputs) defined_at[b] = kAtEntry;
    for (const State& s : net_.states) defined_at[s.entry] = kAtEntry;
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const Op& op = net_.ops[i];
      for (BlobId b : op.inputs) {
        if (defined_at[b] == kNever) {
          return Error(op.Describe(), " reads '", Name(b), "' before anything writes it");
        }
        const OpId maker = defined_at[b];
        if (maker != kAtEntry && RunsBefore(op, net_.ops[maker])) {
          return Error(op.Describe(), " of the ", PhaseName(op.phase), " phase reads '", Name(b),
                       "', which ", net_.ops[maker].Describe(), " makes in the ",
                       PhaseName(net_.ops[maker].phase), " phase");
        }
      }
      absl::StatusOr<std::vector<TensorType>> inferred = rules_.Infer(op, net_.types(op.inputs));
      if (!inferred.ok()) return Annotate(inferred.status(), absl::StrCat("net '", net_.name, "'"));
      if (inferred->size() != op.outputs.size()) {
        return Error(op.Describe(), " has ", op.outputs.size(), " outputs; its schema makes ",
                     inferred->size());
      }
      for (size_t k = 0; k < op.outputs.size(); ++k) {
        const BlobId b = op.outputs[k];
        if ((*inferred)[k] != net_.type(b)) {
          return Error(op.Describe(), ": output '", Name(b), "' is ", net_.type(b).ToString(),
                       " but inference says ", (*inferred)[k].ToString());
        }
        defined_at[b] = static_cast<int>(i);
      }
    }
    return absl::OkStatus();
  }

  // Communication has no place among the phases: it may serve each of them.
  static bool RunsBefore(const Op& op, const Op& other) {
    return op.phase < other.phase && other.phase != Phase::kCommunicate;
  }

  absl::Status StateRules(const Uses& uses, const std::vector<bool>& is_output) const {
    for (const State& s : net_.states) {
      if (s.exit == s.entry) continue;
      if (Name(s.exit) != StateExitName(Name(s.entry))) {
        return Error("state '", Name(s.entry), "' must end as '", StateExitName(Name(s.entry)),
                     "', not '", Name(s.exit), "'");
      }
      if (net_.type(s.exit) != net_.type(s.entry)) {
        return Error("state '", Name(s.entry), "' enters as ", net_.type(s.entry).ToString(),
                     " and leaves as ", net_.type(s.exit).ToString());
      }
      const OpId writer = uses.producer[s.exit];
      if (writer == kNone) {
        return Error("state '", Name(s.entry), "' leaves with a value that no operator makes");
      }
      const Op& op = net_.ops[writer];
      if (is_output[s.entry]) {
        return Error("output '", Name(s.entry), "' is the entry of a state that ", op.Describe(),
                     " overwrites; make '", Name(s.exit), "' the output");
      }
      for (const Uses::Reader& reader : uses.readers[s.entry]) {
        if (reader.op > writer) {
          return Error(op.Describe(), " overwrites state '", Name(s.entry), "' before ",
                       net_.ops[reader.op].Describe(), " reads it");
        }
        if (reader.op < writer) continue;
        for (size_t k = 0; k < op.outputs.size(); ++k) {
          if (op.outputs[k] == s.exit && !rules_.MayShare(op, reader.input, static_cast<int>(k))) {
            return Error(op.Describe(), " reads state '", Name(s.entry),
                         "' and writes it, but cannot work in place");
          }
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status InPlaceRules(const Uses& uses, const std::vector<bool>& is_output) const {
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const Op& op = net_.ops[i];
      absl::flat_hash_set<int> inputs, outputs;
      for (const auto& [input, output] : op.in_place) {
        if (input < 0 || input >= static_cast<int>(op.inputs.size()) || output < 0 ||
            output >= static_cast<int>(op.outputs.size()) || !inputs.insert(input).second ||
            !outputs.insert(output).second) {
          return Error(op.Describe(), " has an impossible in-place pair ", input, ":", output);
        }
        const BlobId from = op.inputs[input];
        const BlobId to = op.outputs[output];
        if (!rules_.MayShare(op, input, output)) {
          return Error(op.Describe(), " cannot write '", Name(to), "' over '", Name(from), "'");
        }
        if (net_.type(from).bytes() != net_.type(to).bytes()) {
          return Error(op.Describe(), ": '", Name(to), "' and '", Name(from),
                       "' share memory but differ in size");
        }
        if (!uses.in_arena[from] || !uses.in_arena[to] || is_output[from]) {
          return Error(op.Describe(), " overwrites '", Name(uses.in_arena[to] ? from : to),
                       "', an input, output or state of the net");
        }
        for (const Uses::Reader& reader : uses.readers[from]) {
          if (reader.op > static_cast<OpId>(i) ||
              (reader.op == static_cast<OpId>(i) && reader.input != input)) {
            return Error(op.Describe(), " overwrites '", Name(from), "' which ",
                         net_.ops[reader.op].Describe(), " still reads");
          }
        }
      }
    }
    return absl::OkStatus();
  }

  const Net& net_;
  const OpRules& rules_;
};

}  // namespace

absl::Status Verify(const Net& net, const OpRules& rules) { return Verifier(net, rules).Run(); }

bool IsValidName(absl::string_view name) {
  if (name.empty()) return false;
  for (char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
        !absl::StrContains("_./:~@-", absl::string_view(&c, 1))) {
      return false;
    }
  }
  return true;
}

}  // namespace graph
