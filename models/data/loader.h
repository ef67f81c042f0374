// Batches of network input from a Dataset, decoded ahead by worker threads.
//
// A batch is the next B decodable images of its epoch's order. Order, crops and
// flips are pure functions of (seed, epoch, image id), and warnings, skips and
// errors come at the same batch, so that what Next() returns does not depend on
// the number of workers or on timing.
//
// Training: the order is a permutation of the data drawn anew for each epoch; an
// epoch has floor(N / B) batches (or `batches_per_epoch`, if fewer), the rest of
// the permutation is dropped. Undecodable images are passed over and the images
// after them move up; an image that cannot be read because the machine fails (Unavailable) is
// none of these: it is tried again, and then an error. If passing over leaves the epoch short, it
// is filled from the beginning of its permutation, so that every epoch has the same number of
// steps. Evaluation: the data in their own order, once; the last batch is padded; keys are those of
// epoch 0, so that masks are the same in every evaluation. Loading begins with the first call of
// Next(), in training at once.
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
#include "models/data/bad_image_judge.h"
#include "models/data/dataset.h"

namespace models {

enum class LoaderMode { kTrain, kEvaluate };

// Where a training loader stands; what a checkpoint has to keep of it.
struct LoaderPosition {
  int64_t epoch = 0;
  int64_t batch = 0;     // batches of this epoch already taken
  int64_t position = 0;  // places of the epoch's permutation already used
  int64_t bad = 0;       // different undecodable images among them: limits go on counting
};

// The batches that a loader with workers holds: one lent out, one being filled, the rest
// ready. Without workers it holds two.
constexpr int kLoaderBatches = 4;

// What a thread of a loader does with one image.
enum class LoaderWork {
  kDecode,  // Dataset::LoadPart: reading and decoding
  kCrop,    // crop and resizing
  kCopy,    // flip and normalization, into its place in the batch
};

// For who watches the threads of a loader. Called by several of them at once.
class LoaderObserver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  virtual ~LoaderObserver() = default;

  // Asked before each piece of work; while it is false no time is taken.
  virtual bool Watching() const = 0;
  // Before a piece of work that somebody watches, in the thread that does it.
  virtual void Begins(int /*worker*/, LoaderWork /*work*/, int64_t /*image*/) {}
  // After a piece of work that began while somebody was watching. `worker` is in
  // [0, max(1, num_workers)): without workers the thread that calls Next() is worker 0.
  // `image` is the image's index in the Dataset.
  virtual void Worked(int worker, LoaderWork work, int64_t image, Time begin, Time end) = 0;
};

struct LoaderOptions {
  LoaderMode mode = LoaderMode::kTrain;
  int64_t batch_size = 0;
  int input_height = 0;
  int input_width = 0;
  uint64_t seed = 0;
  // Training: RandomResizedCrop before the flip. False for data that are already
  // framed as the network should see them: then only the flip remains.
  bool random_crop = true;
  // Training: decode crops to the bytes they have in the whole picture. False lets a crop
  // that is far larger than the input be decoded at a half, a quarter or an eighth of its
  // size (augment.h). Evaluations are always exact.
  bool exact_decode = false;
  // Threads that load; 0 loads in the thread that calls Next().
  int num_workers = 0;
  // Training: at most floor(N / B), which 0 stands for. Accumulation over k
  // batches uses floor(N / (B * k)) * k.
  int64_t batches_per_epoch = 0;
  LoaderPosition start;  // training only
  // This loader is one of `world_size` that divide the data: of every W places of the order
  // it takes the one numbered `rank`. With B images a batch and no undecodable ones, the
  // ranks' k-th batches together are the k-th batch of B * W images of a single loader, keys
  // included. An undecodable image is made up for from the rank's own share, so that no
  // image comes twice. Positions count the rank's own places. N below stands for its share.
  int rank = 0;
  int world_size = 1;
  // Undecodable images are an error when they are more than this share of an epoch's
  // images and more than 2; before the whole epoch has been seen, when they are
  // clearly more than the share of at least 20 images; and whenever nothing can be
  // decoded. In [0, 1].
  double max_bad_share = kMaxBadShare;
  // The first undecodable image is an error, whatever the share.
  bool stop_at_bad_image = false;
  // An image that is Unavailable is tried three times again: after this, five times and 25 times
  // as long.
  absl::Duration retry_pause = absl::Milliseconds(100);
  // Told of each undecodable image in the thread that calls Next(), before the
  // batch that it would have been in is returned. May be empty.
  std::function<void(const std::string& message)> on_bad_image;
  LoaderObserver* observer = nullptr;  // must outlive the loader; may be null
  // Once it is true, Next() returns CANCELLED: who stops a run need not wait for a whole pass.
  // Must outlive the loader; may be null.
  const std::atomic<bool>* stop = nullptr;
};

struct Batch {
  std::vector<float> images;        // (B, 3, H, W), zero where padded
  std::vector<int64_t> keys;        // (B): the bits of graph::SampleKey(seed, epoch, image id)
  std::vector<int32_t> labels;      // (B): -1 without a label
  std::vector<uint64_t> image_ids;  // (B)
  int64_t valid = 0;                // images before the padding; B in training
  int64_t epoch = 0;                // evaluation: always 0
  int64_t index = 0;                // of this batch in its epoch
  // Of the epoch (evaluation: the pass) up to the end of this batch: different images met,
  // and how many of them could not be decoded.
  int64_t seen = 0, bad = 0;
  LoaderPosition next;  // where a loader goes on after this batch
};

// One consumer thread. The Dataset must outlive the loader.
class Loader {
 public:
  // Fails when the options are impossible: a training batch larger than the data,
  // no data, a start beyond the epoch or at a place no run comes to, a share outside [0, 1].
  static absl::StatusOr<std::unique_ptr<Loader>> Create(const Dataset* dataset,
                                                        LoaderOptions options);
  // Stops the workers, also in the middle of an epoch.
  virtual ~Loader() = default;

  // The next batch, valid until the next call. Null once at the end of each
  // evaluation pass; the call after it begins the next pass. After an error every
  // call returns the same error.
  virtual absl::StatusOr<const Batch*> Next() = 0;

  // Training: batches of every epoch. Evaluation: ceil(N / B), of which a pass
  // over data with undecodable images may need fewer.
  virtual int64_t batches_per_epoch() const = 0;
  // Undecodable images met so far, in batches returned by Next().
  virtual int64_t bad_images() const = 0;
  // Total time that Next() has waited for data (0 workers: loaded them).
  virtual double data_wait_seconds() const = 0;
};

}  // namespace models

#endif  // MODELS_DATA_LOADER_H_
