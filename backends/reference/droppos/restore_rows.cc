#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/reference/kernels.h"

namespace backends::reference::droppos {
namespace {

// For each row of the full sequence, the row of the short one that belongs
// there, or -1 for the mask token. Fails if a row has both or neither.
bool Sources(Call* c, int ids_input, int mask_input, std::vector<int64_t>* sources) {
  const int64_t batch = c->in_type(mask_input).dim(0), patches = c->in_type(mask_input).dim(1);
  const int64_t visible = c->in_type(ids_input).dim(1), prefix = c->op.Int("prefix");
  std::vector<int64_t> ids;
  if (!c->Ids(ids_input, patches, &ids)) return false;
  const std::vector<int64_t> mask = c->Ints(mask_input);
  constexpr int64_t kNothing = -2;
  sources->assign(batch * (prefix + patches), kNothing);
  for (int64_t b = 0; b < batch; ++b) {
    int64_t* image = sources->data() + b * (prefix + patches);
    const int64_t first = b * (prefix + visible);
    for (int64_t r = 0; r < prefix; ++r) image[r] = first + r;
    for (int64_t p = 0; p < patches; ++p) {
      if (mask[b * patches + p] != 0) image[prefix + p] = -1;
    }
    for (int64_t v = 0; v < visible; ++v) {
      int64_t& source = image[prefix + ids[b * visible + v]];
      if (source != kNothing) {
        return c->Fail(absl::StrCat("patch ", ids[b * visible + v], " of image ", b,
                                    " is visible twice or also hidden"));
      }
      source = first + prefix + v;
    }
    for (int64_t p = 0; p < patches; ++p) {
      if (image[prefix + p] == kNothing) {
        return c->Fail(
            absl::StrCat("patch ", p, " of image ", b, " is neither visible nor hidden"));
      }
    }
  }
  return true;
}

void RestoreRows(Call* c) {
  const std::vector<double> x = c->In(0), mask_token = c->In(1);
  const int64_t dim = c->in_type(0).cols();
  std::vector<int64_t> sources;
  if (!Sources(c, 2, 3, &sources)) return;
  std::vector<double>& y = c->Out(0);
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t source = sources[i / dim];
    y[i] = source < 0 ? mask_token[i % dim] : x[source * dim + i % dim];
  }
}

void RestoreRowsGrad(Call* c) {
  const std::vector<double> dy = c->In(0);
  const int64_t dim = c->in_type(0).cols();
  std::vector<int64_t> sources;
  if (!Sources(c, 1, 2, &sources)) return;
  std::vector<double>& dx = c->Out(0);
  std::vector<double>& d_mask_token = c->Out(1);
  for (size_t i = 0; i < dy.size(); ++i) {
    const int64_t source = sources[i / dim];
    double& to = source < 0 ? d_mask_token[i % dim] : dx[source * dim + i % dim];
    to += dy[i];
  }
}

}  // namespace

void RegisterRestoreRows(graph::KernelTable* table) {
  AddFunction(table, "RestoreRows", RestoreRows);
  AddFunction(table, "RestoreRowsGrad", RestoreRowsGrad);
}

}  // namespace backends::reference::droppos
