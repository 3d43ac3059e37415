#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <fmt/format.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/neighbour_replay.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace sotto::optim {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr double kTolerance = 1e-3;      // of the sensitivity
constexpr double kFloatUnit = 0x1p-24;   // of the released numbers
constexpr int64_t kMostSeeds = 100'000;  // tried until one draws what a case needs
constexpr double kFactors[] = {1.0 / 30, 1.0 / 3, 3, 30};
constexpr double kLarge = 1e6;                        // times a made-up record
constexpr uint64_t kOtherRecord = uint64_t{1} << 40;  // seeds of the records that neighbours differ by

// What is drawn of `count` records with this seed.
std::set<int64_t> drawn_of(const AuditedTraining& training, int64_t count, uint64_t seed) {
  DrawnRecords drawn;
  AuditRun run(training, drawn.watch(made_up_records(training.options.inputs, count, seed)), seed);
  run.step();
  return drawn.take().indices;
}

struct Step {
  Tensors sums;
  DrawnRecords::Passes passes;
  at::Tensor generators;
  bool random = false;  // numbers were drawn from LibTorch's generators
  int64_t charged = 0;
};

Step one_step(const AuditedTraining& training, Records records, uint64_t seed) {
  const GeneratorState before;
  seed_generator(seed);
  const at::Tensor generators = generator_state();
  Step result;
  DrawnRecords drawn;
  AuditRun run(training, drawn.watch(std::move(records)), seed);
  result.sums = run.step();
  result.passes = drawn.take();
  result.generators = generator_state();
  result.random = !generators.equal(result.generators);
  result.charged = run.ledger().steps_charged();
  return result;
}

// What the first steps release, where it is read.
std::vector<Tensors> steps_of(const AuditedTraining& training, const Records& records, uint64_t seed, ReadFrom read) {
  const GeneratorState before;
  seed_generator(seed);
  AuditRun run(training, records, seed, read);
  std::vector<Tensors> result;
  for (int64_t step = 0; step < std::min<int64_t>(2, training.options.plan.steps()); ++step)
    result.push_back(run.step());
  return result;
}

double distance(const Tensors& a, const Tensors& b) {
  double squares = 0;
  for (size_t t = 0; t < a.size(); ++t) {
    const double norm = at::linalg_vector_norm(a[t] - b[t]).item<double>();
    squares += norm * norm;
  }
  return std::sqrt(squares);
}

// How far apart two releases of one sum may be by the rounding of what is released, in units of the sensitivity.
double rounding(const AuditedTraining& training) {
  double elements = 0;
  bool half = false;
  for (const NamedParameter& parameter : training.parameters) {
    elements += static_cast<double>(parameter.tensor.numel());
    half = half || parameter.tensor.scalar_type() == at::kHalf || parameter.tensor.scalar_type() == at::kBFloat16;
  }
  const double unit = half ? 0x1p-8 : kFloatUnit;
  return 8 * unit * (1 + training.options.plan.noise_multiplier()) * std::sqrt(elements);
}

// As made_up_records() of count + 1, of which the last is `last`.
Records with_last(const std::vector<InputSpec>& specs, int64_t count, uint64_t seed, Tensors last) {
  Records records = made_up_records(specs, count + 1, seed);
  records.fetch = [fetch = records.fetch, count, last = std::move(last)](const at::Tensor& indices) {
    Tensors inputs = fetch(indices);
    const at::NoGradGuard no_grad;
    for (int64_t i = 0; i < indices.numel(); ++i)
      if (indices.const_data_ptr<int64_t>()[i] == count)
        for (size_t input = 0; input < inputs.size(); ++input) inputs[input].narrow(0, i, 1).copy_(last[input]);
    return inputs;
  };
  return records;
}

bool has_floats(const std::vector<InputSpec>& specs) {
  return std::ranges::any_of(specs, [](const InputSpec& spec) { return c10::isFloatingType(spec.dtype); });
}

Tensors times(Tensors record, double factor) {
  for (at::Tensor& input : record)
    if (c10::isFloatingType(input.scalar_type())) input = input * factor;
  return record;
}

class Replay {
 public:
  Replay(const AuditedTraining& training, uint64_t seed)
      : training_(training),
        small_(of_one_number(training)),
        specs_(training.options.inputs),
        seed_(seed),
        tolerance_(kTolerance + rounding(training)),
        count_(static_cast<int64_t>(std::ceil(kReplayedBatch / training.options.plan.sampling_rate()))) {
    if (specs_.empty()) throw UsageError("[replay_neighbours] options.inputs: empty; the inputs must be declared");
  }

  std::vector<AuditFinding> run() {
    const Tensors other = made_up_inputs(specs_, 1, seed_ + kOtherRecord);
    const bool some_are_not_drawn = training_.options.plan.sampling_rate() < 1;
    if (some_are_not_drawn) {
      undrawn("one record more, which is not drawn", count_);
      undrawn("one record, which is not drawn, where there was none", 0);
    }
    one_more("one record more", count_, other, 1);
    if (has_floats(specs_)) {
      one_more("one record more, a million times larger", count_, times(other, kLarge), 1);
      one_more("one record more, not a number", count_, times(other, std::numeric_limits<double>::quiet_NaN()), 0);
    }
    for (const double factor : kFactors)
      one_more(fmt::format("one record more, losses times {:.2g}", factor), count_, other, 1, factor);
    one_more("one record, where there was none", 0, other, 1);
    if (some_are_not_drawn) one_more("one record, where none is drawn", 1, other, 1);
    other_passes();
    one_pass("update in one pass by SGD", ReadFrom::sgd);
    one_pass("update in one pass by Adam", ReadFrom::adam);
    return std::move(findings_);
  }

 private:
  // A seed that draws some of `count` records (none of a single one) and, of one more, that one too or not.
  uint64_t seed_that(int64_t count, bool draws_last) const {
    for (int64_t i = 0; i < kMostSeeds; ++i) {
      const uint64_t seed = seed_ + static_cast<uint64_t>(i);
      const std::set<int64_t> drawn = drawn_of(small_, count + 1, seed);
      if (drawn.contains(count) == draws_last && (count == 0 || (count == 1 ? drawn.size() == 1 : !drawn.empty())))
        return seed;
    }
    throw InternalError("[replay_neighbours] the sampler draws always the same");
  }

  void undrawn(const std::string& what, int64_t count) {
    const uint64_t seed = seed_that(count, false);
    const Step a = one_step(training_, made_up_records(specs_, count, seed_), seed);
    const Step b = one_step(training_, made_up_records(specs_, count + 1, seed_), seed);
    compare(what, a, b, 0);
  }

  void one_more(const std::string& what, int64_t count, const Tensors& record, double most, double factor = 1) {
    const uint64_t seed = seed_that(count, true);
    AuditedTraining scaled = training_;
    if (factor != 1) {
      scaled.losses = [losses = training_.losses, factor](const Tensors& inputs) { return losses(inputs) * factor; };
    }
    const Step a = one_step(scaled, made_up_records(specs_, count, seed_), seed);
    const Step b = one_step(scaled, with_last(specs_, count, seed_, record), seed);
    compare(what, a, b, most);
  }

  // Parts of the logical batch that are lost, or counted twice.
  void other_passes() {
    constexpr int64_t kFew = 3, kOtherFew = 5;
    const uint64_t seed = seed_that(count_, true);
    AuditedTraining other = training_;
    other.options.physical_batch = training_.options.physical_batch == kFew ? kOtherFew : kFew;
    const Step a = one_step(training_, made_up_records(specs_, count_, seed_), seed);
    if (a.random) return;
    const Step b = one_step(other, made_up_records(specs_, count_, seed_), seed);
    equal("another physical batch", distance(a.sums, b.sums));
  }

  void one_pass(const std::string& what, ReadFrom read) {
    const uint64_t seed = seed_that(count_, true);
    const Records records = made_up_records(specs_, count_, seed_);
    const std::vector<Tensors> stored = steps_of(training_, records, seed, ReadFrom::gradient);
    const std::vector<Tensors> updated = steps_of(training_, records, seed, read);
    double largest = 0;
    for (size_t step = 0; step < stored.size(); ++step) {
      const double apart = distance(stored[step], updated[step]);
      largest = largest <= apart || std::isnan(apart) ? apart : largest;
    }
    equal(what, largest);
  }

  void equal(const std::string& what, double apart) {
    const double moved = apart / training_.options.rule.sensitivity();
    findings_.push_back({what, moved <= tolerance_,
                         fmt::format("changes what is released by {:.4f} of the sensitivity, allowed is 0", moved)});
  }

  void compare(const std::string& what, const Step& a, const Step& b, double most) {
    const double moved = distance(a.sums, b.sums) / training_.options.rule.sensitivity();
    AuditFinding found{.subject = what, .holds = moved <= most + tolerance_, .text = ""};  // false for NaN
    found.text = fmt::format("moves the sum by {:.4f} of the sensitivity, allowed is {}", moved, most);
    const auto demand = [&](bool condition, const char* text) {
      if (condition) return;
      found.holds = false;
      found.text += fmt::format("; {}", text);
    };
    // Where D is empty there is no forward pass to compare.
    if (!a.passes.sizes.empty()) {
      demand(a.passes.sizes == b.passes.sizes, "forward passes of other shapes");
      if (a.passes.indices.size() == b.passes.indices.size())
        demand(a.generators.equal(b.generators), "another number of random draws");
    }
    demand(a.charged == 1 && b.charged == 1, "not charged as one step");
    findings_.push_back(std::move(found));
  }

  const AuditedTraining& training_;
  const AuditedTraining small_;  // sampling does not depend on the model, and one number is quickly trained
  const std::vector<InputSpec>& specs_;
  uint64_t seed_;
  double tolerance_;
  int64_t count_;
  std::vector<AuditFinding> findings_;
};

}  // namespace

std::vector<AuditFinding> replay_neighbours(const AuditedTraining& training, uint64_t seed) {
  return Replay(training, seed).run();
}

}  // namespace sotto::optim
