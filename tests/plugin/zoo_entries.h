// The model of the test plugin.
#ifndef TESTS_PLUGIN_ZOO_ENTRIES_H_
#define TESTS_PLUGIN_ZOO_ENTRIES_H_

#include "models/zoo/zoo.h"

namespace plugin {

// tanh_mlp: the image as one vector, a hidden layer with Tanh, class scores.
void RegisterModels(models::Zoo* zoo);

}  // namespace plugin

#endif  // TESTS_PLUGIN_ZOO_ENTRIES_H_
