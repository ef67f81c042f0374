#include <algorithm>
#include <vector>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/profile/write_profile.h"

namespace tools {
namespace {

enum Track { kSteps = 1, kCompute = 2, kData = 3, kLoader = 4 };  // kLoader + worker

const char* WorkName(models::LoaderWork work) {
  switch (work) {
    case models::LoaderWork::kDecode:
      return "read and decode";
    case models::LoaderWork::kCrop:
      return "crop and resize";
    case models::LoaderWork::kCopy:
      return "into the batch";
  }
  return "";
}

std::string Json(const std::string& text) { return nlohmann::json(text).dump(); }

// The bytes of the plan's allocations that are alive at each operator.
std::vector<size_t> LiveBytes(const graph::Executable& executable) {
  const size_t n = executable.net().ops.size();
  std::vector<size_t> live(n, 0);
  for (const graph::Allocation& a : executable.plan().allocations) {
    for (size_t i = a.first; i < n && static_cast<int64_t>(i) <= a.last; ++i) live[i] += a.bytes;
  }
  return live;
}

// The arguments of an operator's events, except their times.
std::string Arguments(const Profile& profile, const OpProfile& p) {
  const graph::Executable& executable = *profile.executables[p.executable];
  const graph::Net& net = executable.net();
  const graph::Op& op = net.ops[p.op];
  nlohmann::ordered_json args;
  args["name"] = op.name;
  const std::string implementation = executable.kernel(p.op).implementation();
  if (!implementation.empty()) args["implementation"] = implementation;
  args["inputs"] = TypesText(net, op.inputs);
  args["outputs"] = TypesText(net, op.outputs);
  args["MFLOP"] = static_cast<double>(p.flops) * 1e-6;
  args["MB"] = static_cast<double>(p.bytes) * 1e-6;
  if (p.mean_ms > 0) {
    args["mean GFLOP/s"] = static_cast<double>(p.flops) / p.mean_ms * 1e-6;
    args["mean GB/s"] = static_cast<double>(p.bytes) / p.mean_ms * 1e-6;
  }
  return absl::StrCat("\"cat\":\"", RoleName(p.role), "\",\"name\":", Json(OpTitle(op, p.role)),
                      ",\"args\":", args.dump());
}

std::string Complete(int track, int64_t begin, int64_t end, const std::string& rest) {
  return absl::StrFormat("{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,%s},\n",
                         track, static_cast<double>(begin) * 1e-3,
                         static_cast<double>(end - begin) * 1e-3, rest);
}

std::string Named(int track, const std::string& name) {
  return absl::StrFormat(
      "{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}},\n"
      "{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_sort_index\","
      "\"args\":{\"sort_index\":%d}},\n",
      track, name, track, track);
}

}  // namespace

std::string TraceJson(const Profile& profile) {
  std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  absl::StrAppend(&text, Named(kSteps, "steps"), Named(kCompute, "compute"), Named(kData, "data"));

  std::vector<std::vector<std::string>> rest(profile.executables.size());
  for (const OpProfile& p : profile.ops) rest[p.executable].push_back(Arguments(profile, p));
  std::vector<std::vector<size_t>> live;
  for (const graph::Executable* executable : profile.executables) {
    live.push_back(LiveBytes(*executable));
  }
  int64_t last = 0;
  for (const OpEvent& e : profile.events) {
    text += Complete(kCompute, e.begin, e.end, rest[e.executable][e.op]);
    absl::StrAppendFormat(&text,
                          "{\"ph\":\"C\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,"
                          "\"name\":\"arena, live MiB\",\"args\":{\"MiB\":%.4f}},\n",
                          kCompute, static_cast<double>(e.begin) * 1e-3,
                          static_cast<double>(live[e.executable][e.op]) / (1 << 20));
    last = e.end;
  }
  for (const Span& w : profile.waits) {
    text += Complete(kData, w.begin, w.end, "\"cat\":\"data\",\"name\":\"wait for data\"");
  }
  int loaders = 0;
  for (const LoaderEvent& e : profile.loader_events) {
    loaders = std::max(loaders, e.worker + 1);
    text += Complete(kLoader + e.worker, e.begin, e.end,
                     absl::StrFormat("\"cat\":\"loader\",\"name\":\"%s\",\"args\":{\"image\":%d}",
                                     WorkName(e.work), e.image));
  }
  for (int i = 0; i < loaders; ++i) text += Named(kLoader + i, absl::StrCat("loader ", i));
  for (size_t i = 0; i < profile.steps.size() && profile.steps[i].begin < last; ++i) {
    text += Complete(kSteps, profile.steps[i].begin, profile.steps[i].end,
                     absl::StrCat("\"cat\":\"step\",\"name\":\"step ", i, "\""));
  }
  text += "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"train\"}}\n]}\n";
  return text;
}

}  // namespace tools
