#include "models/training/run_log.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "graph/base/printable.h"
#include "graph/base/status.h"
#include "models/files/input_file.h"
#include "models/training/screen_text.h"

namespace models {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(200);

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool ShowsBars(int fd) {
  return isatty(fd) == 1 && IsSet("TERM") && absl::string_view(std::getenv("TERM")) != "dumb" &&
         !IsSet("NO_COLOR");
}

// The first `columns` characters.
std::string Cut(const std::string& text, int columns) {
  size_t end = std::min(text.size(), static_cast<size_t>(columns));
  while (end < text.size() && TextWidth(absl::string_view(text).substr(0, end + 1)) <= columns) {
    ++end;
  }
  return text.substr(0, end);
}

// The fields that fit `columns`, or further lines for those that do not. The first is always there.
std::string Fitted(absl::string_view text, int columns, bool wrap) {
  constexpr absl::string_view kBetween = "  ", kIndented = "\n      ";
  std::string fitted;
  int width = 0;
  for (const absl::string_view field : absl::StrSplit(text, kBetween)) {
    const bool fits = width + 2 + TextWidth(field) <= columns;
    if (width > 0 && !fits && !wrap) break;
    if (width > 0) absl::StrAppend(&fitted, fits ? kBetween : kIndented);
    width = (width == 0 ? 0 : fits ? width + 2 : 6) + TextWidth(field);
    absl::StrAppend(&fitted, field);
  }
  return fitted;
}

// " 45% [====>     ] text" in less than `columns`, because a full line would wrap.
std::string BarLine(double fraction, std::string text, int columns) {
  constexpr int kShortest = 8, kLongest = 30;
  fraction = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  std::string line = absl::StrFormat("%3d%% ", static_cast<int>(std::floor(100 * fraction)));
  text = Fitted(text, columns - 1 - TextWidth(line), /*wrap=*/false);
  const int room = columns - 1 - TextWidth(line) - TextWidth(text);
  const int length = std::min(kLongest, room - 3);  // brackets and a blank
  if (length >= kShortest) {
    const int done = static_cast<int>(std::floor(fraction * length));
    std::string bar(static_cast<size_t>(done), '=');
    if (done < length) bar += '>';
    bar.resize(static_cast<size_t>(length), ' ');
    absl::StrAppend(&line, "[", bar, "] ");
  }
  return Cut(line + text, std::max(columns - 1, 0));
}

}  // namespace

RunLog::Screen RunLog::ScreenOf(std::ostream* out, int fd) {
  Screen screen;
  screen.out = out;
  screen.terminal = ShowsBars(fd);
  screen.columns = [fd] { return ScreenColumns(fd); };
  return screen;
}

RunLog::RunLog(Screen screen, std::function<absl::Time()> now)
    : screen_(std::move(screen)), now_(std::move(now)) {}

RunLog::~RunLog() { EndProgress(); }

absl::Status RunLog::Open(const std::string& path, int64_t keep_bytes, FileSystem* files) {
  const std::lock_guard<std::mutex> lock(mu_);
  CHECK(!file_.is_open() && keep_bytes >= 0);
  char last = '\n';
  if (keep_bytes > 0) {
    const absl::StatusOr<InputFile> kept = InputFile::Open(path);
    if (!kept.ok() && !absl::IsNotFound(kept.status())) return kept.status();
    keep_bytes = kept.ok() ? std::min(keep_bytes, kept->bytes()) : 0;
    if (keep_bytes > 0) {
      RETURN_IF_ERROR(kept->ReadAt(keep_bytes - 1, absl::MakeSpan(&last, 1)).status());
    }
  }
  ASSIGN_OR_RETURN(file_, keep_bytes > 0 ? AppendFile::Resume(path, keep_bytes, files)
                                         : AppendFile::Create(path, files));
  if (last != '\n') WriteFile("\n");
  WriteFile(early_);
  early_.clear();
  return status_;
}

void RunLog::Line(absl::string_view text, Fit fit) {
  std::string line = graph::PrintableLines(text);
  if (line.empty() || line.back() != '\n') line += '\n';
  const std::lock_guard<std::mutex> lock(mu_);
  if (screen_.out != nullptr) {
    const std::string bar = bar_;
    ClearBar();
    if (fit == Fit::kWhole || !screen_.terminal) {
      *screen_.out << line;
    } else {
      const absl::string_view fields = absl::StripSuffix(line, "\n");
      *screen_.out << Fitted(fields, Columns() - 1, fit == Fit::kWrap) << "\n";
    }
    bar_ = bar;
    DrawBar();
    screen_.out->flush();
  }
  if (!file_.is_open()) {
    early_ += line;
  } else {
    WriteFile(line);
  }
}

void RunLog::LineInFile(absl::string_view text) {
  std::string line = graph::PrintableLines(text);
  if (line.empty() || line.back() != '\n') line += '\n';
  const std::lock_guard<std::mutex> lock(mu_);
  if (file_.is_open()) WriteFile(line);
}

void RunLog::Progress(double fraction, absl::FunctionRef<std::string()> text, bool at_once) {
  if (!screen_.terminal || screen_.out == nullptr) return;
  const absl::Time now = now_();
  const std::lock_guard<std::mutex> lock(mu_);
  if (!at_once && !bar_.empty() && now >= drawn_ && now - drawn_ < kRedraw) return;
  drawn_ = now;
  bar_ = BarLine(fraction, graph::Printable(text()), Columns());
  DrawBar();
  screen_.out->flush();
}

void RunLog::EndProgress() {
  const std::lock_guard<std::mutex> lock(mu_);
  if (bar_.empty()) return;
  ClearBar();
  screen_.out->flush();
}

void RunLog::DrawBar() {
  if (!bar_.empty()) *screen_.out << "\r" << bar_ << "\x1b[K";
}

void RunLog::ClearBar() {
  if (!bar_.empty()) *screen_.out << "\r\x1b[K";
  bar_.clear();
}

void RunLog::WriteFile(absl::string_view text) {
  if (status_.ok()) status_ = file_.Append(text);
}

absl::Status RunLog::status() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return status_;
}

int64_t RunLog::bytes() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return file_.bytes();
}

absl::Status RunLog::Sync() {
  const std::lock_guard<std::mutex> lock(mu_);
  return file_.is_open() ? file_.Sync() : absl::OkStatus();
}

}  // namespace models
