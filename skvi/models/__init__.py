"""Statistical models without scikit-learn: families and kernels that together are one `ConjugateModel`."""
