#include "models/data/shard_paths.h"

#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "graph/base/status.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/spool_file.h"

namespace models {
namespace {

constexpr size_t kMaxNames = 1'000'000;
constexpr char kWildcards[] = "*?[";
constexpr char kPatternCharacters[] = "{*?[";

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
  return path.substr(0, path.substr(0, end).rfind('/') + 1);
}

bool IsHeldOutName(const std::string& name) {
  const std::string base = name.substr(name.rfind('/') + 1);
  for (const char* beginning : {"val-", "val_", "validation-", "validation_"}) {
    if (absl::StartsWithIgnoreCase(base, beginning)) return true;
  }
  return false;
}

// Sorts `names` into the two parts.
void Divide(const std::vector<std::string>& names, ShardPaths* out) {
  for (const std::string& name : names) {
    (IsHeldOutName(name) ? out->val : out->train).push_back(name);
  }
}

// Adds the archives directly in `root`/`below`, as names relative to `root`: tar shards, and
// archives that are not read. Adds none if there is no such folder.
absl::Status List(const std::string& root, const std::string& below,
                  std::vector<std::string>* shards, std::vector<std::string>* unread) {
  const std::string folder = below.empty() ? root : JoinPath(root, below);
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    // A folder may have such a name, too: its pictures are found like others.
    std::error_code ignored;
    if (name[0] != '.' && (IsShardName(name) || IsUnreadArchive(name)) &&
        !it->is_directory(ignored)) {
      names.push_back(std::move(name));
    }
  }
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    return CannotReadFolder(folder, error.value());
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    (IsShardName(name) ? shards : unread)->push_back(JoinPath(below, name));
  }
  return absl::OkStatus();
}

// Adds the shards whose paths match `wildcards`, in byte order.
absl::Status Match(const std::string& wildcards, const std::string& pattern,
                   std::vector<std::string>* paths) {
  glob_t found = {};
  const int result = ::glob(wildcards.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> matches(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (result == GLOB_NOSPACE) return absl::ResourceExhaustedError("no memory to list the shards");
  matches.erase(std::remove_if(matches.begin(), matches.end(),
                               [](const std::string& path) { return !IsFile(path); }),
                matches.end());
  if (matches.empty()) {
    return absl::NotFoundError(absl::StrCat("--data_path=", pattern, ": no shard matches ",
                                            wildcards, "; correct the pattern or get the shards"));
  }
  std::sort(matches.begin(), matches.end());
  paths->insert(paths->end(), matches.begin(), matches.end());
  return absl::OkStatus();
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

bool IsPattern(const std::string& path) {
  return path.find_first_of(kPatternCharacters) != std::string::npos;
}

std::string PatternLike(const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/');
  const std::string lower = absl::AsciiStrToLower(parts.back());
  const std::string ending = parts.back().substr(lower.rfind(".t"));  // .tar, .tar.gz or .tgz
  std::fill(parts.begin() + (parts[0] == "train" ? 1 : 0), parts.end(), "*");
  return absl::StrCat(absl::StrJoin(parts, "/"), ending);
}

bool IsHeldOutWord(absl::string_view word) {
  for (const char* known :
       {"val", "valid", "validation", "eval", "evaluation", "test", "testing"}) {
    if (absl::EqualsIgnoreCase(word, known)) return true;
  }
  return false;
}

bool IsOtherSplit(const std::string& name) {
  const std::string base = name.substr(name.rfind('/') + 1);
  const std::vector<absl::string_view> words =
      absl::StrSplit(base, absl::ByAnyChar("-_. 0123456789"));
  return std::any_of(words.begin(), words.end(), IsHeldOutWord);
}

absl::StatusOr<ShardPaths> FindShardsIn(const std::string& root) {
  ShardPaths out;
  out.root = root;
  std::vector<std::string> here, in_train, unread_in_train;
  RETURN_IF_ERROR(List(root, "", &here, &out.unread));
  RETURN_IF_ERROR(List(root, "train", &in_train, &unread_in_train));
  Divide(here, &out);
  out.from = in_train.empty() ? " in the folder" : " in train/";
  if (!in_train.empty()) {
    out.unused = std::move(out.train);
    out.train = std::move(in_train);
    out.unread = std::move(unread_in_train);
  } else {
    const auto others =
        std::stable_partition(out.train.begin(), out.train.end(),
                              [](const std::string& name) { return !IsOtherSplit(name); });
    if (others != out.train.begin()) {
      out.aside.assign(others, out.train.end());
      out.train.erase(others, out.train.end());
    }
  }
  if (!out.train.empty()) RETURN_IF_ERROR(List(root, "val", &out.val, &out.unread));
  return out;
}

absl::StatusOr<ShardPaths> FindShardsOf(const std::string& path) {
  ShardPaths out;
  if (path == kStandardInput) out.train = {path};
  if (!IsShardName(path)) return out;
  if (IsFile(path)) {
    out.root = FolderBefore(path, path.size());
    out.train = {path.substr(out.root.size())};
    return out;
  }
  if (!IsPattern(path)) return out;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ExpandBraces(path));
  std::vector<std::string> paths;
  bool wild = false;
  for (const std::string& name : names) {
    if (IsFile(name)) {
      paths.push_back(name);
    } else if (name.find_first_of(kWildcards) != std::string::npos) {
      wild = true;
      RETURN_IF_ERROR(Match(name, path, &paths));
    } else {
      return absl::NotFoundError(absl::StrCat("--data_path=", path, " names ", name,
                                              ", which does not exist; correct the pattern or get "
                                              "the shard"));
    }
  }
  std::set<std::string> seen;
  out.root = FolderBefore(path, path.find_first_of(wild ? kPatternCharacters : "{"));
  for (std::string& shard : paths) {
    if (!seen.insert(shard).second) {
      return graph::InvalidArgument("--data_path=", path, " names ", shard,
                                    " twice; name each shard once");
    }
    shard.erase(0, out.root.size());
  }
  Divide(paths, &out);
  if (out.train.empty()) {
    return graph::InvalidArgument("--data_path=", path,
                                  " names held-out shards (val-*) only; name training shards, too");
  }
  out.from = " of the pattern";
  return out;
}

}  // namespace models
