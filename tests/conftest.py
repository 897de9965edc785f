"""Settings that must stand before anything is imported."""

import os

# Lets scikit-learn's checks hand in arrays under array_api_dispatch instead of skipping.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
