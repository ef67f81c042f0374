// Repeats the first batches of a training run, for --overfit_batch.
#ifndef MODELS_DATA_OVERFIT_LOADER_H_
#define MODELS_DATA_OVERFIT_LOADER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/data/loader.h"

namespace models {

// Creates a loader that returns batch i % window of epoch 0 as batch i of every epoch. So each step
// of `window` batches trains on the same images with the same crops, flips and (because the keys
// are those of epoch 0) masks. Batch::epoch, index and next advance as in a loader of `options`,
// which must be for training; options.start applies. The first Next() loads the batches; they are
// kept, so OverfitBatches(window) are in memory. `window` is at least 1 and is capped at the
// batches of an epoch. Errors: Loader::Create's.
absl::StatusOr<std::unique_ptr<Loader>> CreateOverfitLoader(const Dataset* dataset,
                                                            LoaderOptions options, int window);

// The batches kept, plus those of the loader that loads them.
constexpr int OverfitBatches(int window) { return window + kLoaderBatches; }

}  // namespace models

#endif  // MODELS_DATA_OVERFIT_LOADER_H_
