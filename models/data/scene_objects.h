// Colours the objects that stand in a scene, point by point.
#ifndef MODELS_DATA_SCENE_OBJECTS_H_
#define MODELS_DATA_SCENE_OBJECTS_H_

#include "models/data/scene.h"

namespace models {

// A point of an object: s from -1 (left edge) to 1, t from 0 (foot) to 1 (top).
struct ObjectPoint {
  float s, t;
  float pixel_s, pixel_t;  // size of a pixel in s and t
};

// Light on objects: the brightness of a surface that faces left (-1) to right (1) is base + side *
// slope; a surface that faces up gets up to `top` more.
struct ObjectLight {
  Color base;
  Color slope;
  Color top;
  bool night;
};

// The colour and coverage (0 to 1) of `object` at a point.
struct ObjectSample {
  Color color;
  float cover;
};
ObjectSample ShadeObject(const SceneObject& object, const ObjectLight& light, ObjectPoint point);

}  // namespace models

#endif  // MODELS_DATA_SCENE_OBJECTS_H_
