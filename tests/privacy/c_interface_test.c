/* The C interface as a C compiler sees it, with what a C++ compiler would forgive switched off. Exit status 0: all
 * holds. */
#include <sotto/privacy/sotto_privacy.h>
#include <sotto/privacy/sotto_privacy.h> /* the include guard */
#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int holds, const char* claim) {
  if (holds) return;
  ++failures;
  printf("does not hold: %s (last error: '%s')\n", claim, sotto_privacy_last_error());
}

int main(void) {
  double lower = -1, upper = -1, noise = -1, reached = -1;
  int64_t steps = -1;
  sotto_privacy_run run = {0};

  expect(strchr(sotto_privacy_version(), '.') != NULL, "the version has a dot");
  expect(strcmp(sotto_privacy_last_error(), "") == 0, "no error before the first call");

  expect(sotto_privacy_epsilon(&run, 1e-5, &lower, &upper) == SOTTO_USAGE, "a struct of zeroes is refused");
  expect(strstr(sotto_privacy_last_error(), "sizeof") != NULL, "the sentence says how to mend it");
  expect(lower == -1 && upper == -1, "nothing is written on an error");

  run.size = sizeof run;
  run.adjacency = SOTTO_ADD_REMOVE;
  run.sampler = SOTTO_POISSON;
  run.sampling_rate = 0.01;
  run.noise_multiplier = 1;
  run.steps = 1000;
  expect(sotto_privacy_epsilon(&run, 1e-5, &lower, &upper) == SOTTO_OK, "a run is accounted");
  /* tests/golden/golden_composed.csv, row "q.01 s1 T1e3" */
  expect(lower <= 1.8282366665165768 && 1.8282366665165768 <= upper && upper - lower <= 1e-3, "the bracket is right");
  expect(sotto_privacy_delta(&run, 1.8282366665165768, &lower, &upper) == SOTTO_OK, "delta is accounted");
  expect(lower <= 1e-5 * (1 + 1e-9) && 1e-5 * (1 - 1e-9) <= upper && upper <= 1.1e-5, "delta is right");

  run.noise_multiplier = 0;
  run.method = SOTTO_RDP;
  expect(sotto_privacy_noise_multiplier(&run, 1, 1e-5, &noise, &reached) == SOTTO_OK, "noise is found");
  expect(noise > 1.41463 && noise < 1.52 && reached <= 1, "noise is right"); /* 1.41463 is exact */
  run.noise_multiplier = noise;
  run.steps = 0;
  expect(sotto_privacy_steps(&run, 1, 1e-5, &steps, &reached) == SOTTO_OK, "steps are found");
  expect(steps == 1000 && reached <= 1, "noise and steps are inverse");
  return failures != 0;
}
