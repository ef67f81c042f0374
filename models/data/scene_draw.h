// Draws the scenes of the embedded data set.
#ifndef MODELS_DATA_SCENE_DRAW_H_
#define MODELS_DATA_SCENE_DRAW_H_

#include "models/data/image.h"
#include "models/data/scene.h"

namespace models {

// The scene at width x height pixels, both at least 1. Deterministic, thread-safe.
Image DrawScene(const Scene& scene, int width, int height);

}  // namespace models

#endif  // MODELS_DATA_SCENE_DRAW_H_
