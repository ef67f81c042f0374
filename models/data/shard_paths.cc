#include "models/data/shard_paths.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

constexpr size_t kMaxNames = 1'000'000;

// What stands between two braces.
absl::StatusOr<std::vector<std::string>> Alternatives(absl::string_view inside,
                                                      const std::string& pattern) {
  const size_t dots = inside.find("..");
  if (dots == absl::string_view::npos) {
    if (!absl::StrContains(inside, ',')) {
      return graph::InvalidArgument("--data_path=", pattern, ": '{", inside,
                                    "}' is neither a range like {000..099} nor a list like {a,b}");
    }
    return std::vector<std::string>(absl::StrSplit(inside, ','));
  }
  const absl::string_view low = inside.substr(0, dots), high = inside.substr(dots + 2);
  int64_t first = 0, last = 0;
  if (!absl::SimpleAtoi(low, &first) || !absl::SimpleAtoi(high, &last) || first < 0 || last < 0) {
    return graph::InvalidArgument("--data_path=", pattern, ": '{", inside,
                                  "}' is not a range of whole numbers");
  }
  if (std::max(first, last) - std::min(first, last) >= int64_t{kMaxNames}) {
    return graph::InvalidArgument("--data_path=", pattern, ": '{", inside, "}' names more than ",
                                  kMaxNames, " shards");
  }
  const bool padded = (low.size() > 1 && low[0] == '0') || (high.size() > 1 && high[0] == '0');
  const int width = padded ? static_cast<int>(std::max(low.size(), high.size())) : 1;
  std::vector<std::string> names;
  for (int64_t i = first;; i += first <= last ? 1 : -1) {
    names.push_back(absl::StrFormat("%0*d", width, i));
    if (i == last) return names;
  }
}

std::string FolderBefore(const std::string& path, size_t end) {
  const size_t slash = path.substr(0, end).rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

bool IsHeldOutName(const std::string& name) {
  const std::string base = name.substr(name.rfind('/') + 1);
  return absl::StartsWith(base, "val-") || absl::StartsWith(base, "val_") ||
         absl::StartsWith(base, "validation-");
}

// Sorts `names` into the two parts.
void Divide(const std::vector<std::string>& names, ShardPaths* out) {
  for (const std::string& name : names) {
    (IsHeldOutName(name) ? out->val : out->train).push_back(name);
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExpandBraces(const std::string& pattern) {
  std::vector<std::string> names = {""};
  size_t at = 0;
  while (at < pattern.size()) {
    const size_t open = pattern.find('{', at);
    const std::string plain =
        pattern.substr(at, open == std::string::npos ? std::string::npos : open - at);
    for (std::string& name : names) name += plain;
    if (open == std::string::npos) break;
    const size_t close = pattern.find('}', open);
    if (close == std::string::npos) {
      return graph::InvalidArgument("--data_path=", pattern, ": a '{' without its '}'");
    }
    ASSIGN_OR_RETURN(
        const std::vector<std::string> alternatives,
        Alternatives(absl::string_view(pattern).substr(open + 1, close - open - 1), pattern));
    if (names.size() * alternatives.size() > kMaxNames) {
      return graph::InvalidArgument("--data_path=", pattern, " names more than ", kMaxNames,
                                    " shards");
    }
    std::vector<std::string> longer;
    longer.reserve(names.size() * alternatives.size());
    for (const std::string& name : names) {
      for (const std::string& alternative : alternatives) longer.push_back(name + alternative);
    }
    names = std::move(longer);
    at = close + 1;
  }
  return names;
}

bool IsShardName(const std::string& path) {
  const std::string lower = absl::AsciiStrToLower(path);
  return absl::EndsWith(lower, ".tar") || absl::EndsWith(lower, ".tar.gz") ||
         absl::EndsWith(lower, ".tgz");
}

absl::StatusOr<std::vector<std::string>> ShardsIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name[0] != '.' && IsShardName(name)) names.push_back(std::move(name));
  }
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    return CannotReadFolder(folder, error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<ShardPaths> FindShards(const std::string& data_path) {
  ShardPaths out;
  if (IsDirectory(data_path)) {
    out.root = data_path;
    const auto add = [&](const std::string& below, std::vector<std::string>* to) -> absl::Status {
      ASSIGN_OR_RETURN(const std::vector<std::string> names, ShardsIn(JoinPath(data_path, below)));
      for (const std::string& name : names) to->push_back(JoinPath(below, name));
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(const std::vector<std::string> here, ShardsIn(data_path));
    Divide(here, &out);
    out.from = " in the folder";
    if (out.train.empty()) {
      RETURN_IF_ERROR(add("train", &out.train));
      out.from = " in train/";
    }
    if (!out.train.empty()) RETURN_IF_ERROR(add("val", &out.val));
    return out;
  }
  if (!IsShardName(data_path)) return out;
  // A file may have braces in its name, too.
  if (IsFile(data_path)) {
    out.root = FolderBefore(data_path, data_path.size());
    out.train = {data_path.substr(out.root.size())};
    return out;
  }
  const size_t brace = data_path.find('{');
  if (brace == std::string::npos) return out;
  ASSIGN_OR_RETURN(std::vector<std::string> paths, ExpandBraces(data_path));
  out.root = FolderBefore(data_path, brace);
  for (std::string& path : paths) {
    if (!IsFile(path)) {
      return absl::NotFoundError(absl::StrCat("--data_path=", data_path, " names ", path,
                                              ", which does not exist; correct the pattern or get "
                                              "the shard"));
    }
    path.erase(0, out.root.size());
  }
  Divide(paths, &out);
  if (out.train.empty()) {
    return graph::InvalidArgument("--data_path=", data_path,
                                  " names held-out shards (val-*) only; name training shards, too");
  }
  out.from = " of the pattern";
  return out;
}

}  // namespace models
