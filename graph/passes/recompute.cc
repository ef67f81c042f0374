// Recomputation: forward values that the gradient needs are made a second time
// there instead of being kept until then.
//
//   before                                  after, with fc1 and act in one segment
//   h f32[8] = Linear(x, ...) @fc1          h f32[8] = Linear(x, ...) @fc1
//   a f32[8] = Gelu(h) @act                 a f32[8] = Gelu(h) @act
//   ...                                     ...
//   dw ... = MatMulWeightGrad(dy, a)        h' f32[8] = Linear(x, ...) @recompute/fc1
//            @grad/fc2                      a' f32[8] = Gelu(h') @recompute/act
//   dh ... = GeluGrad(h, da) @grad/act      dw ... = MatMulWeightGrad(dy, a') @grad/fc2
//                                           dh ... = GeluGrad(h', da) @grad/act
//
// PipelineOptions::recompute_segment names the segment of each forward operator, by its
// part. What an operator of the backward phase reads of a segment is made again by copies
// of the segment's operators, "recompute/<name>", right before the first that needs it;
// all of them share the copies, which are of the backward phase and marked (Op::recomputed).
// The copies start from what the segment reads from outside, which is kept. It costs
// time; the numbers are the same: same operators, same inputs.
//
// Does not apply to outputs of the net and states at exit, which live on anyway,
// nor where a copy would read a state that has been overwritten by then; those
// values are kept.
//
// Runs before residual_norm_fusion, so that the sum of a residual and the norm of
// it can lie on different sides of a segment's border.
#include <vector>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// Before the names of copies and of what they make.
constexpr char kPrefix[] = "recompute/";

// One rewrite; copies collect in new_ops_ in front of the operator at hand.
class Rewriter {
 public:
  Rewriter(const SegmentOf& segment_of, Net* net)
      : net_(*net), uses_(*net), segments_(net->ops.size()), copy_of_(net->blobs.size(), kNone) {
    for (size_t i = 0; i < net->ops.size(); ++i) {
      const Op& op = net->ops[i];
      if (op.phase == Phase::kForward) segments_[i] = segment_of(op.part);
    }
  }

  bool Run() {
    bool changed = false;
    const std::vector<Op> ops = std::move(net_.ops);
    ops_ = &ops;
    for (OpId i = 0; i < static_cast<OpId>(ops.size()); ++i) {
      Op op = ops[i];
      // Copies start from what was kept for them.
      if (op.phase == Phase::kBackward && !op.recomputed) {
        for (BlobId& input : op.inputs) {
          if (!MadeInSegment(input) || !CanCopy(uses_.producer[input], i)) continue;
          Copy(uses_.producer[input]);
          input = copy_of_[input];
          changed = true;
        }
      }
      new_ops_.push_back(std::move(op));
    }
    net_.ops = std::move(new_ops_);
    if (changed) FinishRewrite(&net_);
    return changed;
  }

 private:
  bool MadeInSegment(BlobId blob) const {
    const OpId producer = uses_.producer[blob];
    return producer != kNone && !segments_[producer].empty() && !uses_.is_root[blob];
  }
  // Whether a copy of `op` reads `input` of another copy.
  bool Inside(OpId op, BlobId input) const {
    return MadeInSegment(input) && segments_[uses_.producer[input]] == segments_[op];
  }

  // Whether everything that a copy of `op` in front of operator `at` would read
  // has its value still.
  bool CanCopy(OpId op, OpId at) const {
    if (copy_of_[(*ops_)[op].outputs[0]] != kNone) return true;
    for (BlobId input : (*ops_)[op].inputs) {
      if (uses_.overwritten_at[input] < at) return false;
      if (Inside(op, input) && !CanCopy(uses_.producer[input], at)) return false;
    }
    return true;
  }

  void Copy(OpId id) {
    Op copy = (*ops_)[id];
    if (copy_of_[copy.outputs[0]] != kNone) return;
    for (BlobId& input : copy.inputs) {
      if (!Inside(id, input)) continue;
      Copy(uses_.producer[input]);
      input = copy_of_[input];
    }
    copy.name = kPrefix + copy.name;
    copy.phase = Phase::kBackward;
    copy.recomputed = true;
    for (BlobId& output : copy.outputs) {
      const Blob original = net_.blob(output);
      copy_of_[output] = net_.AddBlob(kPrefix + original.name, original.type);
      output = copy_of_[output];
    }
    new_ops_.push_back(std::move(copy));
  }

  Net& net_;
  const Uses uses_;  // of the net as it was
  const std::vector<Op>* ops_ = nullptr;
  std::vector<Op> new_ops_;
  std::vector<std::string> segments_;  // by operator; empty: not made again
  std::vector<BlobId> copy_of_;        // by blob of the net as it was
};

}  // namespace

Pass RecomputePass(const SegmentOf& segment_of) {
  return {"recompute", [segment_of](Net* net, const SchemaRegistry&) {
            return segment_of && Rewriter(segment_of, net).Run();
          }};
}

}  // namespace graph
