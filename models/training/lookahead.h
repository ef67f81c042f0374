// Batches of which the next can be seen before it is taken.
#ifndef MODELS_TRAINING_LOOKAHEAD_H_
#define MODELS_TRAINING_LOOKAHEAD_H_

#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "models/training/session.h"

namespace models {

class Lookahead {
 public:
  explicit Lookahead(BatchSource load) : load_(std::move(load)) {}

  // A BatchSource. It loads, unless Peek() has.
  absl::StatusOr<const Batch*> Next() {
    absl::StatusOr<const Batch*> batch = peeked_ ? *std::move(peeked_) : load_();
    peeked_.reset();
    return batch;
  }
  // A BatchPeek. Null after an error, which Next() returns.
  const Batch* Peek() {
    if (!peeked_) peeked_ = load_();
    return peeked_->value_or(nullptr);
  }

 private:
  const BatchSource load_;
  absl::optional<absl::StatusOr<const Batch*>> peeked_;
};

}  // namespace models

#endif  // MODELS_TRAINING_LOOKAHEAD_H_
