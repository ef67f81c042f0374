#!/usr/bin/env python3
"""How well a linear classifier reads classes from an encoder's features.

    bazel run //tools:extract_features -- --checkpoint=C --split=train --out=train.safetensors
    bazel run //tools:extract_features -- --checkpoint=C --split=heldout --out=heldout.safetensors
    tests/peer/logistic_regression.py train.safetensors heldout.safetensors

Logistic regression on class token and mean of the patches together, each feature scaled to unit
variance; the strength of the regularisation is chosen on a fifth of the training images.
"""

import sys

import numpy as np
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def read(path):
    tensors = load_file(path)
    return np.concatenate([tensors["cls"], tensors["patch_mean"]], 1), tensors["labels"]


def fit(c, x, y):
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300)).fit(x, y)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    (x, y), (held_x, held_y) = read(sys.argv[1]), read(sys.argv[2])
    order = np.random.default_rng(0).permutation(len(x))
    choose, rest = order[: len(x) // 5], order[len(x) // 5:]
    scores = {c: fit(c, x[rest], y[rest]).score(x[choose], y[choose])
              for c in (0.001, 0.01, 0.1, 1.0)}
    best = max(scores, key=scores.get)
    accuracy = fit(best, x, y).score(held_x, held_y)
    print(f"{len(x)} training and {len(held_x)} held-out images, {x.shape[1]} features, C={best}: "
          f"held-out accuracy {100 * accuracy:.1f}%")


if __name__ == "__main__":
    main()
