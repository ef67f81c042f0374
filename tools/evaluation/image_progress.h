// How far a pass over images has come: a bar on a terminal, elsewhere a line from time to time.
//
//    45% [=============>                ] 900 of 2000 images  eta 0:00:12  91.7 images/s
#ifndef TOOLS_EVALUATION_IMAGE_PROGRESS_H_
#define TOOLS_EVALUATION_IMAGE_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <functional>

#include "models/training/run_log.h"

namespace tools {

// Called by whoever goes over images, with how many more are done.
using OnImages = std::function<void(int64_t images)>;

// Not thread-safe.
class ImageProgress {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Over `total` images. `log` writes to `screen`, and must outlive this.
  ImageProgress(models::RunLog* log, const models::RunLog::Screen& screen, int64_t total,
                std::function<Time()> now = std::chrono::steady_clock::now);
  ImageProgress(const ImageProgress&) = delete;
  ImageProgress& operator=(const ImageProgress&) = delete;
  ~ImageProgress() { log_.EndProgress(); }

  void Done(int64_t images);

 private:
  models::RunLog& log_;
  const bool bar_;
  const int64_t total_;
  const std::function<Time()> now_;
  const Time start_;
  Time said_;  // the last line, or the start
  int64_t done_ = 0;
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_IMAGE_PROGRESS_H_
