// The intermediate representation: a Net is plain data in static single
// assignment form. It can be printed (text.h), saved (serialize.h), checked
// (verify.h) and rewritten; it holds no memory and no kernels.
//
// Blobs are values, assigned once: by an input, by a state's entry, or by one
// operator. Operators are stored in an order in which they can run. What lives
// from step to step (parameters, optimizer state, counters) is *state*: a pair
// of blobs, the value at entry and the value at exit.
#ifndef GRAPH_IR_NET_H_
#define GRAPH_IR_NET_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/variant.h"
#include "graph/base/status.h"
#include "graph/base/types.h"

namespace graph {

using BlobId = int32_t;
using OpId = int32_t;
constexpr int32_t kNone = -1;

// Floats are 32-bit, as in Caffe2's Argument, so that text and protobuf hold
// exactly what kernels read. A list of floats is never empty: in text and protobuf an
// empty list is one of integers.
using AttrValue =
    absl::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>>;
using Attrs = std::map<std::string, AttrValue>;  // sorted: one order to print

struct Blob {
  std::string name;
  TensorType type;
};

// When in a step an operator runs. Along the data: forward reads nothing that backward
// makes, and neither reads what update makes.
enum class Phase : uint8_t {
  kForward,
  kBackward,     // gradients, and what is computed again for them
  kUpdate,       // norms of gradients, clipping, the optimizer, counters, accumulation
  kCommunicate,  // between processes, wherever in a step
};

struct Op {
  std::string type;  // "LayerNorm"
  // Unique in the net: for people and messages. Programs read phase and part.
  std::string name;
  Phase phase = Phase::kForward;
  // The place in the model (part.h), "guide/blocks.3.mlp.fc1": of a backward operator that
  // of the forward operator, of what concerns one parameter the parameter's name. Empty:
  // the whole model, for operators of update and communication only.
  std::string part;
  bool recomputed = false;  // a copy made on purpose (graph/passes/recompute.cc); CSE leaves it
  std::vector<BlobId> inputs;
  std::vector<BlobId> outputs;
  Attrs attrs;  // complete: defaults are filled in when the operator is made
  // (input, output) positions that share memory; set by the in-place pass,
  // legal where Verify() says so.
  std::vector<std::pair<int, int>> in_place;

  // Attribute access for attributes the schema declares; aborts otherwise.
  int64_t Int(const std::string& attr) const;
  float Float(const std::string& attr) const;
  const std::string& Str(const std::string& attr) const;
  const std::vector<int64_t>& Ints(const std::string& attr) const;
  const std::vector<float>& Floats(const std::string& attr) const;

  // "LayerNorm 'blocks.0.norm1'", for messages.
  std::string Describe() const;
};

// The state `name` has the value blobs[entry] when the net starts and
// blobs[exit] when it ends; entry == exit for state that is only read. The
// entry blob carries the state's name, the exit blob the name plus ".out".
struct State {
  BlobId entry = kNone;
  BlobId exit = kNone;
};

struct Net {
  std::string name;
  std::vector<Blob> blobs;
  std::vector<Op> ops;          // in an order in which they can run
  std::vector<BlobId> inputs;   // fed before every run
  std::vector<State> states;    // kept by the Workspace from run to run
  std::vector<BlobId> outputs;  // readable after a run; never eliminated

  const Blob& blob(BlobId id) const { return blobs[id]; }
  const TensorType& type(BlobId id) const { return blobs[id].type; }
  std::vector<TensorType> types(const std::vector<BlobId>& ids) const;
  BlobId AddBlob(std::string blob_name, TensorType blob_type);
  // kNone when there is none. Linear in the number of blobs.
  BlobId Find(absl::string_view blob_name) const;
  // Drops blobs that nothing mentions and renumbers the rest in order.
  void Compact();
};

// `name`, or where `is_taken` says so `name`~2, ~3, ...
template <typename IsTaken>
std::string UniqueName(const std::string& name, const IsTaken& is_taken) {
  std::string unique = name;
  for (int n = 2; is_taken(unique); ++n) unique = absl::StrCat(name, "~", n);
  return unique;
}

// "forward", "backward", "update", "communicate".
absl::string_view PhaseName(Phase phase);
absl::optional<Phase> ParsePhase(absl::string_view name);

// Name of the exit blob of state `name`.
std::string StateExitName(absl::string_view name);

// Who writes and who reads each blob; a snapshot, invalid once the net changes. A state changes if
// its exit is not its entry.
struct Uses {
  explicit Uses(const Net& net);

  struct Reader {
    OpId op;
    int input;  // position among the operator's inputs
  };
  std::vector<OpId> producer;                // by blob; kNone: input or state entry
  std::vector<std::vector<Reader>> readers;  // by blob, in order of operators
  std::vector<bool> is_root;                 // by blob: net output or state exit
  std::vector<bool> is_changed_exit;         // by blob: exit of a state that changes
  std::vector<bool> in_arena;                // by blob: neither input nor state
  // By blob: for the entry of a state that changes, the operator that writes the exit over it,
  // before which all its readers must stand; the number of operators for every other blob.
  std::vector<OpId> overwritten_at;

  // Read by exactly one operator input, and not a root.
  bool SingleUse(BlobId blob) const { return readers[blob].size() == 1 && !is_root[blob]; }
};

}  // namespace graph

#endif  // GRAPH_IR_NET_H_
