#include "models/data/open_dataset.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "models/data/cifar10.h"
#include "models/data/data_source.h"
#include "models/data/embedded_dataset.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/folder_notes.h"
#include "models/data/image_folder.h"
#include "models/data/shard_dataset.h"

namespace models {
namespace {

using Items = std::vector<ImageFolderDataset::Item>;

constexpr int64_t kMaxHeldOut = 2000;

// The images to hold out, ascending: those with the smallest of `ids`. Images with the same id stay
// together.
std::vector<int64_t> ChooseHeldOut(const std::vector<uint64_t>& ids, double fraction) {
  const int64_t n = static_cast<int64_t>(ids.size());
  if (fraction <= 0 || n < 2) return {};
  const int64_t wanted = static_cast<int64_t>(std::nearbyint(fraction * n));
  const int64_t count = std::clamp<int64_t>(wanted, 1, std::min(kMaxHeldOut, n - 1));
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  const auto cut = order.begin() + count;
  std::nth_element(order.begin(), cut, order.end(), [&](int64_t a, int64_t b) {
    return std::make_pair(ids[a], a) < std::make_pair(ids[b], b);
  });
  // *cut is the first image that is kept for training; its id may have begun before it.
  const auto same = [&, id = ids[*cut]](int64_t i) { return ids[i] == id; };
  auto end = std::partition(order.begin(), cut, [&](int64_t i) { return !same(i); });
  if (end == order.begin()) end = std::partition(cut, order.end(), same);
  if (end == order.end()) return {};
  order.erase(end, order.end());
  std::sort(order.begin(), order.end());
  return order;
}

// The share to hold out of that many images.
double ShareToHoldOut(const OpenOptions& options, int64_t images) {
  const double n = static_cast<double>(images);
  const double least = static_cast<double>(options.least_held_out);
  if (options.val_fraction <= 0 || options.val_fraction * n >= least) return options.val_fraction;
  constexpr double kLargest = 0.2, kDigits = 1e4;  // as many as flags.txt is pleasant to read with
  const double enough = std::ceil(least / n * kDigits) / kDigits;
  return std::max(options.val_fraction, std::min(enough, kLargest));
}

Items TakeHeldOut(double fraction, Items* train) {
  std::vector<uint64_t> ids;
  ids.reserve(train->size());
  for (const auto& item : *train) ids.push_back(graph::HashName(item.path));
  return TakeAt(ChooseHeldOut(ids, fraction), train);
}

// Null if there are none.
template <typename Data>
std::unique_ptr<Data> TakeHeldOut(double fraction, Data* train) {
  std::vector<uint64_t> ids(train->size());
  for (int64_t i = 0; i < train->size(); ++i) ids[i] = train->image_id(i);
  const std::vector<int64_t> chosen = ChooseHeldOut(ids, fraction);
  return chosen.empty() ? nullptr : train->Take(chosen);
}

std::string Percent(double fraction) { return absl::StrCat(fraction * 100, "%"); }

absl::StatusOr<Datasets> OpenCifar10(const OpenOptions& options, const DataSource& source) {
  if (options.limits.channels == 4) {
    return graph::InvalidArgument("--channels=4: CIFAR-10's pictures have three");
  }
  Datasets out;
  ASSIGN_OR_RETURN(std::unique_ptr<Cifar10Dataset> train, Cifar10Dataset::Open(source.batches));
  const std::string test = JoinPath(source.root, "test_batch.bin");
  std::string held_out_from = "nothing";
  if (IsFile(test)) {
    ASSIGN_OR_RETURN(out.held_out, Cifar10Dataset::Open({test}));
    held_out_from = "test_batch.bin";
  } else {
    const double share = ShareToHoldOut(options, train->size());
    out.val_fraction = share;
    out.held_out = TakeHeldOut(share, train.get());
    if (out.held_out != nullptr) {
      held_out_from = absl::StrCat(Percent(share), " of them by hash of the name");
    }
  }
  out.description =
      absl::StrCat(source.root, ": ", train->description(), " from ", source.batches.size(),
                   " data_batch file(s); held out: ", held_out_from);
  out.train = std::move(train);
  return out;
}

// One part of an image folder, before it becomes a data set.
struct Part {
  Items items;
  std::vector<std::string> classes;  // folder names; empty for a list or no labels
  int num_classes = 0;
  std::string from;
  std::map<std::string, int64_t> others;  // files that are no pictures, by ending
};

int CountClasses(const Items& items) {
  int highest = -1;
  for (const auto& item : items) highest = std::max(highest, item.label);
  return highest + 1;
}

// Error if no picture of a list exists, because the list has another format or its pictures are
// elsewhere. Checks a few across the list, because many data sets lack some.
absl::Status CheckSomeAreThere(const std::string& root, const std::string& split,
                               const std::string& below, const Items& items) {
  constexpr size_t kLooks = 20;
  for (size_t i = 0; i < kLooks; ++i) {
    struct stat info;
    const std::string path = JoinPath(root, items[i * items.size() / kLooks].path);
    const bool found = ::stat(path.c_str(), &info) == 0;
    if (found ? !S_ISDIR(info.st_mode) : errno != ENOENT && errno != ENOTDIR) {
      return absl::OkStatus();
    }
  }
  const std::string first = JoinPath(root, items[0].path);
  return absl::NotFoundError(absl::StrCat(
      PrintablePath(JoinPath(root, split + ".txt")), ": none of its pictures is there; the first, ",
      PrintablePath(first), IsDirectory(first) ? ", is a folder" : ", does not exist",
      "; a line is 'path label', the path as it is below ",
      below.empty() ? PrintablePath(root) : split,
      "/, without quotes or commas, and with '/' between folders"));
}

absl::StatusOr<Part> ReadList(const std::string& root, const std::string& split) {
  Part part;
  const std::string below = ListedFolder(root, split);
  ASSIGN_OR_RETURN(part.items, ReadListFile(JoinPath(root, split + ".txt"), below));
  RETURN_IF_ERROR(CheckSomeAreThere(root, split, below, part.items));
  part.num_classes = CountClasses(part.items);
  part.from = absl::StrCat("the list ", split, ".txt");
  return part;
}

// What to do about a folder that holds these archives and no picture.
std::string WayOut(const std::string& root, const std::vector<std::string>& archives) {
  for (const std::string& archive : archives) {
    if (!IsShardName(archive)) continue;
    return absl::StrCat("tar shards in folders, as ", PrintablePath(archive),
                        ", are read by a pattern: --data_path='",
                        PrintablePath(JoinPath(root, PatternLike(archive))), "'");
  }
  if (!archives.empty()) return absl::StrCat(PrintablePath(archives[0]), ": ", kUnpackIt);
  return "give --data_path a folder of pictures, or leave it out to use the embedded data set";
}

// The pictures under `below` of `root`; for all of `root`, except those under val/.
absl::StatusOr<Part> ReadFolder(const std::string& root, const std::string& below,
                                const ScanProgress::Say& on_scan) {
  ScanProgress progress(JoinPath(root, below), on_scan);
  ASSIGN_OR_RETURN(const FolderListing listing, ListPictures(root, below, "val", &progress));
  const std::string others = OthersText(listing.others, 4);
  const std::string unread =
      UnreadPictures(below.empty() ? root : JoinPath(root, below), listing.others);
  if (listing.paths.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no picture (", PictureEndings(), ") under ", PrintablePath(JoinPath(root, below)),
        others.empty() ? "" : absl::StrCat(", only ", others), "; ",
        unread.empty() ? WayOut(root, listing.archives) : unread));
  }
  Part part;
  part.others = listing.others;
  const std::string prefix = below.empty() ? "" : below + "/";
  part.classes = CollectClasses(listing.paths, prefix);
  part.num_classes = static_cast<int>(part.classes.size());
  part.items = LabelByFolder(listing.paths, prefix, part.classes);
  part.from = below.empty() ? "the folder" : absl::StrCat("the folder ", below, "/");
  std::vector<std::string> notes;
  if (listing.linked_folders > 0) {
    notes.push_back(Count(listing.linked_folders, "folder") + " by links");
  }
  if (!others.empty()) notes.push_back("ignored: " + others);
  if (!notes.empty()) absl::StrAppend(&part.from, " (", absl::StrJoin(notes, "; "), ")");
  return part;
}

// Warns of images without a class if the data has `classes`.
void WarnOfUnlabelled(const Items& items, const std::vector<std::string>& classes,
                      const char* split, std::vector<std::string>* warnings) {
  if (classes.empty()) return;
  int64_t count = 0;
  const ImageFolderDataset::Item* first = nullptr;
  for (const auto& item : items) {
    if (item.label >= 0) continue;
    if (count++ == 0) first = &item;
  }
  if (count == 0) return;
  warnings->push_back(absl::StrCat(
      count, " of ", items.size(), " ", split,
      " images have no label, because they lie in no folder of a training class, the first '",
      PrintablePath(first->path), "'; what needs labels ignores them"));
}

std::unique_ptr<Dataset> MakeDataset(const std::string& root, const PictureLimits& limits,
                                     Items items, int num_classes) {
  const std::string description = absl::StrCat(items.size(), " images, ", ClassesText(num_classes));
  return std::make_unique<ImageFolderDataset>(root, std::move(items), num_classes, description,
                                              limits);
}

absl::StatusOr<Datasets> OpenFolder(const OpenOptions& options, const std::string& root) {
  const bool train_list = IsFile(JoinPath(root, "train.txt"));
  const bool train_folder = IsDirectory(JoinPath(root, "train"));
  const bool val_list = IsFile(JoinPath(root, "val.txt"));
  const bool val_folder = IsDirectory(JoinPath(root, "val"));

  ASSIGN_OR_RETURN(Part train,
                   train_list ? ReadList(root, "train")
                              : ReadFolder(root, train_folder ? "train" : "", options.on_scan));
  Datasets out;
  WarnOfUnlabelled(train.items, train.classes, "training", &out.warnings);
  Part held_out;
  held_out.from = "nothing";
  if (val_list) {
    ASSIGN_OR_RETURN(held_out, ReadList(root, "val"));
  } else if (val_folder) {
    ASSIGN_OR_RETURN(held_out, ReadFolder(root, "val", options.on_scan));
    // Classes are the training folders'; a class that only val/ has is unknown.
    std::vector<std::string> paths;
    for (auto& item : held_out.items) paths.push_back(std::move(item.path));
    held_out.items = LabelByFolder(paths, "val/", train.classes);
    WarnOfUnlabelled(held_out.items, train.classes, "held-out", &out.warnings);
  } else {
    const double share = ShareToHoldOut(options, static_cast<int64_t>(train.items.size()));
    out.val_fraction = share;
    held_out.items = TakeHeldOut(share, &train.items);
    if (!held_out.items.empty()) {
      held_out.from = absl::StrCat(Percent(share), " of them by hash of the path");
    }
  }
  for (const Part* part : {&train, &held_out}) {
    for (const auto& [ending, count] : part->others) out.ignored[ending] += count;
  }
  const std::string unread = UnreadPictures(root, out.ignored);
  if (!unread.empty()) out.warnings.push_back(unread);
  if (train_list) {
    const std::string unlisted =
        UnlistedPictures(root, ListedFolder(root, "train"), train.items, options.list_scan);
    if (!unlisted.empty()) out.warnings.push_back(unlisted);
  }
  const int num_classes = std::max(train.num_classes, CountClasses(held_out.items));
  out.train = MakeDataset(root, options.limits, std::move(train.items), num_classes);
  out.description = absl::StrCat(root, ": ", out.train->description(), " from ", train.from,
                                 "; held out: ", held_out.items.size(), " from ", held_out.from);
  if (!held_out.items.empty()) {
    out.held_out = MakeDataset(root, options.limits, std::move(held_out.items), num_classes);
  }
  return out;
}

absl::StatusOr<Datasets> OpenShards(const OpenOptions& options, const DataSource& source) {
  const ShardPaths& paths = source.shards;
  Datasets out;
  ShardDataset::Report report;
  ASSIGN_OR_RETURN(std::unique_ptr<ShardDataset> train,
                   ShardDataset::Open(paths.root, paths.train, &report, options.limits));
  if (train->size() == 0) {
    return absl::NotFoundError(absl::StrCat("no picture (", PictureEndings(), ") in the ",
                                            Count(paths.train.size(), "shard"), " of ", source.root,
                                            "; a sample needs a member like KEY.jpg"));
  }
  std::unique_ptr<ShardDataset> held_out;
  std::string held_out_from = "nothing";
  const int64_t all = train->size();
  if (!paths.val.empty()) {
    ASSIGN_OR_RETURN(held_out, ShardDataset::Open(paths.root, paths.val, &report, options.limits));
    held_out_from =
        absl::StrCat(held_out->size(), " from ", Count(paths.val.size(), "shard"), " (val)");
    held_out->ShareClasses(train.get());
  } else {
    const double share = ShareToHoldOut(options, all);
    out.val_fraction = share;
    held_out = TakeHeldOut(share, train.get());
    if (held_out != nullptr) {
      held_out_from = absl::StrCat(held_out->size(), ", ", Percent(share),
                                   " of them by hash of shard and member");
    }
  }
  out.description =
      absl::StrCat(source.root, ": ", all, " images in ", Count(paths.train.size(), "tar shard"),
                   paths.from, ", ", ClassesText(train->num_classes()));
  if (report.gzip_shards > 0) {
    absl::StrAppend(&out.description, "; ", Count(report.gzip_shards, "gzip shard"),
                    " unpacked into ", report.spooled_bytes >> 20, " MiB of ", report.spool_folder);
  }
  if (report.without_image > 0) {
    absl::StrAppend(&out.description, "; ", Count(report.without_image, "sample"),
                    " without an image");
  }
  absl::StrAppend(&out.description, "; held out: ", held_out_from);
  out.warnings = std::move(report.warnings);
  out.train = std::move(train);
  if (held_out != nullptr && held_out->size() > 0) out.held_out = std::move(held_out);
  return out;
}

absl::StatusOr<Datasets> OpenAll(const OpenOptions& options) {
  if (!(options.val_fraction >= 0 && options.val_fraction < 1)) {
    return graph::InvalidArgument("--val_fraction=", options.val_fraction,
                                  " must be at least 0 and below 1");
  }
  if (options.data_path.empty()) {
    if (options.input_height < 1 || options.input_width < 1) {
      return graph::InvalidArgument("the embedded data set cannot be drawn at ",
                                    options.input_width, "x", options.input_height, " pixels");
    }
    if (options.limits.channels == 4) {
      return graph::InvalidArgument("--channels=4: the embedded scenes have three; give ",
                                    "--data_path=DIR, pictures that have four");
    }
    Datasets out;
    out.train = std::make_unique<EmbeddedDataset>(SceneSplit::kTrain, options.input_width,
                                                  options.input_height);
    out.held_out = std::make_unique<EmbeddedDataset>(SceneSplit::kHeldOut, options.input_width,
                                                     options.input_height);
    out.description = absl::StrCat("the embedded data set: ", out.train->description(),
                                   "; held out: ", out.held_out->size(), " others");
    return out;
  }
  ASSIGN_OR_RETURN(DataSource source, FindDataSource(options.data_path));
  absl::StatusOr<Datasets> out =
      source.kind == DataSource::Kind::kCifar10  ? OpenCifar10(options, source)
      : source.kind == DataSource::Kind::kShards ? OpenShards(options, source)
                                                 : OpenFolder(options, source.root);
  // The error may concern data that were taken in place of the intended ones.
  if (!out.ok() && !source.warnings.empty()) {
    return graph::Annotate(out.status(), source.warnings[0]);
  }
  if (out.ok()) {
    out->warnings.insert(out->warnings.begin(), source.warnings.begin(), source.warnings.end());
  }
  return out;
}

}  // namespace

std::string ListedFolder(const std::string& root, const std::string& split) {
  return split == "train" && !IsDirectory(JoinPath(root, split)) ? "" : split;
}

std::string OthersText(const std::map<std::string, int64_t>& others, size_t most) {
  std::vector<std::pair<int64_t, std::string>> kinds;
  int64_t all = 0;
  for (const auto& [ending, count] : others) {
    kinds.emplace_back(-count, ending);
    all += count;
  }
  if (all == 0) return "";
  std::sort(kinds.begin(), kinds.end());
  std::vector<std::string> shown;
  for (const auto& [negative, ending] : kinds) {
    if (shown.size() == most) {
      shown.push_back("...");
      break;
    }
    shown.push_back(
        absl::StrCat(-negative, " ",
                     ending.empty() ? "without an ending" : PrintablePath(ending.substr(0, 20))));
  }
  return absl::StrCat(Count(all, "other file"), " (", absl::StrJoin(shown, ", "), ")");
}

absl::StatusOr<Datasets> OpenDatasets(const OpenOptions& options) {
  absl::StatusOr<Datasets> data = OpenAll(options);
  if (!data.ok() || options.max_warnings <= 0) return data;
  std::vector<std::string>& warnings = data->warnings;
  if (const int64_t more = static_cast<int64_t>(warnings.size()) - options.max_warnings; more > 0) {
    warnings.resize(static_cast<size_t>(options.max_warnings));
    warnings.push_back(absl::StrCat("... and ", more,
                                    " more about the data; check_data --json=FILE has "
                                    "them all"));
  }
  return data;
}

}  // namespace models
