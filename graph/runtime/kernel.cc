#include "graph/runtime/kernel.h"

#include <cstdio>
#include <cstdlib>

namespace graph {

void KernelTable::Add(std::string op_type, KernelFactory factory) {
  if (factories_.find(op_type) != factories_.end()) {
    std::fprintf(stderr, "two kernels for operator type '%s' in one table\n", op_type.c_str());
    std::abort();
  }
  factories_.emplace(std::move(op_type), std::move(factory));
}

const KernelFactory* KernelTable::Find(absl::string_view op_type) const {
  const auto it = factories_.find(op_type);
  return it == factories_.end() ? nullptr : &it->second;
}

std::vector<std::string> KernelTable::Types() const {
  std::vector<std::string> types;
  for (const auto& [type, factory] : factories_) types.push_back(type);
  return types;
}

}  // namespace graph
