// Where the text of a run goes: to the screen, and to output_dir/train.log.
//
//   RunLog log(RunLog::ScreenOf(&std::cout, STDOUT_FILENO));
//   log.Line(banner);                                     // the folder is not there yet
//   RETURN_IF_ERROR(log.Open(dir + "/train.log", 0));     // now the banner is in it
//   log.Line("epoch 0 [20/62] ...");
//   log.Progress(0.45, [&] { return "eta 0:01:42  loss 2.541"; });
//   RETURN_IF_ERROR(log.status());                        // once a step: disk full?
//
// Both get the same lines. On a terminal a bar stands below the last line and is
// redrawn in place; a file or a pipe never sees the bar nor any control character.
// What is in a line but cannot be printed (a file's name may hold anything) is written
// as \xNN, on the screen too.
//
// Thread-safe, but for stream().
#ifndef MODELS_TRAINING_RUN_LOG_H_
#define MODELS_TRAINING_RUN_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
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
    std::function<int()> columns;  // of the terminal, asked at each redraw; empty: 80
  };
  // `out` writes to the file descriptor `fd`, which says whether that is a terminal and
  // how wide. It counts as none where TERM is unset, empty or "dumb" or NO_COLOR
  // is set and not empty: whoever says so wants text alone.
  static Screen ScreenOf(std::ostream* out, int fd);

  // `now` is asked by Progress() alone.
  explicit RunLog(Screen screen, std::function<absl::Time()> now = absl::Now);
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;
  ~RunLog();  // removes the bar

  // From here on lines go to the file too, those said so far first. The file's
  // first `keep_bytes` bytes stay, what is behind them goes: a run that goes on after a
  // checkpoint cuts what was said after it. Where a file that is kept does not end with a
  // line, or is shorter than that, what there is stays and is ended. Errors name `path`. Once;
  // `files` must outlive the log.
  absl::Status Open(const std::string& path, int64_t keep_bytes,
                    FileSystem* files = FileSystem::Real());

  // One line, or several divided by '\n'; a '\n' at the end may be left out. Seen by a
  // reader of the file, whole, when this returns.
  void Line(absl::string_view text);

  // To the file alone: what the screen is told in another way, such as an error.
  void LineInFile(absl::string_view text);

  // Redraws the bar, when there is one and 0.2 s have passed since, or `at_once`: percentage,
  // bar, and as much of what `text` returns as the terminal is wide. `fraction` of the
  // run is done. Does nothing else, so that it may be called at each step.
  void Progress(double fraction, absl::FunctionRef<std::string()> text, bool at_once = false);
  // Removes the bar until the next Progress(): at the end, and before others write.
  void EndProgress();

  // The first error of writing the file (disk full), which it names; the file then ends
  // with its last whole line, and gets no more. The screen goes on.
  absl::Status status() const;
  // Of the file, for a checkpoint to keep; all of them whole lines. 0 before Open().
  int64_t bytes() const;
  // Puts the file's bytes on the disk, as a checkpoint that knows them needs. OK before
  // Open().
  absl::Status Sync();

  // What is written to it goes to Line(), a line at a time. For one thread.
  std::ostream* stream();

 private:
  class LineBuffer;
  void WriteFile(absl::string_view text);  // these want mu_
  void DrawBar();
  void ClearBar();

  const Screen screen_;
  const std::function<absl::Time()> now_;
  mutable std::mutex mu_;
  std::string bar_;  // as it stands on the screen; empty: none
  absl::Time drawn_ = absl::InfinitePast();
  std::string early_;  // lines before Open()
  AppendFile file_;
  absl::Status status_;
  std::unique_ptr<LineBuffer> buffer_;
  std::unique_ptr<std::ostream> stream_;
};

}  // namespace models

#endif  // MODELS_TRAINING_RUN_LOG_H_
