"""The DropPos operators, as //ops:ops.bzl lists the core's."""

OPS = {
    "embedding_drop": "EmbeddingDrop",
    "mask_sample": "MaskSample",
    "pixel_loss": "PixelLoss",
    "position_weights": "PositionWeights",
    "random_order": "RandomOrder",
    "restore_rows": "RestoreRows",
    "smoothed_position_ce": "SmoothedPositionCE",
}
