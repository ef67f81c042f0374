// The DropPos models of the zoo, with the published recipes.
#ifndef MODELS_DROPPOS_ZOO_ENTRIES_H_
#define MODELS_DROPPOS_ZOO_ENTRIES_H_

#include "models/zoo/zoo.h"

namespace models {

// DropPos: droppos_tiny for the embedded data set; droppos_{vits,vitb,vitb_p32,vitl,vith}
// and the _d8 twins, whose aliases are the official names
// (DropPos_mae_vit_base_patch16_dec512d2b, ...). The MAE baseline:
// mae_{vits,vitb,vitl,vith}, aliases mae_vit_base_patch16_dec512d8b, ...
void RegisterDropPosModels(Zoo* zoo);

}  // namespace models

#endif  // MODELS_DROPPOS_ZOO_ENTRIES_H_
