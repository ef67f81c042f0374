#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/data/file_util.h"
#include "models/data/open_dataset.h"
#include "nlohmann/json.hpp"
#include "tools/data_check/data_check.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

std::string Where(const CheckedName& image) {
  return absl::StrCat(models::PrintablePath(image.name),
                      image.split == "train" ? "" : " (held out)");
}

// Appends a heading with the count, and the first lines.
template <typename Items, typename Line>
void List(const char* heading, const Items& items, int most, const Line& line, std::string* text) {
  if (items.empty()) return;
  absl::StrAppend(text, "\n", items.size(), " ", heading, ":\n");
  const size_t shown = std::min(items.size(), static_cast<size_t>(most));
  for (size_t i = 0; i < shown; ++i) absl::StrAppend(text, "  ", line(items[i]), "\n");
  if (shown < items.size()) absl::StrAppend(text, "  ... and ", items.size() - shown, " more\n");
}

std::string SpreadText(const Spread& spread) {
  return absl::StrFormat("%d to %d, median %d", spread.min, spread.max, spread.median);
}

// "10 classes of 90 to 110 training images, 7 of them without a held-out one".
std::string ClassesText(const DataReport& report) {
  int64_t least = report.classes[0][0], most = least, none = 0, none_held_out = 0;
  for (const auto& [train, held_out] : report.classes) {
    least = std::min(least, train);
    most = std::max(most, train);
    none += train == 0;
    none_held_out += held_out == 0;
  }
  std::string text =
      absl::StrCat(report.classes.size(), " of ", least, " to ", most, " training images");
  if (none > 0) absl::StrAppend(&text, ", ", none, " without any");
  if (report.held_out_images > 0 && none_held_out > 0) {
    absl::StrAppend(&text, ", ", none_held_out, " without a held-out image");
  }
  if (report.unlabelled > 0) absl::StrAppend(&text, "; ", report.unlabelled, " images unlabelled");
  return text;
}

Json NameJson(const CheckedName& image) { return {{"split", image.split}, {"name", image.name}}; }
Json SpreadJson(const Spread& spread) {
  return {{"min", spread.min}, {"median", spread.median}, {"max", spread.max}};
}
template <typename Items, typename Make>
Json ListJson(const Items& items, const Make& make) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(make(item));
  return list;
}
Json PairJson(const DataReport::Duplicate& pair) {
  Json json = NameJson(pair.image);
  json["first"] = pair.first.name;
  return json;
}

}  // namespace

std::string DataReportText(const DataReport& report, const DataCheckOptions& options, int most) {
  std::string text = absl::StrCat("images   ", report.train_images, " for training, ",
                                  report.held_out_images, " held out\n");
  if (const std::string others = models::OthersText(report.ignored, report.ignored.size());
      !others.empty()) {
    absl::StrAppend(&text, "ignored  ", others, "\n");
  }
  absl::StrAppend(&text, "formats ");
  for (const auto& [format, count] : report.formats) {
    absl::StrAppend(&text, " ", count, " ", format);
  }
  absl::StrAppend(&text, "\nwidth    ", SpreadText(report.width), "\nheight   ",
                  SpreadText(report.height), "\nbytes    ", SpreadText(report.bytes), "\n");
  if (!report.classes.empty()) absl::StrAppend(&text, "classes  ", ClassesText(report), "\n");

  List(
      "bad, which training skips (--on_bad_image)", report.bad, most,
      [](const DataReport::Bad& bad) {
        return absl::StrCat(bad.reason, bad.image.split == "train" ? "" : " (held out)");
      },
      &text);
  const auto pair = [](const DataReport::Duplicate& d) {
    return absl::StrCat(Where(d.image), " is ", Where(d.first));
  };
  List(report.leaks.size() == 1 ? "leak, a held-out image with the same bytes as a training image"
                                : "leaks, held-out images with the same bytes as training images",
       report.leaks, most, pair, &text);
  List(report.duplicates.size() == 1 ? "duplicate, the same bytes" : "duplicates, the same bytes",
       report.duplicates, most, pair, &text);
  List(
      absl::StrCat("tiny, a side below ", options.min_side, " pixels").c_str(), report.tiny, most,
      [](const DataReport::Tiny& tiny) {
        return absl::StrFormat("%s, %dx%d", Where(tiny.image), tiny.width, tiny.height);
      },
      &text);
  List("grey", report.grey, most, Where, &text);
  List("CMYK", report.cmyk, most, Where, &text);
  if (report.bad.empty() && report.leaks.empty() && report.duplicates.empty() &&
      report.tiny.empty()) {
    absl::StrAppend(&text, "\nno bad, duplicate or tiny images, no leaks\n");
  }
  return text;
}

std::vector<std::string> WarningLines(const std::vector<std::string>& warnings, int most) {
  std::vector<std::string> lines;
  const size_t shown = std::min(warnings.size(), static_cast<size_t>(most));
  for (size_t i = 0; i < shown; ++i) lines.push_back(absl::StrCat("warning: ", warnings[i]));
  if (shown < warnings.size()) {
    lines.push_back(absl::StrCat("warning: ... and ", warnings.size() - shown, " more"));
  }
  return lines;
}

std::string DataReportJson(const DataReport& report, const models::Datasets& data,
                           const DataCheckOptions& options) {
  Json json;
  json["data"] = data.description;
  json["warnings"] = data.warnings;
  json["train_images"] = report.train_images;
  json["held_out_images"] = report.held_out_images;
  json["min_side"] = options.min_side;
  json["ignored"] = report.ignored;
  json["formats"] = report.formats;
  json["width"] = SpreadJson(report.width);
  json["height"] = SpreadJson(report.height);
  json["bytes"] = SpreadJson(report.bytes);
  json["unlabelled"] = report.unlabelled;
  json["classes"] = Json::array();
  for (size_t label = 0; label < report.classes.size(); ++label) {
    json["classes"].push_back({{"label", label},
                               {"train", report.classes[label][0]},
                               {"held_out", report.classes[label][1]}});
  }
  json["bad"] = ListJson(report.bad, [](const DataReport::Bad& bad) {
    Json item = NameJson(bad.image);
    item["reason"] = bad.reason;
    return item;
  });
  json["leaks"] = ListJson(report.leaks, PairJson);
  json["duplicates"] = ListJson(report.duplicates, PairJson);
  json["tiny"] = ListJson(report.tiny, [](const DataReport::Tiny& tiny) {
    Json item = NameJson(tiny.image);
    item["width"] = tiny.width;
    item["height"] = tiny.height;
    return item;
  });
  json["grey"] = ListJson(report.grey, NameJson);
  json["cmyk"] = ListJson(report.cmyk, NameJson);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tools
