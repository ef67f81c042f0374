#include "tools/dump/graph_dump.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "graph/ir/serialize.h"
#include "graph/ir/text.h"
#include "models/training/output_dir.h"
#include "tools/dump/dot.h"
#include "tools/output/staged_output.h"

namespace tools {

void GraphDump::Add(const std::string& stage, const graph::Net& net) {
  graph::Net copy = net;
  copy.Compact();  // as the compiler does after the last pass
  for (Entry& entry : entries_) {
    if (entry.after.name != net.name) continue;
    if (stage == "00_built") entry.before = copy;
    entry.after = std::move(copy);
    return;
  }
  entries_.push_back({copy, copy});
}

absl::StatusOr<std::vector<std::string>> GraphDump::Write(const std::string& dir) const {
  const auto init = std::find_if(entries_.begin(), entries_.end(),
                                 [](const Entry& entry) { return entry.after.name == "init"; });
  if (init == entries_.end()) {
    return absl::FailedPreconditionError(
        "no net named 'init' was compiled, so the dump has no shapes of parameters");
  }
  std::vector<std::pair<std::string, std::string>> files;  // name, content
  const auto add = [&](const graph::Net& net, const std::string& name,
                       const std::string& when) -> absl::Status {
    ASSIGN_OR_RETURN(const graph::Net init_net, InitNetFor(net, init->after));
    files.emplace_back(name + "_predict_net.pb", graph::ToNetDefBytes(net));
    files.emplace_back(name + "_predict_net.pbtxt", graph::ToNetDefText(net));
    files.emplace_back(name + "_init_net.pb", graph::ToNetDefBytes(init_net));
    files.emplace_back(name + "_init_net.pbtxt", graph::ToNetDefText(init_net));
    files.emplace_back(name + ".txt", graph::ToText(net));
    files.emplace_back(name + ".dot", ToDot(net, when));
    files.emplace_back(name + ".blocks.dot", ToBlocksDot(net, when));
    return absl::OkStatus();
  };
  for (const Entry& entry : entries_) {
    if (&entry == &*init) continue;
    const std::string& name = entry.after.name;
    RETURN_IF_ERROR(add(entry.after, name, "as it runs"));
    RETURN_IF_ERROR(add(entry.before, name + "_before_passes", "before the passes"));
  }

  ASSIGN_OR_RETURN(StagedOutput output,
                   StagedOutput::Choose("--dump_graph", models::ResolveUserPath(dir),
                                        StagedOutput::Kind::kFiles, /*overwrite=*/true));
  std::vector<std::string> names;
  RETURN_IF_ERROR(output.Write([&](const std::string& staging) -> absl::Status {
    for (const auto& [name, content] : files) {
      RETURN_IF_ERROR(WriteBytes(absl::StrCat(staging, "/", name), content));
      names.push_back(name);
    }
    return absl::OkStatus();
  }));
  return names;
}

absl::StatusOr<graph::Net> InitNetFor(const graph::Net& net, const graph::Net& init) {
  const graph::Uses uses(init);
  graph::Net result;
  result.name = net.name + "_init";
  for (const graph::State& state : net.states) {
    const graph::Blob& blob = net.blob(state.entry);
    graph::Op op;
    const graph::BlobId set = init.Find(graph::StateExitName(blob.name));
    if (set != graph::kNone && uses.producer[set] != graph::kNone) {
      op = init.ops[uses.producer[set]];
      if (!op.inputs.empty() || op.outputs.size() != 1) {
        return graph::InvalidArgument("net '", init.name, "': ", op.Describe(),
                                      " does not set one state from nothing");
      }
      if (init.type(set) != blob.type) {
        return graph::InvalidArgument("net '", init.name, "' sets '", blob.name, "' as ",
                                      init.type(set).ToString(), ", but net '", net.name,
                                      "' reads ", blob.type.ToString());
      }
    } else {
      op.type = "ConstantFill";
      op.name = "init/" + blob.name;
      op.part = blob.name;
      op.attrs["initializer"] = std::string("constant");
      op.attrs["dtype"] = std::string(graph::DTypeName(blob.type.dtype));
      op.attrs["shape"] = std::vector<int64_t>(blob.type.shape.begin(), blob.type.shape.end());
      op.attrs["value"] = 0.0f;
    }
    const graph::BlobId entry = result.AddBlob(blob.name, blob.type);
    const graph::BlobId exit = result.AddBlob(graph::StateExitName(blob.name), blob.type);
    op.outputs = {exit};
    op.in_place.clear();
    result.ops.push_back(std::move(op));
    result.states.push_back({entry, exit});
  }
  return result;
}

}  // namespace tools
