/*
 * The accountant for other languages: what is called from C, or from anything that can call C.
 *
 * #include <sotto/privacy/sotto_privacy.h>, link libsotto_privacy.so (CMake: sotto::privacy_c). C99, no other header of
 * sotto, no LibTorch.
 *
 * Every function but sotto_privacy_version and sotto_privacy_last_error returns a status: 0, or one of the codes below,
 * and then nothing was written through any pointer and sotto_privacy_last_error() tells what was wrong. No C++
 * exception leaves a function. All are safe to call from several threads at a time. The caller's floating-point
 * environment (rounding direction, flushing of denormals, traps) is put aside during a call and restored.
 *
 * Epsilon and delta come as brackets, floating point included. The upper end bounds the loss of the described releases:
 * it is the guarantee to quote, rounded up where digits are dropped. The lower end bounds that of the worst pair of
 * distributions, which releases of truncated batches, of shuffles, to groups and without replacement need not attain.
 * Infinity is an answer: there is no finite epsilon. No result is NaN or negative. Epsilon is in nats.
 */
#ifndef SOTTO_PRIVACY_SOTTO_PRIVACY_H
#define SOTTO_PRIVACY_SOTTO_PRIVACY_H

/* NOLINTBEGIN(modernize-deprecated-headers,readability-identifier-naming): the names and headers of C */
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SOTTO_API __attribute__((visibility("default")))
#else
#define SOTTO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Status; the exit codes of the sotto program. */
enum {
  SOTTO_OK = 0,
  SOTTO_USAGE = 64,   /* a value out of its range, a null pointer, a request that cannot be certified or met */
  SOTTO_INTERNAL = 70 /* a fault of sotto, or memory has run out */
};

/* Which data sets are neighbours. There is no default: epsilon without it means nothing. */
enum {
  SOTTO_ADD_REMOVE = 1, /* one record more or less; the number of records is secret */
  SOTTO_ZERO_OUT = 2,   /* one record becomes a null record; the number of records is public */
  SOTTO_REPLACE_ONE = 3 /* one record is replaced by another; the number of records is public */
};

/* How batches are drawn, and the fields of sotto_privacy_run that say so. The other fields of this list must be 0. */
enum {
  SOTTO_POISSON = 1,             /* sampling_rate, steps */
  SOTTO_WITHOUT_REPLACEMENT = 2, /* dataset_size, batch, steps; replace-one only */
  SOTTO_TRUNCATED_POISSON = 3,   /* sampling_rate, dataset_size, cap, steps; add-remove and zero-out */
  SOTTO_SHUFFLE = 4,             /* epochs: every record once in each, no amplification; not under add-remove */
  SOTTO_FULL_BATCH = 5           /* steps */
};

/* Who computes. */
enum {
  SOTTO_CERTIFIED = 0, /* the common part of all engines' brackets; disagreement is an error */
  SOTTO_PLD = 1,       /* privacy loss distributions */
  SOTTO_CONTOUR = 2,   /* contour integral of the loss's moments */
  SOTTO_GAUSSIAN = 3,  /* exact, without sampling only */
  SOTTO_RDP = 4        /* Renyi; the lower end is 0 */
};

/*
 * A run of DP-SGD. Start from zeroes (`sotto_privacy_run run = {sizeof run};`): 0 means "not set" in every field, and
 * what is needed and not set is refused, so that forgetting a field is an error and never an answer.
 *
 * The struct grows at its end. `size` tells the library which fields the caller knows; those that it does not are not
 * set. A caller newer than the library is refused when it has set a field that the library does not know.
 */
typedef struct sotto_privacy_run {
  size_t size;             /* sizeof(sotto_privacy_run) */
  int32_t adjacency;       /* SOTTO_ADD_REMOVE, ...; mandatory */
  int32_t sampler;         /* SOTTO_POISSON, ...; mandatory */
  int32_t method;          /* SOTTO_CERTIFIED, ... */
  int32_t group;           /* records that are protected together, 1 .. 1000; 0 means 1 */
  double noise_multiplier; /* standard deviation of the noise over the clip norm; finite, above 0 */
  double sampling_rate;    /* probability of a record to enter a batch; above 0, at most 1 */
  int64_t steps;           /* releases, 1 .. 2^53 */
  int64_t dataset_size;    /* declared number of records, 1 .. 2^53 */
  int64_t batch;           /* records in a batch, 1 .. dataset_size */
  int64_t cap;             /* largest batch, 1 or more */
  int64_t epochs;          /* passes over the data, 1 .. 2^53 */
  double width;            /* wanted width of brackets, absolute, and relative to the upper end where that is below 1;
                              above 0; 0 means 1e-3. An engine that cannot reach it returns the bracket that it has. */
} sotto_privacy_run;

/* "0.1.0": of the library that is loaded. Never null. */
SOTTO_API const char* sotto_privacy_version(void);

/*
 * What was wrong with the last call of this thread: "[function] what: value got; what is allowed", at most 1023 bytes.
 * Empty after success. Valid until the thread's next call into the library. Never null.
 */
SOTTO_API const char* sotto_privacy_last_error(void);

/* Bracket of the least epsilon at `delta`, 0 <= delta < 1; delta = 0 gives infinity unless all releases are pure. */
SOTTO_API int sotto_privacy_epsilon(const sotto_privacy_run* run, double delta, double* lower, double* upper);

/* Bracket of the least delta at `epsilon`, finite and 0 or more; the bracket lies in [0, 1]. */
SOTTO_API int sotto_privacy_delta(const sotto_privacy_run* run, double epsilon, double* lower, double* upper);

/*
 * The same for releases described as JSON, the format of `sotto account --events` (privacy/event_json.h). `json` is a
 * text that ends with a zero byte; it names adjacency and unit. `method` is SOTTO_CERTIFIED, ...; `width` as in
 * sotto_privacy_run.
 */
SOTTO_API int sotto_privacy_epsilon_of_events(const char* json, int32_t method, double width, double delta,
                                              double* lower, double* upper);
SOTTO_API int sotto_privacy_delta_of_events(const char* json, int32_t method, double width, double epsilon,
                                            double* lower, double* upper);

/*
 * Calibration, to a budget with 1e-12 <= epsilon < infinity and 0 < delta < 1. The field that is asked for must be 0 in
 * `run`. `reached` receives the upper end of epsilon at the value returned, computed by the same method; it never
 * exceeds `epsilon`. A budget that cannot be met is SOTTO_USAGE, with the reason.
 */

/* Smallest noise multiplier. */
SOTTO_API int sotto_privacy_noise_multiplier(const sotto_privacy_run* run, double epsilon, double delta,
                                             double* noise_multiplier, double* reached);
/* Largest sampling rate, at most 1, of a sampler that has one. */
SOTTO_API int sotto_privacy_sampling_rate(const sotto_privacy_run* run, double epsilon, double delta,
                                          double* sampling_rate, double* reached);
/* Largest number of steps; of epochs for SOTTO_SHUFFLE. */
SOTTO_API int sotto_privacy_steps(const sotto_privacy_run* run, double epsilon, double delta, int64_t* steps,
                                  double* reached);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(modernize-deprecated-headers,readability-identifier-naming) */
#endif
