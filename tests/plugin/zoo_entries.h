// The model of the test plugin.
#ifndef TESTS_PLUGIN_ZOO_ENTRIES_H_
#define TESTS_PLUGIN_ZOO_ENTRIES_H_

#include "models/zoo/zoo.h"

namespace plugin {

// tanh_mlp: takes the image as one vector; has a hidden layer with Tanh and class scores.
void RegisterModels(models::Zoo* zoo);

}  // namespace plugin

#endif  // TESTS_PLUGIN_ZOO_ENTRIES_H_
