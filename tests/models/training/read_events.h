// Event files read back by other code than wrote them.
#ifndef TESTS_MODELS_TRAINING_READ_EVENTS_H_
#define TESTS_MODELS_TRAINING_READ_EVENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "models/training/event.pb.h"

namespace models {

// CRC-32C bit by bit, from its definition.
uint32_t BitwiseCrc32c(absl::string_view bytes);

struct EventsRead {
  std::vector<droppos_events::Event> events;
  std::string error;      // empty: every record's checksums are right, and every one is an Event
  size_t tail_bytes = 0;  // behind the last whole record
};

EventsRead ReadEvents(absl::string_view file);

}  // namespace models

#endif  // TESTS_MODELS_TRAINING_READ_EVENTS_H_
