#include "models/training/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

// Keeps the order of insertion; dumps doubles so that they read back equal, and
// NaN and infinities as null.
using Json = nlohmann::ordered_json;

Json Object(const MetricList& list) {
  Json object = Json::object();
  for (const auto& [name, value] : list) object[name] = value;
  return object;
}

absl::Status FileError(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
}

}  // namespace

std::string MetricsLine(const TrainMetrics& metrics) {
  Json line{{"step", metrics.step}, {"epoch", metrics.epoch}, {"loss", metrics.loss}};
  for (const auto& [name, value] : metrics.model) line[name] = value;
  line["lr"] = metrics.lr;
  line["grad_norm"] = metrics.grad_norm;
  line["timing"] = Object(metrics.timing);
  return line.dump() + "\n";
}

std::string MetricsLine(const EvalMetrics& metrics) {
  Json line{{"epoch", metrics.epoch}, {"step", metrics.step}};
  for (const auto& [name, value] : metrics.values) line[name] = value;
  if (metrics.chance > 0) line["chance"] = metrics.chance;
  line["timing"] = Object(metrics.timing);
  return line.dump() + "\n";
}

absl::StatusOr<MetricsWriter> MetricsWriter::Create(const std::string& path) {
  int fd;
  do {
    fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return FileError(path);
  return MetricsWriter(path, fd);
}

MetricsWriter::MetricsWriter(MetricsWriter&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

MetricsWriter& MetricsWriter::operator=(MetricsWriter&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

MetricsWriter::~MetricsWriter() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status MetricsWriter::Write(const TrainMetrics& metrics) {
  return Append(MetricsLine(metrics));
}

absl::Status MetricsWriter::Write(const EvalMetrics& metrics) {
  return Append(MetricsLine(metrics));
}

absl::Status MetricsWriter::Append(const std::string& line) {
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const absl::Status status = FileError(path_);
      // What was written of this line goes; where that fails too (a device),
      // there is nothing better to do than to report the first error.
      if (done > 0 && ::ftruncate(fd_, size_) != 0) return status;
      return status;
    }
    done += static_cast<size_t>(n);
  }
  size_ += static_cast<int64_t>(line.size());
  return absl::OkStatus();
}

}  // namespace models
