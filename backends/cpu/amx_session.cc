#include "backends/cpu/amx_session.h"

#include <cstdint>

namespace backends::cpu {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kConfig;

}  // namespace

// Not the intrinsics: GCC 12 inlines them only into files built for AMX.
AmxSession::AmxSession() { __asm__ volatile("ldtilecfg %0" : : "m"(kConfig)); }
AmxSession::~AmxSession() { __asm__ volatile("tilerelease"); }

}  // namespace backends::cpu
