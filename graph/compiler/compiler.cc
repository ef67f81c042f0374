#include "graph/compiler/compiler.h"

#include "absl/strings/str_join.h"

namespace graph {
namespace {

// A net with its plan and the kernels that run it.
struct Prepared {
  NetPlan planned;
  std::vector<std::unique_ptr<Kernel>> kernels;
};

absl::StatusOr<Prepared> Prepare(Net net, const CompileOptions& options) {
  const SchemaRegistry& registry = *options.registry;
  ASSIGN_OR_RETURN(std::vector<PassReport> passes,
                   RunPipeline(&net, registry, DefaultPasses(options.passes), options.passes));
  net.Compact();

  std::vector<std::unique_ptr<Kernel>> kernels;
  std::vector<size_t> scratch_bytes;
  std::vector<std::string> unplaced;
  std::vector<std::string> placement;
  for (const Op& op : net.ops) {
    KernelSpec spec;
    spec.op = &op;
    spec.threads = options.threads;
    for (BlobId b : op.inputs) spec.inputs.push_back(net.type(b));
    for (BlobId b : op.outputs) spec.outputs.push_back(net.type(b));
    const KernelFactory* factory = options.backend->kernels.Find(op.type);
    absl::StatusOr<std::unique_ptr<Kernel>> kernel =
        factory != nullptr ? (*factory)(spec)
                           : absl::UnimplementedError("the backend has no such kernel");
    // No memory for it, which is nothing that the backend cannot do.
    if (absl::IsResourceExhausted(kernel.status())) return kernel.status();
    if (!kernel.ok()) {
      unplaced.push_back(absl::StrCat("  ", op.Describe(), ": ", kernel.status().message()));
      continue;
    }
    placement.push_back(absl::StrCat(options.backend->name, "  ", op.Describe()));
    scratch_bytes.push_back((*kernel)->scratch_bytes());
    kernels.push_back(std::move(*kernel));
  }
  if (!unplaced.empty()) {
    return absl::UnimplementedError(absl::StrCat(
        "net '", net.name, "': backend '", options.backend->name, "' cannot run ", unplaced.size(),
        " of ", net.ops.size(), " operators:\n", absl::StrJoin(unplaced, "\n")));
  }
  Prepared prepared;
  prepared.planned.plan = PlanMemory(net, scratch_bytes);
  prepared.planned.net = std::move(net);
  prepared.planned.report.passes = std::move(passes);
  prepared.planned.report.placement = std::move(placement);
  prepared.kernels = std::move(kernels);
  return prepared;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executable>> Compile(Net net, const CompileOptions& options,
                                                    Workspace* workspace, CompileReport* report) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(std::move(net), options));
  if (report != nullptr) *report = std::move(prepared.planned.report);
  return Executable::Create(std::move(prepared.planned.net), std::move(prepared.kernels),
                            std::move(prepared.planned.plan), workspace);
}

absl::StatusOr<NetPlan> PlanNet(Net net, const CompileOptions& options) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(std::move(net), options));
  return std::move(prepared.planned);
}

}  // namespace graph
