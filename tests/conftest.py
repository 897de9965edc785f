"""Settings that must stand before anything is imported."""

import os

# Lets scikit-learn's checks hand in arrays under array_api_dispatch instead of skipping.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# Test workers share the cores: threads of BLAS on top of them wait for one another. Tests of them ask for more.
if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
