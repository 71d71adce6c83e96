"""How fast is the L1 path beside scikit-learn's, at a duality gap at least as small? 256 targets of 256 predictors.

    uv run python -m tests.benchmarks.lasso [--repeats 3] [--json FILE]

The units are two sets of rectified random features of the same sources, mixed and rectified again, with 20,000 samples;
the penalties lie 3.8 times apart from 10^-4 to 10^-0.5, from 1 to 254 predictors a prediction. scikit-learn fits all
targets with `Lasso(penalty, precompute=gram, fit_intercept=False, copy_X=False)`, target by target as it does inside:
with its default tolerance and from zero at every penalty; with its own `warm_start` from the largest penalty down; and
both with ours, 1e-6. Its loop alone, without the checks and copies around it, is a lower bound of what a caller could
reach. Gaps of all are computed the same way, on targets of unit variance. One thread, turns alternate, and the medians
of processor time count: another process of the machine changes them less than it does the clock.
"""

import argparse
import json
import platform
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
from sklearn.linear_model import Lasso, lars_path_gram  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits

from analysis.similarity.lasso import duality_gap, lasso_path
