// ResizeRows and what reads resized rows, on the device; the contract is ops/resize_rows.h.
#ifndef BACKENDS_CUDA_RESIZE_ROWS_LAUNCH_H_
#define BACKENDS_CUDA_RESIZE_ROWS_LAUNCH_H_

#include <cstddef>
#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda {

// Rows of `classes` numbers for each cell of a grid, and the pixels that they become.
struct GridOfRows {
  int64_t batch;
  int grid_h, grid_w, height, width;
  int64_t classes;

  int64_t cells() const { return batch * grid_h * grid_w; }
};

// In all, x and dx are (batch, grid_h · grid_w, classes), y and dy (batch, height, width, classes)
// and answers (batch, height, width). A cudaError_t. Rows need no alignment.
int ResizeRows(const GridOfRows& grid, const float* x, float* y, Stream stream);
int ResizeRowsGrad(const GridOfRows& grid, const float* dy, float* dx, Stream stream);
int ResizedArgmax(const GridOfRows& grid, const float* x, uint8_t* answers, Stream stream);

// In both, there are at most 255 classes, and a label between them and 254 is reported as input 1,
// and its pixel counts as not labelled.
struct ResizedCrossEntropyArgs {
  GridOfRows grid;
  const float* x;
  const uint8_t* labels;  // (batch, height, width)
  float* loss;            // (1)
  int32_t* labelled;      // (1)
  double* scratch;        // 2 · cells
  FaultSite fault;
};

struct ResizedCrossEntropyGradArgs {
  GridOfRows grid;
  const float* x;
  const uint8_t* labels;    // (batch, height, width)
  const int32_t* labelled;  // (1)
  const float* dloss;       // (1)
  float* dx;                // not over x
  float* scratch;           // 4 · cells · classes
  FaultSite fault;
};

int ResizedCrossEntropy(const ResizedCrossEntropyArgs& args, Stream stream);
int ResizedCrossEntropyGrad(const ResizedCrossEntropyGradArgs& args, Stream stream);

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_RESIZE_ROWS_LAUNCH_H_
