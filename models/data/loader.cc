#include "models/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/bad_image_judge.h"
#include "models/data/epoch_order.h"
#include "models/data/image_worker.h"
#include "models/data/label_mask.h"

namespace models {
namespace {

// One image in flight. Items form a ring in the order of the epoch's places: a worker claims an
// item and loads it without a lock; then the worker that finds the head of the ring loaded appends
// it to the batch being filled.
struct Item {
  enum State { kFree, kLoading, kLoaded };
  State state = kFree;
  // Claimed for the epoch after one that turned out to need more places; its image is claimed again
  // later.
  bool stale = false;
  int64_t epoch = 0;
  int64_t place = 0;
  LoadedImage loaded;
};

// A filled batch with what Next() reports before it, or the end of a pass, or an error. The
// batches' memory is reused.
struct Package {
  Batch batch;
  std::vector<std::string> bad;
  bool end_of_pass = false;
  absl::Status error;
};

// How many of the data's images belong to this rank. Training drops the remainder.
int64_t Share(const LoaderOptions& options, int64_t images) {
  const int64_t all =
      options.mode == LoaderMode::kTrain ? images : images + options.world_size - 1 - options.rank;
  return all / options.world_size;
}

class LoaderImpl : public Loader {
 public:
  LoaderImpl(const Dataset* dataset, LoaderOptions options, int64_t batches_per_epoch);
  ~LoaderImpl() override;

  absl::StatusOr<const Batch*> Next() override;
  int64_t batches_per_epoch() const override { return batches_per_epoch_; }
  int64_t bad_images() const override { return bad_images_; }
  double data_wait_seconds() const override { return data_wait_seconds_; }

  // Allocates memory and starts threads, once; later calls return the same status.
  const absl::Status& Start();

 private:
  using Lock = std::unique_lock<std::mutex>;

  bool training() const { return options_.mode == LoaderMode::kTrain; }
  Item& item(int64_t sequence) { return items_[sequence % items_.size()]; }

  // The place at which `epoch` ends, as far as is known now.
  int64_t EndPlace(int64_t epoch) const;
  bool CanClaim() const { return !failed_ && claimed_ - assembled_ < int64_t(items_.size()); }
  bool CanAssemble();
  void Claim(Lock* lock, ImageWorker* worker);
  void Assemble(Lock* lock, const ImageWorker& worker);
  void AcceptBad(const Item& item);
  void FinishEpochIfDue();
  void EmitBatch();
  void DrawMixing(Batch* batch) const;
  void EmitError(absl::Status error);
  void Work(int index);

  const Dataset* const dataset_;
  const LoaderOptions options_;
  const int64_t size_, batch_size_, image_values_, image_labels_, batches_per_epoch_;

  std::mutex mu_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool failed_ = false;      // an error package has been queued: nothing follows it
  bool assembling_ = false;  // a thread is copying an item into the batch being filled

  EpochOrder order_;
  std::vector<Item> items_;
  int64_t claimed_ = 0, assembled_ = 0;  // sequence numbers of the ring
  int64_t claim_epoch_, claim_place_;    // the next place to claim

  // Progress of the epoch being assembled.
  LoaderPosition at_;
  int64_t first_batch_, first_place_;  // where this loader entered the epoch
  BadImageJudge judge_;
  int64_t passed_over_ = 0;  // places: a bad image counts again when it fills up the epoch

  std::unique_ptr<Package> filling_;
  int64_t filled_ = 0;
  std::deque<std::unique_ptr<Package>> ready_;
  std::vector<std::unique_ptr<Package>> free_;

  // The consumer's own.
  std::unique_ptr<Package> borrowed_;
  bool started_ = false;
  absl::Status start_status_;
  ImageWorker consumer_;  // without workers
  int64_t bad_images_ = 0;
  double data_wait_seconds_ = 0;

  std::vector<std::thread> workers_;  // last: they use everything above
};

LoaderImpl::LoaderImpl(const Dataset* dataset, LoaderOptions options, int64_t batches_per_epoch)
    : dataset_(dataset),
      options_(std::move(options)),
      size_(Share(options_, dataset->size())),
      batch_size_(options_.batch_size),
      image_values_(int64_t{options_.transform.channels()} * options_.input_height *
                    options_.input_width),
      image_labels_(dataset->has_masks() ? int64_t{options_.input_height} * options_.input_width
                                         : 0),
      batches_per_epoch_(batches_per_epoch),
      order_(dataset->size(), options_.seed),
      items_(std::max(1, 2 * options_.num_workers)),
      claim_epoch_(options_.start.epoch),
      claim_place_(options_.start.position),
      at_(options_.start),
      first_batch_(at_.batch),
      first_place_(at_.position),
      judge_(size_, options_.max_bad_share, options_.stop_at_bad_image,
             std::min(options_.start.position, size_), options_.start.bad),
      consumer_(0, dataset, &options_) {}

const absl::Status& LoaderImpl::Start() try {
  if (started_) return start_status_;
  started_ = true;
  for (Item& item : items_) {
    item.loaded.bytes = Image::Sized(options_.input_width, options_.input_height);
  }
  const int packages = options_.num_workers > 0 ? kLoaderBatches : 2;
  for (int i = 0; i < packages; ++i) {
    auto package = std::make_unique<Package>();
    package->batch.images.resize(batch_size_ * image_values_);
    package->batch.keys.resize(batch_size_);
    package->batch.labels.resize(batch_size_);
    package->batch.image_ids.resize(batch_size_);
    package->batch.pixel_labels.resize(batch_size_ * image_labels_);
    free_.push_back(std::move(package));
  }
  for (int i = 0; i < options_.num_workers; ++i) workers_.emplace_back([this, i] { Work(i); });
  return start_status_;
} catch (const std::exception& error) {  // no memory or no threads, hours into a run perhaps
  start_status_ = absl::ResourceExhaustedError(
      absl::StrCat("the loader cannot hold its batches of ", batch_size_, " images or start its ",
                   options_.num_workers, " workers: ", error.what()));
  return start_status_;
}

LoaderImpl::~LoaderImpl() {
  {
    Lock lock(mu_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int64_t LoaderImpl::EndPlace(int64_t epoch) const {
  if (!training()) return size_;
  if (epoch != at_.epoch) return batches_per_epoch_ * batch_size_;
  return first_place_ + (batches_per_epoch_ - first_batch_) * batch_size_ + passed_over_;
}

bool LoaderImpl::CanAssemble() {
  return !failed_ && !assembling_ && assembled_ < claimed_ &&
         item(assembled_).state == Item::kLoaded && (filling_ != nullptr || !free_.empty());
}

void LoaderImpl::Claim(Lock* lock, ImageWorker* worker) {
  if (claim_place_ >= EndPlace(claim_epoch_)) {
    ++claim_epoch_;
    claim_place_ = 0;
  }
  Item& next = item(claimed_++);
  CHECK(next.state == Item::kFree);
  next.state = Item::kLoading;
  next.stale = false;
  next.epoch = claim_epoch_;
  next.place = claim_place_++;
  const int64_t place = next.place % size_ * options_.world_size + options_.rank;
  next.loaded.image = training() ? order_.At(next.epoch, place) : place;
  lock->unlock();
  worker->Load(next.epoch, &next.loaded);
  lock->lock();
  next.state = Item::kLoaded;
}

// Takes the head of the ring. Normalizing into the batch runs without the lock; no other thread
// assembles meanwhile.
void LoaderImpl::Assemble(Lock* lock, const ImageWorker& worker) {
  assembling_ = true;
  absl::Status failure;
  Item& head = item(assembled_);
  if (filling_ == nullptr) {
    filling_ = std::move(free_.back());
    free_.pop_back();
    filling_->bad.clear();
    filling_->end_of_pass = false;
    filled_ = 0;
  }
  if (!head.stale) {
    CHECK(head.epoch == at_.epoch && head.place == at_.position);
    at_.position = head.place + 1;  // at_.bad is copied from the judge with each batch
    if (const LoadedImage& loaded = head.loaded; loaded.status.ok()) {
      Batch& batch = filling_->batch;
      lock->unlock();
      worker.Copy(loaded, batch.images.data() + filled_ * image_values_);
      batch.keys[filled_] = static_cast<int64_t>(loaded.key);
      batch.labels[filled_] = dataset_->label(loaded.image);
      batch.image_ids[filled_] = dataset_->image_id(loaded.image);
      std::copy(loaded.labels.begin(), loaded.labels.end(),
                batch.pixel_labels.begin() + filled_ * image_labels_);
      lock->lock();
      ++filled_;
      judge_.SeeGood(head.place < size_);
    } else if (absl::IsUnavailable(loaded.status)) {
      failure = graph::Annotate(loaded.status,
                                "a picture could not be read in four tries, and is not passed "
                                "over, because it may be good");
    } else {
      AcceptBad(head);
    }
  }
  head.state = Item::kFree;
  ++assembled_;
  assembling_ = false;
  if (!failure.ok()) return EmitError(std::move(failure));
  const bool all_seen = at_.position >= std::min(size_, EndPlace(at_.epoch));
  if (absl::Status status = judge_.Judge(all_seen); !status.ok()) {
    return EmitError(std::move(status));
  }
  FinishEpochIfDue();
}

void LoaderImpl::AcceptBad(const Item& bad) {
  const bool first_visit = bad.place < size_;
  // The image that stops the loader is reported by its error, not as skipped.
  if (first_visit && !options_.stop_at_bad_image) {
    filling_->bad.emplace_back(bad.loaded.status.message());
  }
  judge_.SeeBad(first_visit, bad.loaded.status);
  ++passed_over_;
  if (!training()) return;
  // The epoch needs one more place, so the claims for the next epoch are one place too early:
  // claiming goes back to this epoch.
  if (claim_epoch_ == at_.epoch) return;
  int64_t last_place = bad.place;
  for (int64_t s = assembled_ + 1; s < claimed_; ++s) {
    Item& later = item(s);
    if (later.epoch != at_.epoch) {
      later.stale = true;
    } else if (!later.stale) {
      last_place = later.place;
    }
  }
  claim_epoch_ = at_.epoch;
  claim_place_ = last_place + 1;
}

// Passes on the batch when it is full, and begins a new epoch after the last one.
void LoaderImpl::FinishEpochIfDue() {
  if (training()) {
    if (filled_ < batch_size_) return;
    EmitBatch();
    if (at_.batch < batches_per_epoch_) return;
    at_ = {at_.epoch + 1};
    ready_.back()->batch.next = at_;
  } else {
    const bool pass_over = at_.position == size_;
    // A pass that ends in bad images has an empty batch to mark its end.
    if (filled_ == batch_size_ || pass_over) EmitBatch();
    if (!pass_over) return;
    at_ = {at_.epoch + 1};
  }
  first_batch_ = first_place_ = 0;
  passed_over_ = 0;
  judge_.BeginEpoch();
}

void LoaderImpl::EmitBatch() {
  Batch& batch = filling_->batch;
  std::fill(batch.images.begin() + filled_ * image_values_, batch.images.end(), 0.0f);
  std::fill(batch.keys.begin() + filled_, batch.keys.end(), 0);
  std::fill(batch.labels.begin() + filled_, batch.labels.end(), -1);
  std::fill(batch.image_ids.begin() + filled_, batch.image_ids.end(), 0);
  DrawMixing(&batch);
  std::fill(batch.pixel_labels.begin() + filled_ * image_labels_, batch.pixel_labels.end(),
            kUnlabelled);
  batch.valid = filled_;
  batch.epoch = training() ? at_.epoch : 0;
  batch.index = at_.batch++;
  batch.seen = judge_.seen();
  batch.bad = at_.bad = judge_.bad();
  batch.next = at_;
  filling_->end_of_pass = !training() && at_.position == size_;
  ready_.push_back(std::move(filling_));
}

void LoaderImpl::DrawMixing(Batch* batch) const {
  if (!training() || options_.mix_group == 0) return;
  const int64_t groups = batch_size_ / options_.mix_group;
  // Counted over the batches of all ranks.
  const int64_t first = (at_.batch * options_.world_size + options_.rank) * groups;
  batch->mix_mode.clear();
  batch->mix_lam.clear();
  batch->mix_box.clear();
  for (int64_t g = 0; g < groups; ++g) {
    const GroupMixing mixing = SampleMixing(
        options_.mixing, options_.seed, static_cast<uint64_t>(at_.epoch),
        static_cast<uint64_t>(first + g), options_.input_height, options_.input_width);
    batch->mix_mode.push_back(mixing.mode);
    batch->mix_lam.push_back(static_cast<float>(mixing.lam));
    batch->mix_box.insert(batch->mix_box.end(), mixing.box.begin(), mixing.box.end());
  }
}

void LoaderImpl::EmitError(absl::Status error) {
  failed_ = true;
  filling_->error = std::move(error);
  ready_.push_back(std::move(filling_));
}

void LoaderImpl::Work(int index) {
  ImageWorker worker(index, dataset_, &options_);
  Lock lock(mu_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || CanAssemble() || CanClaim(); });
    if (stop_) return;
    if (CanAssemble()) {
      Assemble(&lock, worker);
    } else {
      Claim(&lock, &worker);
    }
    changed_.notify_all();
  }
}

absl::StatusOr<const Batch*> LoaderImpl::Next() {
  if (options_.stop != nullptr && options_.stop->load()) return absl::CancelledError("stopped");
  const auto begin = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(Start());
  Lock lock(mu_);
  if (borrowed_ != nullptr) {
    if (!borrowed_->error.ok()) return borrowed_->error;
    if (borrowed_->end_of_pass) {
      borrowed_->end_of_pass = false;
      return static_cast<const Batch*>(nullptr);
    }
    free_.push_back(std::move(borrowed_));
    changed_.notify_all();
  }
  while (ready_.empty()) {
    if (options_.num_workers > 0) {
      changed_.wait(lock);
    } else if (CanAssemble()) {
      Assemble(&lock, consumer_);
    } else {
      Claim(&lock, &consumer_);
    }
  }
  borrowed_ = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  data_wait_seconds_ +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  bad_images_ += static_cast<int64_t>(borrowed_->bad.size());
  if (options_.on_bad_image) {
    for (const std::string& message : borrowed_->bad) options_.on_bad_image(message);
  }
  if (!borrowed_->error.ok()) return borrowed_->error;
  if (borrowed_->batch.valid == 0) {  // only the end of a pass
    borrowed_->end_of_pass = false;
    return static_cast<const Batch*>(nullptr);
  }
  return &borrowed_->batch;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Loader>> Loader::Create(const Dataset* dataset,
                                                       LoaderOptions options) {
  CHECK(dataset != nullptr);
  const bool training = options.mode == LoaderMode::kTrain;
  if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
    return graph::InvalidArgument("there is no rank ", options.rank, " of ", options.world_size);
  }
  const int64_t n = Share(options, dataset->size());
  if (options.batch_size < 1 || options.input_height < 1 || options.input_width < 1) {
    return graph::InvalidArgument("impossible batch of ", options.batch_size, " images of ",
                                  options.input_width, "x", options.input_height);
  }
  if (n < 1) return graph::InvalidArgument("there are no images: ", dataset->description());
  if (training && n < options.batch_size) {
    return graph::InvalidArgument("a batch of ", options.batch_size, " is larger than the data (",
                                  dataset->description(), "); use --batch_size=", n, " or smaller");
  }
  if (!(options.max_bad_share >= 0 && options.max_bad_share <= 1)) {
    return graph::InvalidArgument("the share of undecodable images to pass over, ",
                                  options.max_bad_share, ", is not between 0 and 1");
  }
  if (options.num_workers < 0 || options.num_workers > 1024) {
    return graph::InvalidArgument("--num_workers=", options.num_workers,
                                  " is not between 0 and 1024");
  }
  if (training && dataset->has_masks() && options.transform.rand_augment.operations > 0) {
    return graph::InvalidArgument(dataset->description(), " has a class for each pixel, which "
                                  "--aa would move in the picture alone; give --aa=none");
  }
  const int64_t full = n / options.batch_size;
  int64_t batches = (n + options.batch_size - 1) / options.batch_size;
  if (training) batches = options.batches_per_epoch > 0 ? options.batches_per_epoch : full;
  if (training && batches > full) {
    return graph::InvalidArgument(batches, " batches an epoch of ", options.batch_size,
                                  " images need more than the data (", dataset->description(), ")");
  }
  const LoaderPosition& start = options.start;
  // Every n places have a decodable image; otherwise the run would have ended.
  if (start.epoch < 0 || start.epoch > std::numeric_limits<int64_t>::max() / 2 || start.batch < 0 ||
      start.batch >= batches || start.position < start.batch * options.batch_size ||
      start.position / n > start.batch * options.batch_size || start.bad < 0 ||
      start.bad > std::min(n, start.position - start.batch * options.batch_size)) {
    return graph::InvalidArgument("cannot start at epoch ", start.epoch, ", batch ", start.batch,
                                  ", position ", start.position, " with ", start.bad,
                                  " undecodable images: an epoch has ", batches, " batches of ",
                                  options.batch_size);
  }
  if (!training && (start.epoch != 0 || start.batch != 0 || start.position != 0)) {
    return graph::InvalidArgument("an evaluation starts at the beginning of the data");
  }
  auto loader = std::make_unique<LoaderImpl>(dataset, std::move(options), batches);
  // An evaluation may be hours away: it takes memory and threads only when its first batch is
  // requested.
  if (training) RETURN_IF_ERROR(loader->Start());
  return loader;
}

}  // namespace models
