// What GCC's -fsanitize=thread, =alignment and =bounds call; nothing of libtsan or libubsan is
// linked. The files that they instrument are kernels; what those do outside a launch passes.
#include <cstdint>
#include <string>

#include "tests/simt/shadow.h"

#define PC __builtin_return_address(0)

namespace {

inline void Access(const void* p, size_t bytes, bool write, const void* pc) {
  if (!simt::in_kernel) return;
  const char* const address = static_cast<const char*>(p);
  if (address >= simt::actor->stack_low && address < simt::actor->stack_high) return;  // its own
  simt::OnAccess(p, bytes, write, pc);
}

}  // namespace

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_read1(void* p) { Access(p, 1, false, PC); }
void __tsan_read2(void* p) { Access(p, 2, false, PC); }
void __tsan_read4(void* p) { Access(p, 4, false, PC); }
void __tsan_read8(void* p) { Access(p, 8, false, PC); }
void __tsan_read16(void* p) { Access(p, 16, false, PC); }
void __tsan_write1(void* p) { Access(p, 1, true, PC); }
void __tsan_write2(void* p) { Access(p, 2, true, PC); }
void __tsan_write4(void* p) { Access(p, 4, true, PC); }
void __tsan_write8(void* p) { Access(p, 8, true, PC); }
void __tsan_write16(void* p) { Access(p, 16, true, PC); }
void __tsan_read_range(void* p, size_t bytes) { Access(p, bytes, false, PC); }
void __tsan_write_range(void* p, size_t bytes) { Access(p, bytes, true, PC); }
void __tsan_vptr_update(void**, void*) {}
// Of host code in files with kernels: reference counts, guards of statics.
#define ATOMICS(BITS)                                                                              \
  using a##BITS = int##BITS##_t;                                                                   \
  a##BITS __tsan_atomic##BITS##_load(const volatile a##BITS* p, int) {                             \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                   \
  }                                                                                                \
  void __tsan_atomic##BITS##_store(volatile a##BITS* p, a##BITS v, int) {                          \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                \
  a##BITS __tsan_atomic##BITS##_exchange(volatile a##BITS* p, a##BITS v, int) {                    \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                            \
  }                                                                                                \
  a##BITS __tsan_atomic##BITS##_fetch_add(volatile a##BITS* p, a##BITS v, int) {                   \
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                             \
  }                                                                                                \
  a##BITS __tsan_atomic##BITS##_fetch_sub(volatile a##BITS* p, a##BITS v, int) {                   \
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                             \
  }                                                                                                \
  int __tsan_atomic##BITS##_compare_exchange_strong(volatile a##BITS* p, a##BITS* e, a##BITS v,    \
                                                    int, int) {                                    \
    return __atomic_compare_exchange_n(p, e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);        \
  }                                                                                                \
  int __tsan_atomic##BITS##_compare_exchange_weak(volatile a##BITS* p, a##BITS* e, a##BITS v, int, \
                                                  int) {                                           \
    return __atomic_compare_exchange_n(p, e, v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);         \
  }
ATOMICS(8)
ATOMICS(32)
ATOMICS(64)
#undef ATOMICS

// A pointer that is null, or less aligned than its type, or too near an object's end.
struct TypeMismatch {
  const char* file;
  uint32_t line, column;
  void* type;
  uint8_t log_alignment;
  uint8_t kind;
};
void __ubsan_handle_type_mismatch_v1(TypeMismatch* data, uintptr_t p) {
  if (!simt::in_kernel) return;
  simt::Fail(simt::Finding::kMisaligned,
             "an address " + std::to_string(p % (uintptr_t{1} << data->log_alignment)) +
                 " bytes behind a multiple of " +
                 std::to_string(uintptr_t{1} << data->log_alignment),
             simt::Site{data->file, static_cast<int>(data->line)});
}
void __ubsan_handle_type_mismatch_v1_abort(TypeMismatch* data, uintptr_t p) {
  __ubsan_handle_type_mismatch_v1(data, p);
}
struct OutOfBounds {
  const char* file;
  uint32_t line, column;
};
void __ubsan_handle_out_of_bounds(OutOfBounds* data, uintptr_t index) {
  if (!simt::in_kernel) return;
  simt::Fail(
      simt::Finding::kOutOfBounds,
      "index " + std::to_string(static_cast<intptr_t>(index)) + " of an array that ends before",
      simt::Site{data->file, static_cast<int>(data->line)});
}
void __ubsan_handle_out_of_bounds_abort(OutOfBounds* data, uintptr_t index) {
  __ubsan_handle_out_of_bounds(data, index);
}

}  // extern "C"
