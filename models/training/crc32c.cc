#include "models/training/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace models {

uint32_t Crc32c(absl::string_view bytes, uint32_t crc) {
  // The library takes the number of bytes as an int, and only reads them.
  constexpr size_t kMost = 1u << 30;
  crc = ~crc;
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kMost);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
    crc = ::crc32_iscsi(data, static_cast<int>(n), crc);
    bytes.remove_prefix(n);
  }
  return ~crc;
}

uint32_t MaskedCrc32c(absl::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

}  // namespace models
