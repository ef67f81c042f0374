#include "tools/data_check/data_check.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <new>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/string_view.h"
#include "models/data/augment.h"
#include "models/data/file_kind.h"
#include "models/data/image.h"
#include "models/files/durable.h"

namespace tools {
namespace {

// The input size of most models; a data set does not know it.
constexpr int kInputPixels = 224;

// The result for one image.
struct Finding {
  std::string bad;  // the reason; empty: it is good
  int width = 0, height = 0;
  bool grey = false, cmyk = false;
  std::string format = "pixels";
  models::FileSum sum;
};

// Components of a JPEG file by its frame header: 1, 3 or 4; 0 if it has none.
int JpegComponents(absl::string_view bytes) {
  size_t at = 2;
  while (at + 10 <= bytes.size()) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
    if (byte(0) != 0xFF) return 0;
    const int marker = byte(1);
    if (marker == 0xFF) {  // fill
      ++at;
      continue;
    }
    const bool frame =
        marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) return byte(9);
    at += 2 + (size_t{byte(2)} << 8 | byte(3));
  }
  return 0;
}

bool IsGrey(const models::Image& image) {
  if (image.channels == 1) return true;
  const size_t step = static_cast<size_t>(image.channels);
  for (size_t i = 0; i + 2 < image.deep.size(); i += step) {
    if (image.deep[i] != image.deep[i + 1] || image.deep[i] != image.deep[i + 2]) return false;
  }
  for (size_t i = 0; i + 2 < image.rgb.size(); i += 3) {
    if (image.rgb[i] != image.rgb[i + 1] || image.rgb[i] != image.rgb[i + 2]) return false;
  }
  return true;
}

// Decodes a picture of more than `most_pixels` at reduced size if training would do so.
Finding Look(const models::Dataset& data, int64_t i, int64_t most_pixels) try {
  Finding finding;
  const absl::StatusOr<std::string> bytes = data.LoadBytes(i);
  if (!bytes.ok()) {
    finding.bad = std::string(bytes.status().message());
    return finding;
  }
  finding.sum = models::SumOfBytes(*bytes);
  models::PicturePart part;
  const auto plan = [&](int width, int height) {
    finding.width = width;
    finding.height = height;
    models::PartRequest request = models::WholePicture(width, height);
    if (int64_t{width} * height > most_pixels) {
      request.least_width = request.least_height = models::LeastOfCrop(kInputPixels);
    }
    return request;
  };
  if (const absl::Status status = data.LoadPart(i, plan, &part); !status.ok()) {
    finding.bad = std::string(status.message());
    return finding;
  }
  finding.grey = IsGrey(part.image);
  // Pixels might begin like a file, but a file is not by chance exactly as long as its pixels.
  if (bytes->size() != size_t{3} * finding.width * finding.height) {
    const models::PictureFormat format = models::FormatOfPicture(*bytes);
    finding.format = std::string(models::NameOfFormat(format));
    finding.cmyk = format == models::PictureFormat::kJpeg && JpegComponents(*bytes) == 4;
  }
  return finding;
} catch (const std::bad_alloc&) {
  Finding finding;
  finding.bad = data.name(i) + ": no memory to decode the picture; use fewer --num_workers";
  return finding;
}

Spread SpreadOf(std::vector<int64_t> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

// Calls look(i) for all i below `count`, in `workers` threads at a time, of which the calling one
// is one and also says how far they are.
void ForAll(int64_t count, int workers, const std::function<void(int64_t)>& look,
            const std::function<void(int64_t done, int64_t all)>& progress) {
  std::atomic<int64_t> next{0}, done{0};
  const auto work = [&](const std::function<void()>& after_each) {
    for (int64_t i = next++; i < count; i = next++) {
      look(i);
      ++done;
      after_each();
    }
  };
  std::vector<std::thread> others;
  const auto join = absl::MakeCleanup([&others] {
    for (std::thread& thread : others) {
      if (thread.joinable()) thread.join();
    }
  });
  others.reserve(workers);
  try {
    for (int i = 1; i < workers; ++i) others.emplace_back(work, [] {});
  } catch (const std::system_error&) {
    // The limit of threads is reached: those there are do it.
  }
  auto told = std::chrono::steady_clock::now();
  work([&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - told < std::chrono::milliseconds(100)) return;
    told = now;
    progress(done, count);
  });
  for (std::thread& thread : others) thread.join();
  progress(count, count);
}

// XXH3 decides equality, together with the length.
struct SumHash {
  size_t operator()(const models::FileSum& sum) const { return sum.xxh3; }
};

}  // namespace

DataReport CheckData(const models::Datasets& data, const DataCheckOptions& options,
                     const std::function<void(int64_t done, int64_t all)>& progress) {
  const models::Dataset* const parts[] = {data.train.get(), data.held_out.get()};
  DataReport report;
  report.ignored = data.ignored;
  report.train_images = data.train->size();
  report.held_out_images = data.held_out == nullptr ? 0 : data.held_out->size();
  const int64_t all = report.train_images + report.held_out_images;
  std::vector<Finding> findings(static_cast<size_t>(all));
  const auto place = [&](int64_t i) {
    const int part = i < report.train_images ? 0 : 1;
    return std::make_pair(part, i - part * report.train_images);
  };
  ForAll(
      all, options.num_workers,
      [&](int64_t i) {
        const auto [part, index] = place(i);
        // As in training, which reads crops, and in evaluation, which reads everything.
        constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
        findings[i] = Look(*parts[part], index, part == 0 ? options.limits.max_pixels : kAny);
      },
      progress);

  int classes = 0;
  for (const models::Dataset* part : parts) {
    if (part != nullptr) classes = std::max(classes, part->num_classes());
  }
  report.classes.resize(static_cast<size_t>(classes));
  std::unordered_map<models::FileSum, int64_t, SumHash> first[2];
  std::vector<int64_t> widths, heights, bytes;
  const auto name = [&](int64_t i) {
    const auto [part, index] = place(i);
    return CheckedName{part == 0 ? "train" : "held_out", parts[part]->name(index)};
  };
  for (int64_t i = 0; i < all; ++i) {
    const auto [part, index] = place(i);
    const Finding& found = findings[i];
    const int label = parts[part]->label(index);
    if (label >= 0 && label < classes) {
      ++report.classes[label][part];
    } else {
      ++report.unlabelled;
    }
    if (!found.bad.empty()) {
      report.bad.push_back({name(i), found.bad});
      continue;
    }
    if (std::min(found.width, found.height) < options.min_side) {
      report.tiny.push_back({name(i), found.width, found.height});
    }
    if (found.grey) report.grey.push_back(name(i));
    if (found.cmyk) report.cmyk.push_back(name(i));
    ++report.formats[found.format];
    const auto [at, is_new] = first[part].emplace(found.sum, i);
    // A repeated line of a list is the same file.
    if (!is_new && name(i).name != name(at->second).name) {
      report.duplicates.push_back({name(i), name(at->second)});
    }
    if (part == 1) {
      const auto trained = first[0].find(found.sum);
      if (trained != first[0].end()) report.leaks.push_back({name(i), name(trained->second)});
    }
    widths.push_back(found.width);
    heights.push_back(found.height);
    bytes.push_back(found.sum.bytes);
  }
  report.width = SpreadOf(std::move(widths));
  report.height = SpreadOf(std::move(heights));
  report.bytes = SpreadOf(std::move(bytes));
  return report;
}

}  // namespace tools
