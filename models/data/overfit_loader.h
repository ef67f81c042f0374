// The first batches of a training run, over and over: what --overfit_batch trains on.
#ifndef MODELS_DATA_OVERFIT_LOADER_H_
#define MODELS_DATA_OVERFIT_LOADER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/data/loader.h"

namespace models {

// A loader that gives, as batch i of every epoch, batch i % window of epoch 0, so that each
// step of `window` batches trains on the same images with the same crops, flips and (for
// the keys stay those of epoch 0) masks. Batch::epoch, index and next go on as they do in a
// loader of `options`, which must be for training; options.start counts as there. The batches are
// loaded at the first Next() and kept: OverfitBatches(window) lie in memory.
// `window`: at least 1; more than an epoch holds counts as all of those. Errors: Loader::Create's.
absl::StatusOr<std::unique_ptr<Loader>> CreateOverfitLoader(const Dataset* dataset,
                                                            LoaderOptions options, int window);

// Those kept, and while they are loaded those of the loader that does it.
constexpr int OverfitBatches(int window) { return window + kLoaderBatches; }

}  // namespace models

#endif  // MODELS_DATA_OVERFIT_LOADER_H_
