// Event files read back by other code than wrote them.
#ifndef TESTS_MODELS_TRAINING_READ_EVENTS_H_
#define TESTS_MODELS_TRAINING_READ_EVENTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
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

// What TensorBoard shows of a folder: all files in the order of their names, where each mark of
// a start drops what came before of its step and later ones.
struct ShownEvents {
  // By tag, in the order of the files; a step that is there twice is shown twice.
  std::map<std::string, std::vector<std::pair<int64_t, float>>> scalars;
  std::map<std::string, std::vector<std::pair<int64_t, std::string>>> pictures;  // PNG files
  std::map<std::string, std::vector<std::pair<int64_t, std::string>>> texts;
  // The values of hparams' sessions, as the plugin takes them: the first of a tag, which no start
  // drops.
  std::map<std::string, droppos_events::HParamsPluginData> sessions;
  int files = 0;
  std::string error;  // of ReadEvents
};
ShownEvents ReadEventFolder(const std::string& folder);

}  // namespace models

#endif  // TESTS_MODELS_TRAINING_READ_EVENTS_H_
