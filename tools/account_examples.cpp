#include <sotto/privacy/error.h>
#include <sotto/tools/account_examples.h>

namespace sotto::tools {
namespace {

constexpr std::string_view kEpsilon = R"(Example, Fashion-MNIST for 60 epochs:
  $ sotto account epsilon --dataset-size 60000 --batch 256 --noise-multiplier 1.1 --epochs 60 --delta 1e-5
  epsilon           2.38169 (lower end 2.38168)
  delta             1e-05
  noise multiplier  1.1
  steps             14063 (60 epochs are 14062.5, rounded up)
  sampling rate     0.004266666666666667
  sampler           poisson
  adjacency         add-remove
  unit              record
  method            certified (contour, pld, rdp)
  14063 steps of DP-SGD with Poisson sampling at rate 0.004266666666666667 and noise multiplier 1.1 satisfy (2.38169, 1e-05)-differential privacy when one record is added or removed (method certified (contour, pld, rdp), lower end of epsilon 2.38168), provided that, UNPROVEN because this command sees no data, every record enters every batch independently with this probability, each record's contribution is clipped, and normal noise of that multiple of the clip norm is added to the sum; not covered are tuning, early stopping, preprocessing and statistics on the same data, and attacks on the rounding of floating-point noise.
)";

constexpr std::string_view kDelta = R"(Example, the delta that goes with epsilon 3:
  $ sotto account delta --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --epsilon 3
  epsilon           3
  delta             9.23577e-10 (lower end 9.21243e-10)
  noise multiplier  1
  steps             1000
  sampling rate     0.01
  sampler           poisson
  adjacency         add-remove
  unit              record
  method            certified (pld, rdp)
  1000 steps of DP-SGD with Poisson sampling at rate 0.01 and noise multiplier 1 satisfy (3, 9.23577e-10)-differential privacy when one record is added or removed (method certified (pld, rdp), lower end of delta 9.21243e-10), provided that, UNPROVEN because this command sees no data, every record enters every batch independently with this probability, each record's contribution is clipped, and normal noise of that multiple of the clip norm is added to the sum; not covered are tuning, early stopping, preprocessing and statistics on the same data, and attacks on the rounding of floating-point noise.
)";

constexpr std::string_view kNoise = R"(Example, the noise that keeps 1000 steps within (1, 1e-5):
  $ sotto account noise --sampling-rate 0.01 --steps 1000 --epsilon 1 --delta 1e-5
  epsilon           0.999899 (lower end 0.999584)
  delta             1e-05
  noise multiplier  1.41491
  steps             1000
  sampling rate     0.01
  sampler           poisson
  adjacency         add-remove
  unit              record
  method            certified (pld, rdp)
  1000 steps of DP-SGD with Poisson sampling at rate 0.01 and noise multiplier 1.41491 satisfy (0.999899, 1e-05)-differential privacy when one record is added or removed (method certified (pld, rdp), lower end of epsilon 0.999584), provided that, UNPROVEN because this command sees no data, every record enters every batch independently with this probability, each record's contribution is clipped, and normal noise of that multiple of the clip norm is added to the sum; not covered are tuning, early stopping, preprocessing and statistics on the same data, and attacks on the rounding of floating-point noise.
)";

constexpr std::string_view kSteps = R"(Example, how long to train with noise multiplier 3 within (2, 1e-6):
  $ sotto account steps --sampling-rate 0.1 --noise-multiplier 3 --epsilon 2 --delta 1e-6
  epsilon           1.99645 (lower end 1.99616)
  delta             1e-06
  noise multiplier  3
  steps             155
  sampling rate     0.1
  sampler           poisson
  adjacency         add-remove
  unit              record
  method            certified (pld, rdp)
  155 steps of DP-SGD with Poisson sampling at rate 0.1 and noise multiplier 3 satisfy (1.99645, 1e-06)-differential privacy when one record is added or removed (method certified (pld, rdp), lower end of epsilon 1.99616), provided that, UNPROVEN because this command sees no data, every record enters every batch independently with this probability, each record's contribution is clipped, and normal noise of that multiple of the clip norm is added to the sum; not covered are tuning, early stopping, preprocessing and statistics on the same data, and attacks on the rounding of floating-point noise.
)";

constexpr std::string_view kRate =
    R"(Example, the sampling rate that 1000 steps with noise multiplier 3 allow within (2, 1e-6):
  $ sotto account rate --noise-multiplier 3 --steps 1000 --epsilon 2 --delta 1e-6
  epsilon           2 (lower end 1.99999)
  delta             1e-06
  noise multiplier  3
  steps             1000
  sampling rate     0.0405262
  sampler           poisson
  adjacency         add-remove
  unit              record
  method            certified (contour, pld, rdp)
  1000 steps of DP-SGD with Poisson sampling at rate 0.0405262 and noise multiplier 3 satisfy (2, 1e-06)-differential privacy when one record is added or removed (method certified (contour, pld, rdp), lower end of epsilon 1.99999), provided that, UNPROVEN because this command sees no data, every record enters every batch independently with this probability, each record's contribution is clipped, and normal noise of that multiple of the clip norm is added to the sum; not covered are tuning, early stopping, preprocessing and statistics on the same data, and attacks on the rounding of floating-point noise.
)";

constexpr std::string_view kRdp = R"(Example, four Renyi orders of 50 steps:
  $ sotto account rdp --sampling-rate 0.01 --noise-multiplier 2.5 --steps 50 --order 1.5,2.5,5,50
  order           rdp remove      rdp add
  1.5             0.000650071     0.000647729
  2.5             0.00108542      0.00107762
  5               0.00218076      0.00214562
  50              0.0238461       0.0199066
  adjacency       add-remove
  50 steps of DP-SGD with Poisson sampling at rate 0.01 and noise multiplier 2.5, when one record is added or removed: Renyi divergences in nats, exact to a relative 1e-11; UNPROVEN because this command sees no data: the sampler and the clipping.
)";

constexpr std::string_view kCompose = R"(Example, 500 steps, and 500 more with larger batches and more noise:
  $ sotto account compose --phase 0.01,1,500 --phase 0.02,1.5,500 --delta 1e-5
  epsilon           1.89771 (lower end 1.89734)
  delta             1e-05
  sampler           as listed
  adjacency         add-remove
  unit              record
  method            certified (pld, rdp)
  DP-SGD with Poisson sampling, 500 steps at rate 0.01 with noise multiplier 1, then 500 steps at rate 0.02 with noise multiplier 1.5, satisfy (1.89771, 1e-05)-differential privacy when one record is added or removed (method certified (pld, rdp), lower end of epsilon 1.89734), provided that, UNPROVEN because this command sees no data, the releases are made exactly as listed, with each record's contribution bounded before the noise; not covered are tuning, early stopping, preprocessing and statistics on the same data, and attacks on the rounding of floating-point noise.

A file for --events lists releases of any kind; adjacency and unit are in it:
  {"sotto_events":1,"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"composed","events":[
    {"type":"self_composed","count":500,"event":
      {"type":"poisson_sampled","sampling_rate":0.01,"mechanism":{"type":"gaussian","noise_multiplier":1}}},
    {"type":"laplace","noise_multiplier":20}]}}
)";

constexpr std::string_view kCompare = R"(Example (milliseconds are of one machine):
  $ sotto account compare --dataset-size 60000 --batch 256 --noise-multiplier 1.1 --epochs 60 --delta 1e-5 --estimate
  14063 steps of DP-SGD with Poisson sampling at rate 0.004266666666666667 and noise multiplier 1.1 at delta 1e-05, when one record is added or removed; UNPROVEN because this command sees no data: sampler and clipping
  method                          epsilon lower       epsilon upper       width           ms  what it is
  pld                             2.38152             2.38196             0.00043      16.97  certified from both sides
  contour                         2.38168             2.38169             1.4e-09      24.39  certified from both sides
  gaussian                        -                   -                   -             0.00  unsupported: not all releases are Gaussian and without sampling
  rdp (upper bound)               0                   2.59665             2.6           0.04  upper bound only
  certified (contour, pld, rdp)   2.38168             2.38169             1.4e-09      28.93  common part of the brackets
  clt (ESTIMATE)                  2.32436             2.32437             0             0.01  ESTIMATE, not a bound: it may be below the truth
)";

constexpr std::string_view kCurve = R"(Example, down to delta 1e-9:
  $ sotto account curve --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --delta 1e-9 --points 20 --output curve.csv --picture curve.svg
  curve.csv written
  curve.svg written
  20 points up to epsilon 2.98959 (delta 1e-09), method certified (contour)
  1000 steps of DP-SGD with Poisson sampling at rate 0.01 and noise multiplier 1 when one record is added or removed; UNPROVEN: sampler and clipping, which this command cannot see
)";

}  // namespace

std::string_view account_example(std::string_view question) {
  if (question == "epsilon") return kEpsilon;
  if (question == "delta") return kDelta;
  if (question == "noise") return kNoise;
  if (question == "steps") return kSteps;
  if (question == "rate") return kRate;
  if (question == "rdp") return kRdp;
  if (question == "compose") return kCompose;
  if (question == "compare") return kCompare;
  if (question == "curve") return kCurve;
  throw InternalError("[account_example] no such question");
}

}  // namespace sotto::tools
