#include "graph/compiler/compiler.h"

#include "absl/strings/str_join.h"

namespace graph {

absl::StatusOr<Prepared> Prepare(Net net, const CompileOptions& options) {
  const SchemaRegistry& registry = *options.registry;
  const Backend& backend = *options.backend;
  const Device& device = *backend.device;
  for (const PartPrecision& part : options.passes.precision_overrides) {
    if (part.precision == ComputePrecision::kInt8Products && !backend.capabilities.int8_products) {
      return absl::UnimplementedError(
          absl::StrCat("net '", net.name, "': backend '", backend.name, "' has no 8-bit products, ",
                       "which '", part.part, "' is to use; give it another precision"));
    }
  }
  Prepared prepared;
  ASSIGN_OR_RETURN(
      prepared.effective_passes,
      RunPipeline(&net, registry, MakePasses(options.passes, backend.lowering(options.passes)),
                  options.passes));
  net.Compact();

  std::vector<size_t> scratch_bytes;
  std::vector<std::string> unplaced;
  for (const Op& op : net.ops) {
    const KernelSpec spec = {&op, net.types(op.inputs), net.types(op.outputs), device.threads()};
    const KernelFactory* factory = backend.kernels.Find(op.type);
    absl::StatusOr<std::unique_ptr<Kernel>> kernel =
        factory != nullptr ? (*factory)(spec)
                           : absl::UnimplementedError("the backend has no such kernel");
    // No memory for it, which is nothing that the backend cannot do.
    if (absl::IsResourceExhausted(kernel.status())) return kernel.status();
    if (!kernel.ok()) {
      unplaced.push_back(absl::StrCat("  ", op.Describe(), ": ", kernel.status().message()));
      continue;
    }
    scratch_bytes.push_back((*kernel)->scratch_bytes());
    prepared.kernels.push_back(std::move(*kernel));
  }
  if (!unplaced.empty()) {
    return absl::UnimplementedError(absl::StrCat(
        "net '", net.name, "': backend '", backend.name, "' cannot run ", unplaced.size(), " of ",
        net.ops.size(), " operators:\n", absl::StrJoin(unplaced, "\n")));
  }
  prepared.plan = PlanMemory(net, scratch_bytes, device.alignment());
  prepared.net = std::move(net);
  prepared.device = backend.device;
  return prepared;
}

absl::StatusOr<std::unique_ptr<Executable>> Create(Prepared prepared, Workspace* workspace,
                                                   std::shared_ptr<InputSlot> slot) {
  if (!ShareMemory(workspace->device(), *prepared.device)) {
    return absl::FailedPreconditionError(
        absl::StrCat("net '", prepared.net.name, "' is for device '", prepared.device->name(),
                     "', and the workspace on '", workspace->device().name(), "'"));
  }
  return Executable::Create(std::move(prepared.net), std::move(prepared.kernels),
                            std::move(prepared.plan), workspace, std::move(slot));
}

absl::StatusOr<std::unique_ptr<Executable>> Compile(Net net, const CompileOptions& options,
                                                    Workspace* workspace) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(std::move(net), options));
  return Create(std::move(prepared), workspace);
}

}  // namespace graph
