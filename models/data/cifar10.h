// CIFAR-10's binary files: records of one label byte and three 32x32 planes.
#ifndef MODELS_DATA_CIFAR10_H_
#define MODELS_DATA_CIFAR10_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/dataset.h"

namespace models {

class Cifar10Dataset : public Dataset {
 public:
  // Reads all of `paths` into memory (3,073 bytes an image). Errors name the
  // file: unreadable, not a whole number of records, a label above 9.
  static absl::StatusOr<std::unique_ptr<Cifar10Dataset>> Open(
      const std::vector<std::string>& paths);

  int64_t size() const override { return static_cast<int64_t>(records_.size()); }
  // "data_batch_1.bin:17": file name and record number from 0.
  std::string name(int64_t i) const override;
  int label(int64_t i) const override;
  int num_classes() const override { return 10; }
  absl::StatusOr<Image> Load(int64_t i) const override;
  std::string description() const override;

  // Moves the images `indices` (ascending) into a new data set.
  std::unique_ptr<Cifar10Dataset> Take(const std::vector<int64_t>& indices);

 private:
  struct File {
    std::string name, bytes;
  };
  struct Record {
    int32_t file, index;
  };
  const uint8_t* data(int64_t i) const;

  std::vector<std::shared_ptr<const File>> files_;
  std::vector<Record> records_;
};

// The paths of `folder`/data_batch_*.bin, sorted; may be empty.
std::vector<std::string> FindCifar10Batches(const std::string& folder);

}  // namespace models

#endif  // MODELS_DATA_CIFAR10_H_
