// Builds a Net operator by operator, inferring types as it goes.
#ifndef GRAPH_SCHEMA_BUILDER_H_
#define GRAPH_SCHEMA_BUILDER_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"

namespace graph {

// The first error makes every later call a no-op that returns kNone, and
// Finish() returns it, so a model is written without checks in between:
//
//   NetBuilder b(&registry, "train");
//   BlobId x = b.Input("x", {DType::kF32, {8, 32}});
//   BlobId w = b.State("fc.weight", {DType::kF32, {64, 32}});
//   BlobId y = b.Op("MatMul", "fc", {x, w}, {{"trans_w", int64_t{1}}});
//   b.Output(y);
//   ASSIGN_OR_RETURN(Net net, b.Finish());
//
// Not thread-safe.
class NetBuilder {
 public:
  // `registry` must outlive the builder.
  NetBuilder(const SchemaRegistry* registry, std::string net_name);
  // Continues a finished net (operators are appended).
  NetBuilder(const SchemaRegistry* registry, Net net);

  BlobId Input(const std::string& name, TensorType type);
  // The value at entry. Asking again for a state returns the same blob; asking
  // with another type is an error.
  BlobId State(const std::string& name, TensorType type);
  // Makes `value` the state's value at exit: renames the blob to
  // StateExitName. A blob can be the exit of one state only. The entry itself
  // as `value` leaves the state unchanged.
  void SetExit(BlobId state_entry, BlobId value);
  void Output(BlobId blob);

  // Adds an operator; unless a Scope says otherwise, it is in the forward phase and a part of its
  // own (Op::part). Output blobs are named "<name>:<schema output name>". The names of the
  // operator and its outputs are made unique with "~N". Returns the first output.
  BlobId Op(const std::string& type, const std::string& name, std::vector<BlobId> inputs,
            Attrs attrs = {});
  // The same, with all outputs.
  std::vector<BlobId> OpN(const std::string& type, const std::string& name,
                          std::vector<BlobId> inputs, Attrs attrs = {});
  void Rename(BlobId blob, const std::string& name);

  // Operators added while a Scope lives run in `phase` and, if `part` is given, belong to that
  // part. The innermost scope alone decides both.
  class Scope {
   public:
    Scope(NetBuilder* builder, Phase phase, absl::optional<std::string> part = absl::nullopt)
        : builder_(builder), outer_phase_(builder->phase_), outer_part_(std::move(builder->part_)) {
      builder_->phase_ = phase;
      builder_->part_ = std::move(part);
    }
    ~Scope() {
      builder_->phase_ = outer_phase_;
      builder_->part_ = std::move(outer_part_);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    NetBuilder* builder_;
    Phase outer_phase_;
    absl::optional<std::string> outer_part_;
  };

  const TensorType& type(BlobId blob) const;
  const Net& net() const { return net_; }
  const SchemaRegistry& registry() const { return *registry_; }
  const absl::Status& status() const { return status_; }
  // Keeps the first error; `status` may be OK.
  void Fail(absl::Status status);

  // The verified net; the builder is empty afterwards.
  absl::StatusOr<Net> Finish();

 private:
  BlobId NewBlob(const std::string& name, TensorType type);
  // These fail the builder if the answer is no. Shapes are checked when they come
  // in, so that inference can multiply dimensions.
  bool Exists(BlobId blob);
  bool IsFree(const std::string& name);
  bool HasValidShape(const std::string& name, const TensorType& type);

  const SchemaRegistry* registry_;
  Net net_;
  absl::flat_hash_map<std::string, BlobId> by_name_;
  absl::flat_hash_set<std::string> op_names_;
  Phase phase_ = Phase::kForward;
  absl::optional<std::string> part_;  // not set: each operator is a part
  absl::Status status_;
};

}  // namespace graph

#endif  // GRAPH_SCHEMA_BUILDER_H_
