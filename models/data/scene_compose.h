// Composes the scenes of the embedded data set.
#ifndef MODELS_DATA_SCENE_COMPOSE_H_
#define MODELS_DATA_SCENE_COMPOSE_H_

#include <cstdint>

#include "models/data/scene.h"

namespace models {

// A scene of the class, a pure function of the key. Thread-safe.
Scene ComposeScene(SceneClass scene_class, uint64_t key);

// "city", "forest", ...
const char* SceneClassName(SceneClass scene_class);

}  // namespace models

#endif  // MODELS_DATA_SCENE_COMPOSE_H_
