// Writes the text of a run to the screen and to output_dir/train.log.
//
// Both get the same lines, but for those too wide for the terminal (Fit). On a terminal a bar is
// drawn below the last line and redrawn in place; a file or a pipe gets neither the bar nor any
// control character. Unprintable bytes in a line (a file's name may hold anything) are written as
// \xNN, on the screen too.
//
// Thread-safe.
#ifndef MODELS_TRAINING_RUN_LOG_H_
#define MODELS_TRAINING_RUN_LOG_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "models/files/append_file.h"
#include "models/files/file_system.h"
#include "models/training/run_files.h"

namespace models {

class RunLog {
 public:
  struct Screen {
    std::ostream* out = nullptr;   // must outlive the log; null: nothing is shown
    bool terminal = false;         // a bar may be drawn on it
    std::function<int()> columns;  // of the terminal, asked each time; empty: 80
  };
  // What becomes of a line that a terminal is too narrow for. Its fields stand two blanks apart; no
  // field is ever cut, and the file gets all of them.
  enum class Fit {
    kWhole,  // the terminal wraps it
    kDrop,   // the last fields are left out, so the most important come first
    kWrap,   // the fields go on in a further, indented line
  };
  // `out` writes to the file descriptor `fd`, which tells whether it is a terminal and how wide. It
  // does not count as a terminal if TERM is unset, empty or "dumb", or if NO_COLOR is set and not
  // empty: these ask for plain text.
  static Screen ScreenOf(std::ostream* out, int fd);

  // Only Progress() calls `now`.
  explicit RunLog(Screen screen, std::function<absl::Time()> now = absl::Now);
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;
  ~RunLog();  // removes the bar

  // From here on lines go to the file too, starting with those said so far. Keeps the file's first
  // `keep_bytes` bytes and cuts the rest, which a run resumed from a checkpoint had written after
  // it. If the kept part does not end with a line, or the file is shorter, what there is stays and
  // the line is ended. Errors name `path`. Call once; `files` must outlive the log.
  absl::Status Open(const std::string& path, int64_t keep_bytes,
                    FileSystem* files = FileSystem::Real());

  // One line, or several separated by '\n'; a final '\n' is optional. When this returns, readers of
  // the file see the whole line.
  void Line(absl::string_view text, Fit fit = Fit::kWhole);

  // To the file alone, for text that reaches the screen in another way, such as an error.
  void LineInFile(absl::string_view text);

  // Redraws the bar, if there is one and 0.2 s have passed since the last time, or if `at_once`:
  // percentage, bar, and of the fields in the result of `text` those that fit (Fit::kDrop), the
  // first of them cut if it alone is too wide. `fraction` of the run is done. Otherwise does
  // nothing, so that it may be called at each step.
  void Progress(double fraction, absl::FunctionRef<std::string()> text, bool at_once = false);
  // Removes the bar until the next Progress(): at the end, and before others write.
  void EndProgress();

  // The first error of writing the file (disk full), which it names; the file then ends with its
  // last whole line and gets no more. The screen still gets lines.
  absl::Status status() const;
  // Length of the file in whole lines, for a checkpoint. 0 before Open().
  int64_t bytes() const;
  // Flushes the file to the disk, before a checkpoint records its length. OK before Open().
  absl::Status Sync();

 private:
  int Columns() const { return screen_.columns ? screen_.columns() : 80; }
  void WriteFile(absl::string_view text);  // these require mu_
  void DrawBar();
  void ClearBar();

  const Screen screen_;
  const std::function<absl::Time()> now_;
  mutable std::mutex mu_;
  std::string bar_;  // as shown on the screen; empty: none
  absl::Time drawn_ = absl::InfinitePast();
  std::string early_;  // lines before Open()
  AppendFile file_;
  absl::Status status_;
};

}  // namespace models

#endif  // MODELS_TRAINING_RUN_LOG_H_
