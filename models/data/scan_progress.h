// Says how far the scan of a large folder has come, for those who wait for it.
#ifndef MODELS_DATA_SCAN_PROGRESS_H_
#define MODELS_DATA_SCAN_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace models {

class ScanProgress {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Say = std::function<void(const std::string& line)>;
  // `say` may be empty.
  ScanProgress(std::string folder, Say say,
               std::function<Time()> now = std::chrono::steady_clock::now)
      : folder_(std::move(folder)), say_(std::move(say)), now_(std::move(now)), begin_(now_()) {}

  // One more file. After 2, 4, 8, ... seconds it says a line.
  void Seen();

 private:
  const std::string folder_;
  const Say say_;
  const std::function<Time()> now_;
  const Time begin_;
  std::chrono::seconds next_{2};
  int64_t files_ = 0;
};

}  // namespace models

#endif  // MODELS_DATA_SCAN_PROGRESS_H_
