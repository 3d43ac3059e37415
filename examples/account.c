/*
 * The privacy of a run of DP-SGD, from C: a bracket of epsilon, and the noise for a smaller one.
 *
 *   account_c
 *
 * Built by a C compiler against sotto_privacy.h alone; link libsotto_privacy.so (CMake: sotto::privacy_c).
 */
#include <sotto/privacy/sotto_privacy.h>
#include <stdio.h>

static int fail(const char* what, int status) {
  fprintf(stderr, "%s: %s\n", what, sotto_privacy_last_error());
  return status;
}

int main(void) {
  const double delta = 1e-5;
  double lower, upper, noise_multiplier, reached;
  int status;

  /* Everything that is not named is 0, "not set"; what is needed and not set is refused. */
  sotto_privacy_run run = {0};
  run.size = sizeof run;
  run.adjacency = SOTTO_ADD_REMOVE;
  run.sampler = SOTTO_POISSON;
  run.sampling_rate = 0.01;
  run.noise_multiplier = 1;
  run.steps = 1000;

  status = sotto_privacy_epsilon(&run, delta, &lower, &upper);
  if (status != SOTTO_OK) return fail("epsilon", status);
  /* The guarantee is the upper end: never round it down. */
  printf("epsilon at delta %g lies in [%.17g, %.17g]\n", delta, lower, upper);

  run.noise_multiplier = 0; /* it is what is asked for */
  status = sotto_privacy_noise_multiplier(&run, 1, delta, &noise_multiplier, &reached);
  if (status != SOTTO_OK) return fail("noise", status);
  printf("noise multiplier %.17g reaches epsilon %.17g\n", noise_multiplier, reached);

  run.adjacency = 0;
  status = sotto_privacy_epsilon(&run, delta, &lower, &upper);
  printf("without adjacency: status %d, %s\n", status, sotto_privacy_last_error());
  return 0;
}
