// The products of the fake cuBLASLt.
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "tests/fake_cuda/cublaslt.h"
#include "tests/simt/memory.h"

namespace fake_cuda {
namespace {

double Get(const void* p, cudaDataType type, int64_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(p)[i];
  const uint32_t bits = uint32_t{static_cast<const uint16_t*>(p)[i]} << 16;
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}
void Put(void* p, cudaDataType type, int64_t i, double value) {
  const float x = static_cast<float>(value);
  if (type == CUDA_R_32F) {
    static_cast<float*>(p)[i] = x;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  static_cast<uint16_t*>(p)[i] =
      std::isnan(x) ? 0x7fff : static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
double Rounded(double x, cudaDataType type) {
  float stored = 0;
  Put(&stored, type, 0, x);
  return Get(&stored, type, 0);
}
// "float - fast, allows down-converting inputs to TF32" (cublas_api.h): 10 bits of mantissa.
float ToTf32(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  if ((bits & 0x7f800000u) != 0x7f800000u) bits += 0xfff + (bits >> 13 & 1);
  bits &= ~0x1fffu;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

const char* At(const void* p, cudaDataType type, int64_t element) {
  return static_cast<const char*>(p) + element * static_cast<int64_t>(BytesOf(type));
}
void TouchMatrix(const void* p, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld,
                 bool write) {
  for (uint64_t c = 0; c < cols; ++c) {
    simt::Touch(At(p, type, static_cast<int64_t>(c) * ld), rows * BytesOf(type), write);
  }
}

// The header does not say which form it is; known is the tanh form.
double Gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double GeluDerivative(double x) {
  const double k = std::sqrt(2 / M_PI), t = std::tanh(k * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * 0.044715 * x * x);
}

// `count` vectors of op(M), each with k elements running fastest.
std::vector<float> Vectors(const void* p, const MatrixLayout& l, bool along_rows, uint64_t count,
                           uint64_t k, bool tf32) {
  std::vector<float> vectors(count * k);
  for (uint64_t i = 0; i < count; ++i) {
    for (uint64_t j = 0; j < k; ++j) {
      const float x = static_cast<float>(
          Get(p, l.type, static_cast<int64_t>(along_rows ? j * l.ld + i : i * l.ld + j)));
      vectors[i * k + j] = tf32 ? ToTf32(x) : x;
    }
  }
  return vectors;
}

void MultiplyOne(const MatmulDesc& desc, const MatrixLayout& a, const MatrixLayout& b,
                 const MatrixLayout& c, const MatrixLayout& d, const Operands& o, void* bias,
                 void* aux) {
  const uint32_t e = desc.epilogue;
  const bool gelu = (e & kGelu) != 0, dgelu = (e & kDGelu) != 0, keep = gelu && (e & kAux) != 0;
  const uint64_t m = d.rows, n = d.cols, k = desc.transa == CUBLAS_OP_N ? a.cols : a.rows;
  TouchMatrix(o.a, a.type, a.rows, a.cols, a.ld, false);
  TouchMatrix(o.b, b.type, b.rows, b.cols, b.ld, false);
  if (o.beta != 0) TouchMatrix(o.c, c.type, m, n, c.ld, false);
  if ((e & kBias) != 0) simt::Touch(bias, m * BytesOf(d.type), false);
  if (dgelu) TouchMatrix(aux, d.type, m, n, desc.aux_ld, false);

  const bool tf32 = desc.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && a.type == CUDA_R_32F;
  const std::vector<float> rows = Vectors(o.a, a, desc.transa == CUBLAS_OP_N, m, k, tf32);
  const std::vector<float> cols = Vectors(o.b, b, desc.transb != CUBLAS_OP_N, n, k, tf32);
  std::vector<double> sums_of_d(m, 0.0);
  for (uint64_t j = 0; j < n; ++j) {
    for (uint64_t i = 0; i < m; ++i) {
      double sum = 0;
      const float *row = &rows[i * k], *col = &cols[j * k];
      for (uint64_t part = 0; part < o.parts; ++part) {
        for (uint64_t l = part * k / o.parts; l < (part + 1) * k / o.parts; ++l) {
          sum += double{row[l]} * col[l];
        }
        if (o.parts > 1) sum = Rounded(sum, d.type);
      }
      double value = o.alpha * sum;
      const int64_t at_aux = static_cast<int64_t>(j) * desc.aux_ld + static_cast<int64_t>(i);
      if (o.beta != 0) value += o.beta * Get(o.c, c.type, static_cast<int64_t>(j * c.ld + i));
      // "Bias vector is broadcasted to all columns and added before applying final postprocessing."
      if ((e & kBias) != 0) value += Get(bias, d.type, static_cast<int64_t>(i));
      if (keep) Put(aux, d.type, at_aux, value);
      if (gelu) value = Gelu(value);
      if (dgelu) value *= GeluDerivative(Get(aux, d.type, at_aux));
      sums_of_d[i] += value;
      Put(o.d, d.type, static_cast<int64_t>(j * d.ld + i), value);
    }
  }
  if (keep) TouchMatrix(aux, d.type, m, n, desc.aux_ld, true);
  TouchMatrix(o.d, d.type, m, n, d.ld, true);
  const auto put_sums = [&](uint64_t count, const std::function<double(uint64_t)>& sum) {
    simt::Touch(bias, count * BytesOf(d.type), true);
    for (uint64_t i = 0; i < count; ++i) Put(bias, d.type, static_cast<int64_t>(i), sum(i));
  };
  const auto sum_of = [k](const std::vector<float>& from, uint64_t i) {
    double sum = 0;
    for (uint64_t l = 0; l < k; ++l) sum += from[i * k + l];
    return sum;
  };
  // "The bias size corresponds to the number of rows [BGRADB: columns] of the matrix D. The
  // reduction happens over the GEMM's "k" dimension." (Lt)
  if ((e & kBGrad) != 0) put_sums(m, [&](uint64_t i) { return sums_of_d[i]; });
  if ((e & kBGradA) != 0) put_sums(m, [&](uint64_t i) { return sum_of(rows, i); });
  if ((e & kBGradB) != 0) put_sums(n, [&](uint64_t j) { return sum_of(cols, j); });
}

}  // namespace

void Multiply(const MatmulDesc& desc, const MatrixLayout& a, const MatrixLayout& b,
              const MatrixLayout& c, const MatrixLayout& d, const Operands& o) {
  for (int32_t i = 0; i < d.batch; ++i) {
    const auto at = [i](const void* p, const MatrixLayout& l) {
      return static_cast<const void*>(At(p, l.type, i * l.batch_stride));
    };
    const auto extra = [&](void* p, int64_t stride) {
      return p == nullptr ? nullptr : const_cast<char*>(At(p, d.type, i * stride));
    };
    MultiplyOne(desc, a, b, c, d,
                {at(o.a, a), at(o.b, b), o.beta != 0 ? at(o.c, c) : nullptr,
                 const_cast<void*>(at(o.d, d)), o.alpha, o.beta, o.parts},
                extra(desc.bias, desc.bias_batch_stride), extra(desc.aux, desc.aux_batch_stride));
  }
}

}  // namespace fake_cuda
