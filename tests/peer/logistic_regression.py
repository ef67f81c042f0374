#!/usr/bin/env python3
"""How well a linear classifier reads classes from an encoder's features.

    bazel run //tools:extract_features -- --checkpoint=C --split=train --precision=fp32 \\
        --out=train.safetensors
    bazel run //tools:extract_features -- --checkpoint=C --split=heldout --precision=fp32 \\
        --out=heldout.safetensors
    tests/peer/logistic_regression.py train.safetensors heldout.safetensors

Logistic regression on class token and mean of the patches together, the features as they are and
scikit-learn's defaults, but for 200 iterations. Needs tools/setup.sh --peers.
"""

import sys
import warnings

import numpy as np
from safetensors.numpy import load_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression


def read(path):
    tensors = load_file(path)
    return np.concatenate([tensors["cls"], tensors["patch_mean"]], 1), tensors["labels"]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    (x, y), (held_x, held_y) = read(sys.argv[1]), read(sys.argv[2])
    warnings.simplefilter("ignore", ConvergenceWarning)
    accuracy = LogisticRegression(max_iter=200).fit(x, y).score(held_x, held_y)
    print(f"{len(x)} training and {len(held_x)} held-out images, {x.shape[1]} features: "
          f"held-out accuracy {100 * accuracy:.1f}%")


if __name__ == "__main__":
    main()
