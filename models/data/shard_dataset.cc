#include "models/data/shard_dataset.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/data/file_kind.h"
#include "models/data/file_util.h"
#include "models/data/image_io.h"

namespace models {
namespace {

constexpr int kMaxLabel = 1'000'000;
constexpr int64_t kMaxLabelBytes = 4096;

int64_t ModifiedNs(const struct stat& info) {
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// A name without a dot; only the bytes tell the file's kind.
bool HasNoEnding(absl::string_view path) {
  return !absl::StrContains(path.substr(path.rfind('/') + 1), '.');
}

// 3: the image, 2: an image under a longer name, 1: one without a field, 0: something else.
int ImageRank(absl::string_view field, absl::string_view head) {
  if (field.empty()) return FormatOfPicture(head) == PictureFormat::kNone ? 0 : 1;
  if (IsPictureEnding(field)) return 3;
  return IsPictureEnding(field.substr(field.rfind('.') + 1)) ? 2 : 0;
}

constexpr char kGetAgain[] = "copy or download the shard again, or take it out of the data";
constexpr char kNotSparse[] = "write the shard without tar's --sparse";

// The error for `path`, which IndexTar() could not read for `reason`: what the file is instead, and
// what to do. `piece` of `file` are its unpacked bytes.
absl::Status NoShard(const std::string& path, int file, const SpoolFile::Piece& piece,
                     const absl::Status& reason) {
  if (!absl::IsInvalidArgument(reason)) {
    return absl::Status(reason.code(), absl::StrCat(path, " ", reason.message()));
  }
  const auto head = ReadAt(file, piece.base, std::min<int64_t>(piece.size, 512), path);
  const FileKind kind = head.ok() && !head->empty() ? KindOfFile(*head) : FileKind();
  if (kind.name.empty() || kind.name == "a tar archive") {
    return graph::InvalidArgument(path, " ", reason.message(),
                                  piece.broken.empty() ? "" : absl::StrCat(" (", piece.broken, ")"),
                                  "; ", kGetAgain);
  }
  return graph::InvalidArgument(path, " is ", kind.name, ", not a tar archive; ",
                                absl::StartsWith(kind.hint, "unpack") ? kUnpackIt : kGetAgain);
}

// Members of one shard with the same fault, which share one warning.
struct Alike {
  int64_t count = 0;
  std::string first;   // its path
  std::string reason;  // the first member's, if reasons differ

  void Add(const std::string& path, std::string why = "") {
    if (count++ > 0) return;
    first = path;
    reason = std::move(why);
  }
};

}  // namespace

std::pair<absl::string_view, std::string> SampleKeyAndField(absl::string_view path) {
  const size_t base = path.rfind('/') + 1;
  const size_t dot = path.find('.', base);
  if (dot == absl::string_view::npos || dot == base) return {path, ""};
  return {path.substr(0, dot), absl::AsciiStrToLower(path.substr(dot + 1))};
}

absl::StatusOr<std::unique_ptr<ShardDataset>> ShardDataset::Open(
    const std::string& root, const std::vector<std::string>& names, Report* report,
    const PictureLimits& limits) {
  std::unique_ptr<ShardDataset> data(new ShardDataset());
  data->limits_ = limits;
  data->shards_ = std::make_shared<Shards>();
  Shards& shards = *data->shards_;
  std::vector<std::string> packed;
  for (const std::string& name : names) {
    Shard shard;
    shard.name = name;
    shard.path = shard.shown = JoinPath(root, name);
    if (shard.path == kStandardInput) {
      ASSIGN_OR_RETURN(shard.path, SpoolFile::StandardInput());
      shard.shown = "standard input";
    }
    const absl::StatusOr<bool> gzip = IsGzip(shard.path);
    if (!gzip.ok()) {
      return WithHint(gzip.status(), "make it readable, or take it out of the data");
    }
    shard.spooled = *gzip;
    if (*gzip) packed.push_back(shard.path);
    shards.all.push_back(std::move(shard));
  }
  if (!packed.empty()) {
    ASSIGN_OR_RETURN(shards.spool, SpoolFile::Create());
    RETURN_IF_ERROR(CheckSpoolRoom(*shards.spool, packed));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    RETURN_IF_ERROR(data->Index(static_cast<int32_t>(i), report));
  }
  report->gzip_shards += static_cast<int64_t>(packed.size());
  if (shards.spool != nullptr) {
    report->spooled_bytes += shards.spool->size();
    report->spool_folder = shards.spool->folder();
  }
  for (const Sample& sample : data->samples_) {
    data->num_classes_ = std::max(data->num_classes_, sample.label + 1);
  }
  return data;
}

absl::Status ShardDataset::Index(int32_t shard_index, Report* report) {
  Shard& shard = shards_->all[shard_index];
  std::unique_ptr<OpenFile> plain;
  SpoolFile::Piece piece;
  int file;
  if (shard.spooled) {
    ASSIGN_OR_RETURN(piece, shards_->spool->Unpack(shard.path));
    shard.base = piece.base;
    file = shards_->spool->file();
  } else {
    plain = std::make_unique<OpenFile>(shard.path);
    file = plain->get();
    ASSIGN_OR_RETURN(const struct stat info, plain->Stat(shard.path));
    if (!S_ISREG(info.st_mode)) {
      return graph::InvalidArgument("cannot read ", PrintablePath(shard.shown),
                                    ": not a regular file");
    }
    piece.size = shard.bytes = info.st_size;
    shard.modified_ns = ModifiedNs(info);
  }
  absl::StatusOr<TarIndex> index =
      IndexTar(file, piece.base, piece.size, [](absl::string_view path) {
        if (HasNoEnding(path)) return int64_t{kPictureHeadBytes};
        return SampleKeyAndField(path).second == "cls" ? kMaxLabelBytes : 0;
      });
  if (!index.ok()) {
    return NoShard(PrintablePath(shard.shown), file, piece, index.status());
  }
  const auto warn = [&](const auto&... what) {
    report->warnings.push_back(absl::StrCat(PrintablePath(shard.shown), ": ", what...));
  };
  if (!piece.broken.empty() && index->broken.empty() && index->end_mark) {
    warn(index->bytes_after_end > 0 ? "has " : "has all ", Count(index->members.size(), "member"),
         ", but ", piece.broken, "; pictures may be damaged; ", kGetAgain);
  } else if (!piece.broken.empty()) {
    index->broken = piece.broken;
  }
  const auto warn_of_rest = [&](int64_t bytes, const char* missed) {
    if (bytes == 0) return;
    warn("the ", bytes, " bytes after its end are no ", missed,
         " and are ignored; write the shard again if pictures are missing");
  };
  warn_of_rest(index->bytes_after_end, "tar archive");
  warn_of_rest(piece.bytes_after_end, "gzip data");
  AddSamples(shard_index, *std::move(index), report);
  return absl::OkStatus();
}

void ShardDataset::AddSamples(int32_t shard_index, TarIndex index, Report* report) {
  const Shard& shard = shards_->all[shard_index];
  const auto warn = [&](absl::string_view member, const auto&... reason) {
    report->warnings.push_back(
        absl::StrCat(PrintablePath(absl::StrCat(shard.shown, member.empty() ? "" : ":", member)),
                     ": ", reason...));
  };
  struct Found {
    size_t image = 0;  // the member
    int rank = 0;
    int label = -1;
    std::set<std::string> fields;
    int64_t images = 0;    // that could be the sample's
    int64_t numbered = 0;  // images under a longer name that begins with a number
  };
  std::map<std::string, Found, std::less<>> found;
  std::vector<const Found*> order;
  bool cut_is_a_sample = false;
  Alike repeated, bad_labels;
  for (size_t m = 0; m < index.members.size(); ++m) {
    const TarMember& member = index.members[m];
    const auto [key, field] = SampleKeyAndField(member.path);
    const int rank = ImageRank(field, member.head);
    if (field.empty() && rank == 0) continue;
    auto at = found.find(key);
    if (at == found.end()) {
      at = found.emplace(std::string(key), Found()).first;
      order.push_back(&at->second);
    }
    Found& sample = at->second;
    if (!sample.fields.insert(std::string(field)).second) {
      repeated.Add(member.path);
      continue;
    }
    if (rank > 0) {
      sample.numbered += rank == 2 && absl::ascii_isdigit(field[0]) ? 1 : 0;
      // Beside KEY.jpg, KEY.seg.png was not meant to be used as the image.
      if (rank > sample.rank) {
        sample.rank = rank;
        sample.image = m;
        sample.images = 0;
      }
      sample.images += rank == sample.rank ? 1 : 0;
    }
    if (field == "cls") {
      int label = -1;
      if (!member.broken.empty()) {
        bad_labels.Add(member.path, member.broken);
      } else if (absl::SimpleAtoi(
                     absl::StripAsciiWhitespace(absl::StripPrefix(member.head, kByteOrderMark)),
                     &label) &&
                 label >= 0 && label <= kMaxLabel) {
        sample.label = label;
      } else {
        bad_labels.Add(member.path, absl::StrCat(graph::Quoted(member.head.substr(0, 40)),
                                                 " is not a number from 0 to ", kMaxLabel));
      }
    }
  }
  // One line per shard, however many there are.
  if (repeated.count == 1) {
    warn(repeated.first, "comes twice, the first counts; give every sample a key of its own");
  } else if (repeated.count > 1) {
    warn("", repeated.count, " members have the name of one before them and are ignored, the ",
         "first '", PrintablePath(repeated.first), "'; give every sample a key of its own");
  }
  if (bad_labels.count == 1) {
    warn(bad_labels.first, bad_labels.reason, "; the image has no label");
  } else if (bad_labels.count > 1) {
    warn("", bad_labels.count,
         " labels cannot be read, so that their images have none, the first '",
         PrintablePath(bad_labels.first), "': ", bad_labels.reason);
  }
  Alike shared;
  for (const Found* f : order) {
    if (f->rank == 0) {
      ++report->without_image;
      continue;
    }
    if (const int64_t others = f->images - 1 + (f->rank == 3 ? f->numbered : 0); others > 0) {
      if (shared.count == 0) {
        shared.first = std::string(SampleKeyAndField(index.members[f->image].path).first);
      }
      shared.count += others;
    }
    TarMember& member = index.members[f->image];
    Sample sample = {shard_index, f->label, member.offset, member.size, std::move(member.path)};
    if (!member.broken.empty()) {
      sample.size = -1;
      cut_is_a_sample |= f->image + 1 == index.members.size();
      sample.member += absl::StrCat(absl::string_view("\0", 1), member.broken, "; ",
                                    member.sparse ? kNotSparse : kGetAgain);
    }
    samples_.push_back(std::move(sample));
  }
  if (shared.count > 0) {
    warn("", Count(shared.count, "image"),
         " ignored, because they share a key with another, the first '",
         PrintablePath(shared.first),
         "'; put the number, or what else tells them apart, before the first dot of the name");
  }
  const auto warn_of_links = [&](const std::vector<std::string>& links, const char* one,
                                 const char* many, const char* option) {
    Alike alike;
    for (const std::string& path : links) {
      const std::string field = SampleKeyAndField(path).second;
      if (ImageRank(field, "") != 0 || field == "cls") alike.Add(path);
    }
    if (alike.count > 0) {
      warn("", alike.count, " ", alike.count == 1 ? one : many, " ignored, the first '",
           PrintablePath(alike.first), "'; write the shard with tar's ", option,
           ", which stores the files themselves");
    }
  };
  warn_of_links(index.symbolic_links, "symbolic link", "symbolic links", "--dereference");
  warn_of_links(index.lost_links, "hard link to a file that does not come before it",
                "hard links to files that do not come before them", "--hard-dereference");
  if (!index.broken.empty()) {
    warn("", "breaks off after ", index.members.size(), " members (", index.broken, "); ",
         kGetAgain);
    if (!cut_is_a_sample) {
      // So that every epoch counts the missing rest.
      samples_.push_back(
          {shard_index, -1, 0, -1,
           absl::StrCat("(the rest)", absl::string_view("\0", 1), index.broken, "; ", kGetAgain)});
    }
  } else if (!index.end_mark) {
    warn("", "has no end mark, so members may be missing; ", kGetAgain);
  }
}

std::string ShardDataset::name(int64_t i) const {
  const Sample& sample = samples_[i];
  return absl::StrCat(shards_->all[sample.shard].name, ":",
                      sample.member.substr(0, sample.member.find('\0')));
}

std::string ShardDataset::Where(int64_t i) const {
  const Sample& sample = samples_[i];
  return PrintablePath(absl::StrCat(shards_->all[sample.shard].shown, ":",
                                    sample.member.substr(0, sample.member.find('\0'))));
}

absl::StatusOr<std::string> ShardDataset::Read(int64_t i) const {
  const Sample& sample = samples_[i];
  const Shard& shard = shards_->all[sample.shard];
  if (sample.size < 0) {
    return graph::InvalidArgument("cannot read ", Where(i), ": ",
                                  sample.member.substr(sample.member.find('\0') + 1));
  }
  if (const int64_t most = limits_.max_file_bytes(); sample.size > most) {
    return graph::InvalidArgument("cannot read ", Where(i), ": ", sample.size,
                                  " bytes is more than the limit of ", most);
  }
  if (shard.spooled) {
    return ReadAt(shards_->spool->file(), shard.base + sample.offset, sample.size, Where(i));
  }
  const OpenFile file(shard.path);
  const absl::StatusOr<struct stat> info = file.Stat(Where(i));
  if (!info.ok()) {
    return WithHint(info.status(),
                    "the shard was there when this run began: put it back, or start again");
  }
  if (info->st_size != shard.bytes || ModifiedNs(*info) != shard.modified_ns) {
    return graph::InvalidArgument("cannot read ", Where(i),
                                  ": the shard was changed after this run began; put it back, or "
                                  "start again");
  }
  return ReadAt(file.get(), sample.offset, sample.size, Where(i));
}

absl::Status ShardDataset::LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const {
  ASSIGN_OR_RETURN(const std::string bytes, Read(i));
  const absl::Status status = DecodePart(bytes, plan, part, limits_);
  return status.ok() ? status : CannotDecode(Where(i), status);
}

std::string ShardDataset::description() const {
  return absl::StrCat(size(), " images, ", ClassesText(num_classes_));
}

void ShardDataset::ShareClasses(ShardDataset* other) {
  num_classes_ = other->num_classes_ = std::max(num_classes_, other->num_classes_);
}

std::unique_ptr<ShardDataset> ShardDataset::Take(const std::vector<int64_t>& indices) {
  std::unique_ptr<ShardDataset> taken(new ShardDataset());
  taken->shards_ = shards_;
  taken->limits_ = limits_;
  taken->num_classes_ = num_classes_;
  taken->samples_ = TakeAt(indices, &samples_);
  return taken;
}

}  // namespace models
