#include "models/data/cifar10.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

constexpr int kSide = 32;
constexpr int64_t kPlane = kSide * kSide;
constexpr int64_t kRecord = 1 + 3 * kPlane;
constexpr int64_t kMaxFileBytes = int64_t{1} << 31;

}  // namespace

absl::StatusOr<std::unique_ptr<Cifar10Dataset>> Cifar10Dataset::Open(
    const std::vector<std::string>& paths) {
  auto dataset = std::make_unique<Cifar10Dataset>();
  for (const std::string& path : paths) {
    auto file = std::make_shared<File>();
    file->name = std::filesystem::path(path).filename().string();
    ASSIGN_OR_RETURN(file->bytes, ReadFile(path, kMaxFileBytes));
    const int64_t size = static_cast<int64_t>(file->bytes.size());
    if (size == 0 || size % kRecord != 0) {
      return graph::InvalidArgument(path, ": ", size, " bytes is not a whole number of CIFAR-10's ",
                                    kRecord, "-byte records; download the binary version again");
    }
    for (int64_t i = 0; i < size / kRecord; ++i) {
      const int label = static_cast<uint8_t>(file->bytes[i * kRecord]);
      if (label > 9) {
        return graph::InvalidArgument(path, ": record ", i, " has label ", label,
                                      ", but CIFAR-10 has the labels 0 to 9");
      }
      dataset->records_.push_back(
          {static_cast<int32_t>(dataset->files_.size()), static_cast<int32_t>(i)});
    }
    dataset->files_.push_back(std::move(file));
  }
  if (dataset->records_.empty()) return graph::InvalidArgument("no CIFAR-10 files given");
  return dataset;
}

const uint8_t* Cifar10Dataset::data(int64_t i) const {
  const Record& record = records_[i];
  return reinterpret_cast<const uint8_t*>(files_[record.file]->bytes.data()) +
         record.index * kRecord;
}

std::string Cifar10Dataset::name(int64_t i) const {
  return absl::StrCat(files_[records_[i].file]->name, ":", records_[i].index);
}

int Cifar10Dataset::label(int64_t i) const { return data(i)[0]; }

absl::StatusOr<Image> Cifar10Dataset::Load(int64_t i) const {
  Image image = Image::Sized(kSide, kSide);
  const uint8_t* planes = data(i) + 1;
  for (int64_t p = 0; p < kPlane; ++p) {
    for (int c = 0; c < 3; ++c) image.rgb[3 * p + c] = planes[c * kPlane + p];
  }
  return image;
}

std::string Cifar10Dataset::description() const {
  return absl::StrCat(size(), " CIFAR-10 images of 32x32");
}

std::unique_ptr<Cifar10Dataset> Cifar10Dataset::Take(const std::vector<int64_t>& indices) {
  auto taken = std::make_unique<Cifar10Dataset>();
  taken->files_ = files_;
  taken->records_ = TakeAt(indices, &records_);
  return taken;
}

std::vector<std::string> FindCifar10Batches(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (absl::StartsWith(name, "data_batch_") && absl::EndsWith(name, ".bin")) {
      paths.push_back(it->path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace models
