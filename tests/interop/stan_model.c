/* What BridgeStan 2 makes of a Stan program, written by hand: mu ~ normal(0, 1), beta ~ normal(0, 1) of two numbers,
   sigma ~ exponential(1) known by its logarithm; draws with mu beyond 5 are rejected. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double LOG_TWO_PI = 1.8378770664093453;

int bs_major_version = MAJOR, bs_minor_version = MINOR, bs_patch_version = PATCH;

void *bs_model_construct(const char *data, unsigned seed, char **error) { return malloc(1); }
void bs_model_destruct(void *model) { free(model); }
void bs_free_error_msg(char *error) { free(error); }
void bs_set_print_callback(void *callback, char **error) {}
const char *bs_name(void *model) { return "by_hand_model"; }
const char *bs_model_info(void *model) { return "Stan C++ Defines:\n\tSTAN_THREADS=true\n"; }
int bs_param_num(void *model, bool transformed, bool generated) { return 4; }
int bs_param_unc_num(void *model) { return 4; }
const char *bs_param_names(void *model, bool transformed, bool generated) { return "mu,sigma,beta.1,beta.2"; }
const char *bs_param_unc_names(void *model) { return "mu,sigma,beta.1,beta.2"; }

int bs_log_density_gradient(void *model, bool propto, bool jacobian, const double *theta, double *value,
                            double *gradient, char **error) {
  if (theta[0] > 5.0) {
    *error = strdup("Exception: normal_lpdf: rejected");
    return -1;
  }
  double sigma = exp(theta[1]);
  *value = -0.5 * (theta[0] * theta[0] + theta[2] * theta[2] + theta[3] * theta[3]) - sigma;
  *value += (jacobian ? theta[1] : 0.0) - (propto ? 0.0 : 1.5 * LOG_TWO_PI);
  if (gradient) {
    gradient[0] = -theta[0];
    gradient[1] = (jacobian ? 1.0 : 0.0) - sigma;
    gradient[2] = -theta[2];
    gradient[3] = -theta[3];
  }
  return 0;
}

int bs_log_density(void *model, bool propto, bool jacobian, const double *theta, double *value, char **error) {
  return bs_log_density_gradient(model, propto, jacobian, theta, value, NULL, error);
}

/* Loaded by the Python class, never called. */
#define NEVER(name) int name(void) { return -1; }
NEVER(bs_param_constrain)
NEVER(bs_param_unconstrain)
NEVER(bs_param_unconstrain_json)
NEVER(bs_param_initialize)
NEVER(bs_log_density_hessian)
NEVER(bs_log_density_hessian_vector_product)
