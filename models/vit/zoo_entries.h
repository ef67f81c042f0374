// The plain ViT classifiers of the zoo.
#ifndef MODELS_VIT_ZOO_ENTRIES_H_
#define MODELS_VIT_ZOO_ENTRIES_H_

#include "models/zoo/zoo.h"

namespace models {

// The classifiers: vits, vitb, vitl and vith with the recipe of the official fine-tuning, and
// vit_tiny for the embedded data set's ten classes.
void RegisterVitModels(Zoo* zoo);

}  // namespace models

#endif  // MODELS_VIT_ZOO_ENTRIES_H_
