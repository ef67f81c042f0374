#include "tools/benchmark/data_bench.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/random.h"
#include "graph/base/shell_word.h"
#include "graph/base/status.h"
#include "models/data/augment.h"
#include "models/data/epoch_order.h"
#include "models/data/loader.h"
#include "models/data/open_dataset.h"
#include "nlohmann/json.hpp"
#include "tools/output/staged_output.h"
#include "tools/run_options.h"

namespace tools {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kBatch = 32;

models::LoaderOptions LoaderFor(const DataBenchOptions& options, int64_t data_size, bool exact) {
  models::LoaderOptions load = MakeLoaderOptions(options.resolved);
  load.batch_size = std::min(kBatch, data_size);
  load.exact_decode = exact;
  load.num_workers = 0;
  load.max_bad_share = 0;
  return load;
}

// Images per second over the first `images`, in as many epochs as needed.
absl::StatusOr<double> OneRun(const models::Dataset& data, const models::LoaderOptions& load,
                              int64_t images) {
  ASSIGN_OR_RETURN(const auto loader, models::Loader::Create(&data, load));
  const Clock::time_point start = Clock::now();
  for (int64_t done = 0; done < images; done += load.batch_size) {
    RETURN_IF_ERROR(loader->Next().status());
  }
  if (loader->bad_images() > 0) {
    return graph::InvalidArgument(loader->bad_images(),
                                  " images cannot be decoded; measure on data that can");
  }
  return static_cast<double>(images) / SecondsSince(start);
}

// The peer's input: the files of those images, their crops and flips; where more is to be done to
// them, the arguments with which timm does all of it.
absl::StatusOr<std::string> Jobs(const DataBenchOptions& options, const models::Dataset& data,
                                 int64_t images) {
  const models::LoaderOptions load = LoaderFor(options, data.size(), true);
  if (load.transform.channels() != 3) {
    return graph::InvalidArgument("--peer reads RGB pictures; leave out --channels or --peer");
  }
  const models::ImageTransform transform(load.input_width, load.input_height, load.transform);
  const int64_t an_epoch = data.size() / load.batch_size * load.batch_size;
  models::EpochOrder order(data.size(), load.seed);
  ordered_json jobs = {{"width", load.input_width}, {"height", load.input_height}};
  const TrainFlags& flags = options.resolved.flags;
  const models::TransformOptions& transforms = load.transform;
  if (transforms.rand_augment.operations > 0 || transforms.erasing.probability > 0) {
    jobs["timm"] = {
        {"scale", transforms.crop_scale},
        {"ratio", transforms.crop_ratio},
        {"hflip", transforms.flip ? 0.5 : 0.0},
        {"auto_augment", *flags.aa == "none" ? ordered_json() : ordered_json(*flags.aa)},
        {"re_prob", *flags.reprob},
        {"re_mode", *flags.remode},
        {"re_count", *flags.recount}};
  }
  models::PicturePart part;
  for (int64_t k = 0; k < images; ++k) {
    const int64_t epoch = k / an_epoch;
    const int64_t i = order.At(epoch, k % an_epoch);
    const std::string path = absl::StrCat(*options.resolved.flags.data_path, "/", data.name(i));
    if (access(path.c_str(), R_OK) != 0) {
      return graph::InvalidArgument("--peer reads picture files, but ", path,
                                    " is none; measure it on a folder of pictures");
    }
    const uint64_t key =
        graph::SampleKey(load.seed, static_cast<uint64_t>(epoch), data.image_id(i));
    models::PixelBox box;
    RETURN_IF_ERROR(data.LoadPart(
        i,
        [&](int width, int height) {
          const models::PartRequest request = transform.PlanTrain(width, height, key, true, true);
          box = request.box;
          return request;
        },
        &part));
    jobs["files"].push_back({path, box.x, box.y, box.width, box.height,
                             load.transform.flip && models::SampleFlip(key)});
  }
  return jobs.dump();
}

// Runs the peer once and returns its line of JSON.
absl::StatusOr<ordered_json> RunPeer(const DataBenchOptions& options, const std::string& jobs) {
  const std::string command =
      absl::StrCat(graph::ShellWord(options.peer_python), " ",
                   graph::ShellWord(options.peer_script), " ", graph::ShellWord(jobs));
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return graph::InvalidArgument("cannot start ", options.peer_python);
  std::string out;
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) out += buffer;
  const int status = ::pclose(pipe);
  ordered_json json = ordered_json::parse(out, nullptr, false);
  if (status != 0 || !json.is_object() || !json.contains("images_per_s")) {
    return graph::InvalidArgument(options.peer_python, " ", options.peer_script,
                                  " failed (above); --peer names a python with Pillow and NumPy, "
                                  "and with timm where pictures are augmented or erased");
  }
  return json;
}

std::string Line(const char* label, const Spread& rate) {
  return absl::StrFormat("  %-34s %7.1f images/s (least %.1f, most %.1f)\n", label, rate.median,
                         rate.least, rate.most);
}

}  // namespace

absl::StatusOr<DataBenchResult> BenchData(const DataBenchOptions& options, std::ostream* progress) {
  const ResolvedFlags& resolved = options.resolved;
  if (!options.peer_python.empty()) {
    if (!resolved.flags.data_path) {
      return graph::InvalidArgument("--peer needs --data_path, a folder of pictures");
    }
    if (access(options.peer_script.c_str(), R_OK) != 0) {
      return graph::InvalidArgument(
          "--peer runs a script of the clone, and ", options.peer_script,
          " is not there; --peer_script=FILE names a copy of tools/benchmark/data_peer.py, which "
          "the download does not have");
    }
  }
  models::OpenOptions open = MakeOpenOptions(resolved);
  open.val_fraction = 0;
  ASSIGN_OR_RETURN(const models::Datasets datasets, models::OpenDatasets(open));
  const models::Dataset& data = *datasets.train;
  DataBenchResult result;
  result.data = datasets.description;
  const int64_t batch = std::min(kBatch, data.size());
  result.images = std::max<int64_t>(1, options.images / batch) * batch;

  std::string jobs;  // the peer's file
  const auto remove_jobs = absl::MakeCleanup([&jobs] { ::unlink(jobs.c_str()); });
  if (!options.peer_python.empty()) {
    ASSIGN_OR_RETURN(const std::string text, Jobs(options, data, result.images));
    const char* folder = std::getenv("TMPDIR");
    jobs = absl::StrCat(folder == nullptr ? "/tmp" : folder, "/droppos-bench-XXXXXX");
    const int file = ::mkstemp(jobs.data());
    if (file < 0) return graph::InvalidArgument("cannot write ", jobs);
    ::close(file);
    RETURN_IF_ERROR(WriteBytes(jobs, text));
  }
  std::vector<double> exact, fast, peer;
  for (int run = -1; run < options.runs; ++run) {  // the first warms up
    for (const bool exactly : {true, false}) {
      const models::LoaderOptions load = LoaderFor(options, data.size(), exactly);
      ASSIGN_OR_RETURN(const double rate, OneRun(data, load, result.images));
      if (run >= 0) (exactly ? exact : fast).push_back(rate);
    }
    if (jobs.empty()) continue;
    ASSIGN_OR_RETURN(const ordered_json said, RunPeer(options, jobs));
    result.peer_text = said.value("what", "");
    if (run >= 0) {
      peer.push_back(said["images_per_s"].get<double>());
      *progress << absl::StrFormat("run %d: exact %.1f, default %.1f, peer %.1f images/s\n",
                                   run + 1, exact.back(), fast.back(), peer.back())
                << std::flush;
    }
  }
  result.exact = SpreadOf(exact);
  result.fast = SpreadOf(fast);
  if (!peer.empty()) result.peer = SpreadOf(peer);
  return result;
}

std::string DataBenchText(const DataBenchResult& r) {
  std::string text = absl::StrFormat("%s\n%d images a run, one core\n", r.data, r.images);
  text += Line("with --exact_decode", r.exact);
  text += Line("as training does by default", r.fast);
  if (r.peer.median > 0) {
    text += Line(r.peer_text.c_str(), r.peer);
    absl::StrAppendFormat(&text, "  ratio: %.2f exact, %.2f by default\n",
                          r.exact.median / r.peer.median, r.fast.median / r.peer.median);
  }
  return text;
}

std::string DataBenchJson(const DataBenchResult& r) {
  ordered_json json = {{"what", "data"}, {"data", r.data}, {"images", r.images}};
  const auto add = [&json](const std::string& name, const Spread& rate) {
    json[name + "_images_per_s_median"] = rate.median;
    json[name + "_images_per_s_least"] = rate.least;
    json[name + "_images_per_s_most"] = rate.most;
  };
  add("exact", r.exact);
  add("default", r.fast);
  if (r.peer.median > 0) {
    add("peer", r.peer);
    json["peer"] = r.peer_text;
  }
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

}  // namespace tools
