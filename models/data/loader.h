// Batches of network input from a Dataset, decoded ahead by worker threads.
//
// A batch is the next B decodable images of its epoch's order. Order, crops and flips are pure
// functions of (seed, epoch, image id), and warnings, skips and errors come at the same batch. So
// the results of Next() do not depend on the number of workers or on timing.
//
// Training: each epoch draws a new permutation of the data and has floor(N / B) batches (or
// `batches_per_epoch`, if fewer); the rest of the permutation is dropped. Undecodable images are
// skipped and the following images move up. An image that cannot be read because the machine fails
// (Unavailable) does not count as undecodable: it is retried, and then is an error. If skipping
// leaves the epoch short, it is filled from the beginning of its permutation, so that every epoch
// has the same number of steps. Evaluation: the data in their own order, once; the last batch is
// padded; keys are those of epoch 0, so that masks are the same in every evaluation. Data with
// labels for pixels are evaluated on whole pictures (whole_picture.h), not on their centres.
// Training loaders start loading at once, evaluation loaders at the first Next().
#ifndef MODELS_DATA_LOADER_H_
#define MODELS_DATA_LOADER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "models/data/augment.h"
#include "models/data/bad_image_judge.h"
#include "models/data/dataset.h"
#include "models/data/mixing.h"

namespace models {

enum class LoaderMode { kTrain, kEvaluate };

// Position of a training loader, as kept in a checkpoint.
struct LoaderPosition {
  int64_t epoch = 0;
  int64_t batch = 0;     // batches of this epoch already taken
  int64_t position = 0;  // places of the epoch's permutation already used
  int64_t bad = 0;       // distinct undecodable images among them, for the limits
};

// Batches that a loader with workers holds: one lent out, one being filled, the rest ready. Without
// workers it holds two.
constexpr int kLoaderBatches = 4;

// Work of a loader thread on one image.
enum class LoaderWork {
  kDecode,  // Dataset::LoadPart and LoadMask: reading and decoding
  kCrop,    // crop and resizing
  kCopy,    // flip and normalization, into its place in the batch
};

// Observes a loader's worker threads, which call it concurrently.
class LoaderObserver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  virtual ~LoaderObserver() = default;

  // Asked before each piece of work; while it is false, nothing is timed.
  virtual bool Watching() const = 0;
  // Called before a piece of observed work, in the thread that does it.
  virtual void Begins(int /*worker*/, LoaderWork /*work*/, int64_t /*image*/) {}
  // Called after a piece of work that began while Watching() was true. `worker` is in
  // [0, max(1, num_workers)); without workers, the thread that calls Next() is worker 0. `image` is
  // the image's index in the Dataset.
  virtual void Worked(int worker, LoaderWork work, int64_t image, Time begin, Time end) = 0;
};

struct LoaderOptions {
  LoaderMode mode = LoaderMode::kTrain;
  int64_t batch_size = 0;
  int input_height = 0;
  int input_width = 0;
  uint64_t seed = 0;
  TransformOptions transform;
  // Training: RandomResizedCrop before the flip. False for data that are already framed as the
  // network should see them: then there is only the flip.
  bool random_crop = true;
  // Training: decode crops to the same bytes as in the whole picture. False allows decoding a crop
  // that is far larger than the input at a half, a quarter or an eighth of its size (augment.h).
  // Evaluations are always exact.
  bool exact_decode = false;
  // Training: how groups of `mix_group` images, of which a batch is a multiple, are mixed in pairs;
  // 0: they are not.
  MixingOptions mixing;
  int64_t mix_group = 0;
  // Threads that load; with 0 the thread that calls Next() loads.
  int num_workers = 0;
  // Training: at most floor(N / B); 0 means that maximum. Accumulation over k batches uses
  // floor(N / (B * k)) * k.
  int64_t batches_per_epoch = 0;
  LoaderPosition start;  // training only
  // This loader is one of `world_size` (W) that divide the data: of every W places of the order it
  // takes the one numbered `rank`. With B images a batch and no undecodable ones, the ranks' k-th
  // batches together are the k-th batch of B * W images of a single loader, keys included. A rank
  // replaces an undecodable image from its own share, so that no image comes twice. Positions count
  // the rank's own places. N below is its share.
  int rank = 0;
  int world_size = 1;
  // Undecodable images are an error when they are more than this share of an epoch's
  // images and more than 2; before the whole epoch has been seen, when they are
  // clearly more than the share of at least 20 images; and whenever nothing can be
  // decoded. In [0, 1].
  double max_bad_share = kMaxBadShare;
  // The first undecodable image is an error, whatever the share.
  bool stop_at_bad_image = false;
  // An Unavailable image is retried three times: after this pause, then 5 and 25 times as long.
  absl::Duration retry_pause = absl::Milliseconds(100);
  // Receives each undecodable image, in the thread that calls Next(), before Next() returns the
  // batch that would have contained it. May be empty.
  std::function<void(const std::string& message)> on_bad_image;
  LoaderObserver* observer = nullptr;  // must outlive the loader; may be null
  // Once it is true, Next() returns CANCELLED, so that stopping a run need not wait for a whole
  // pass. Must outlive the loader; may be null.
  const std::atomic<bool>* stop = nullptr;
};

struct Batch {
  std::vector<float> images;        // (B, channels, H, W), zero where padded
  std::vector<int64_t> keys;        // (B): the bits of graph::SampleKey(seed, epoch, image id)
  std::vector<int32_t> labels;      // (B): -1 without a label
  std::vector<uint64_t> image_ids;  // (B)
  // What is drawn for each of the G groups of a batch that is mixed (GroupMixing), else empty.
  std::vector<int32_t> mix_mode;  // (G)
  std::vector<float> mix_lam;     // (G)
  std::vector<int32_t> mix_box;   // (G, 4)
  // (B, H, W): the classes of the pixels, kUnlabelled (label_mask.h) without one and where padded;
  // empty if the data set has no masks.
  std::vector<uint8_t> pixel_labels;
  int64_t valid = 0;  // images before the padding; training: B
  int64_t epoch = 0;  // evaluation: always 0
  int64_t index = 0;  // of this batch in its epoch
  // Of the epoch (evaluation: the pass) up to the end of this batch: distinct images visited, and
  // how many of them could not be decoded.
  int64_t seen = 0, bad = 0;
  LoaderPosition next;  // where a loader resumes after this batch
};

// For one consumer thread. The Dataset must outlive the loader.
class Loader {
 public:
  // Fails if the options are impossible: a training batch larger than the data, no data, a start
  // beyond the epoch or at a place that no run reaches, a share outside [0, 1].
  static absl::StatusOr<std::unique_ptr<Loader>> Create(const Dataset* dataset,
                                                        LoaderOptions options);
  // Stops the workers, even in the middle of an epoch.
  virtual ~Loader() = default;

  // The next batch, valid until the next call. Null once at the end of each evaluation pass; the
  // call after that begins the next pass. After an error every call returns the same error.
  virtual absl::StatusOr<const Batch*> Next() = 0;

  // Training: batches of every epoch. Evaluation: ceil(N / B); a pass over data with undecodable
  // images may have fewer.
  virtual int64_t batches_per_epoch() const = 0;
  // Undecodable images met so far, in batches returned by Next().
  virtual int64_t bad_images() const = 0;
  // Total time that Next() has waited for data (with 0 workers: spent loading them).
  virtual double data_wait_seconds() const = 0;
};

}  // namespace models

#endif  // MODELS_DATA_LOADER_H_
