// CRC-32C (Castagnoli's polynomial), as in iSCSI, TFRecord and others.
#ifndef MODELS_TRAINING_CRC32C_H_
#define MODELS_TRAINING_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace models {

// 0xe3069283 for "123456789". With `crc`, the sum of earlier bytes followed by these. Thread-safe;
// uses the CPU's own instruction if it has one.
uint32_t Crc32c(absl::string_view bytes, uint32_t crc = 0);

// As TFRecord stores it: rotated and offset, so that bytes that contain their own checksum do not
// have a constant checksum.
uint32_t MaskedCrc32c(absl::string_view bytes);

}  // namespace models

#endif  // MODELS_TRAINING_CRC32C_H_
