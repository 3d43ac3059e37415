#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/tools/account_command.h>
#include <sotto/tools/numbers.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

using privacy::Adjacency;

constexpr double kRateAgreement = 1e-12;

// The flags as typed; parsed by our own rules because CLI11 takes numbers in the user's locale and lets some nonsense
// pass.
struct Flags {
  std::string sampling_rate, dataset_size, batch, noise_multiplier, steps, epsilon, delta;
  std::string adjacency{privacy::to_string(Adjacency::add_remove)};
  bool json = false;
};

struct Answer {
  Adjacency adjacency = Adjacency::add_remove;
  double sampling_rate = 0;
  double noise_multiplier = 0;
  int64_t steps = 0;
  double epsilon = 0;
  double delta = 0;
  // As shown to people: the quantity that was computed is rounded up, those that were given are repeated exactly.
  std::string epsilon_text, delta_text, noise_text;
};

double sampling_rate(const Flags& flags) {
  if (flags.dataset_size.empty() != flags.batch.empty())
    throw UsageError("[account] --dataset-size and --batch belong together: only one of them was given");
  if (flags.sampling_rate.empty() && flags.batch.empty())
    throw UsageError("[account] the sampling rate is missing; give --sampling-rate, or --dataset-size and --batch");
  std::optional<double> given;
  if (!flags.sampling_rate.empty()) given = parse_real("--sampling-rate", flags.sampling_rate);
  if (flags.batch.empty()) return *given;
  const int64_t size = parse_integer("--dataset-size", flags.dataset_size),
                batch = parse_integer("--batch", flags.batch);
  if (size < 1 || size > privacy::kMaxCount)
    throw UsageError(fmt::format("[--dataset-size] bad value: {}; allowed is an integer from 1 to 2^53", size));
  if (batch < 1 || batch > size)
    throw UsageError(
        fmt::format("[--batch] bad value: {}; allowed is an integer from 1 to the dataset size {}", batch, size));
  const double rate = static_cast<double>(batch) / static_cast<double>(size);
  if (given && std::abs(*given - rate) > kRateAgreement * rate)
    throw UsageError(
        fmt::format("[account] --sampling-rate {}, --batch {} and --dataset-size {} disagree: {} / {} = {}", *given,
                    batch, size, batch, size, rate));
  return given.value_or(rate);
}

Answer given_answer(const Flags& flags) {
  Answer answer;
  answer.adjacency = privacy::parse_adjacency(flags.adjacency);
  answer.sampling_rate = sampling_rate(flags);
  if (!flags.noise_multiplier.empty())
    answer.noise_multiplier = parse_real("--noise-multiplier", flags.noise_multiplier);
  if (!flags.steps.empty()) answer.steps = parse_integer("--steps", flags.steps);
  if (!flags.epsilon.empty()) answer.epsilon = parse_real("--epsilon", flags.epsilon);
  if (!flags.delta.empty()) answer.delta = parse_real("--delta", flags.delta);
  answer.epsilon_text = fmt::format("{}", answer.epsilon);
  answer.delta_text = fmt::format("{}", answer.delta);
  answer.noise_text = fmt::format("{}", answer.noise_multiplier);
  return answer;
}

privacy::PoissonSampled step_event(const Answer& answer) {
  return {.sampling_rate = answer.sampling_rate, .mechanism = {.noise_multiplier = answer.noise_multiplier}};
}

privacy::RdpAccountant accountant(const Answer& answer) {
  return {answer.adjacency, privacy::Phases{{.event = step_event(answer), .count = answer.steps}}};
}

// The target, where rounding would show more than was asked for: it is a bound as well.
void set_calibrated_epsilon(Answer& answer, double epsilon) {
  answer.epsilon_text = format_bound(epsilon, answer.epsilon);
  answer.epsilon = epsilon;
}

std::string statement(const Answer& answer) {
  const char* const neighbours = answer.adjacency == Adjacency::zero_out ? "one record is replaced by a null record"
                                                                         : "one record is added or removed";
  const std::string run =
      fmt::format("{} step{} of DP-SGD with Poisson sampling rate {} and noise multiplier {}", answer.steps,
                  answer.steps == 1 ? "" : "s", answer.sampling_rate, answer.noise_text);
  if (std::isinf(answer.epsilon))
    return fmt::format("{} give no finite epsilon at delta {} when {}.", run, answer.delta_text, neighbours);
  return fmt::format(
      "{} satisfy ({}, {})-differential privacy when {}: an upper bound by Renyi accounting, which holds only if "
      "batches are drawn by Poisson sampling and each record's gradient is clipped before the noise is added.",
      run, answer.epsilon_text, answer.delta_text, neighbours);
}

nlohmann::ordered_json number(double value) {
  return std::isinf(value) ? nlohmann::ordered_json("inf") : nlohmann::ordered_json(value);
}

void print(const Answer& answer, bool json, std::ostream& out) {
  if (json) {
    const nlohmann::ordered_json object = {{"epsilon", number(answer.epsilon)},
                                           {"delta", number(answer.delta)},
                                           {"noise_multiplier", answer.noise_multiplier},
                                           {"steps", answer.steps},
                                           {"sampling_rate", answer.sampling_rate},
                                           {"sampler", "poisson"},
                                           {"adjacency", std::string(privacy::to_string(answer.adjacency))},
                                           {"method", "rdp"},
                                           {"statement", statement(answer)}};
    out << object.dump(2) << '\n';
    return;
  }
  fmt::print(out,
             "epsilon           {}\n"
             "delta             {}\n"
             "noise multiplier  {}\n"
             "steps             {}\n"
             "sampling rate     {} (Poisson)\n"
             "adjacency         {}\n"
             "method            rdp (upper bound)\n"
             "{}\n",
             answer.epsilon_text, answer.delta_text, answer.noise_text, answer.steps, answer.sampling_rate,
             privacy::to_string(answer.adjacency), statement(answer));
}

void warn(const Answer& answer, const Flags& flags, std::ostream& err) {
  std::optional<int64_t> size;
  if (!flags.dataset_size.empty()) size = parse_integer("--dataset-size", flags.dataset_size);
  for (const std::string& sentence : privacy::budget_warnings({.epsilon = answer.epsilon, .delta = answer.delta}, size))
    fmt::print(err, "sotto: warning: {}\n", sentence);
}

Answer account_epsilon(const Flags& flags) {
  Answer answer = given_answer(flags);
  answer.epsilon = accountant(answer).epsilon(answer.delta);
  answer.epsilon_text = format_rounded_up(answer.epsilon, kShownDigits);
  return answer;
}

Answer account_delta(const Flags& flags) {
  Answer answer = given_answer(flags);
  answer.delta = accountant(answer).delta(answer.epsilon);
  answer.delta_text = format_rounded_up(answer.delta, kShownDigits);
  return answer;
}

Answer account_noise(const Flags& flags) {
  Answer answer = given_answer(flags);
  const auto noise = privacy::smallest_noise_multiplier(
      answer.adjacency, {.epsilon = answer.epsilon, .delta = answer.delta}, answer.sampling_rate, answer.steps);
  answer.noise_multiplier = noise.value;
  answer.noise_text = format_rounded_up(noise.value, kShownDigits);
  set_calibrated_epsilon(answer, noise.epsilon);
  return answer;
}

Answer account_steps(const Flags& flags) {
  Answer answer = given_answer(flags);
  const auto steps =
      privacy::largest_steps(answer.adjacency, {.epsilon = answer.epsilon, .delta = answer.delta}, step_event(answer));
  answer.steps = steps.value;
  set_calibrated_epsilon(answer, steps.epsilon);
  return answer;
}

constexpr const char* kEpsilonExample = R"(Example, Fashion-MNIST for 60 epochs:
  $ sotto account epsilon --dataset-size 60000 --batch 256 --noise-multiplier 1.1 --steps 14062 --delta 1e-5
  epsilon           2.59655
  delta             1e-05
  noise multiplier  1.1
  steps             14062
  sampling rate     0.004266666666666667 (Poisson)
  adjacency         add-remove
  method            rdp (upper bound)
  14062 steps of DP-SGD with Poisson sampling rate 0.004266666666666667 and noise multiplier 1.1 satisfy (2.59655, 1e-05)-differential privacy when one record is added or removed: an upper bound by Renyi accounting, which holds only if batches are drawn by Poisson sampling and each record's gradient is clipped before the noise is added.
)";

constexpr const char* kDeltaExample = R"(Example, the delta that goes with epsilon 3:
  $ sotto account delta --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --epsilon 3
  epsilon           3
  delta             1.87564e-08
  noise multiplier  1
  steps             1000
  sampling rate     0.01 (Poisson)
  adjacency         add-remove
  method            rdp (upper bound)
  1000 steps of DP-SGD with Poisson sampling rate 0.01 and noise multiplier 1 satisfy (3, 1.87564e-08)-differential privacy when one record is added or removed: an upper bound by Renyi accounting, which holds only if batches are drawn by Poisson sampling and each record's gradient is clipped before the noise is added.
)";

constexpr const char* kNoiseExample = R"(Example, the noise that keeps 1000 steps within (1, 1e-5):
  $ sotto account noise --sampling-rate 0.01 --steps 1000 --epsilon 1 --delta 1e-5
  epsilon           1
  delta             1e-05
  noise multiplier  1.51306
  steps             1000
  sampling rate     0.01 (Poisson)
  adjacency         add-remove
  method            rdp (upper bound)
  1000 steps of DP-SGD with Poisson sampling rate 0.01 and noise multiplier 1.51306 satisfy (1, 1e-05)-differential privacy when one record is added or removed: an upper bound by Renyi accounting, which holds only if batches are drawn by Poisson sampling and each record's gradient is clipped before the noise is added.
)";

constexpr const char* kStepsExample = R"(Example, how long to train with noise multiplier 3 within (2, 1e-6):
  $ sotto account steps --sampling-rate 0.1 --noise-multiplier 3 --epsilon 2 --delta 1e-6
  epsilon           1.99776
  delta             1e-06
  noise multiplier  3
  steps             133
  sampling rate     0.1 (Poisson)
  adjacency         add-remove
  method            rdp (upper bound)
  133 steps of DP-SGD with Poisson sampling rate 0.1 and noise multiplier 3 satisfy (1.99776, 1e-06)-differential privacy when one record is added or removed: an upper bound by Renyi accounting, which holds only if batches are drawn by Poisson sampling and each record's gradient is clipped before the noise is added.
)";

using Compute = Answer (*)(const Flags&);

CLI::App* add_query(CLI::App& account, const char* name, const char* what, const char* example, Compute compute,
                    const std::shared_ptr<Flags>& flags, std::ostream& out, std::ostream& err) {
  CLI::App* query = account.add_subcommand(name, what);
  query->footer(example);
  query->add_option("--sampling-rate", flags->sampling_rate, "Probability that a record enters a batch")
      ->type_name("Q");
  query
      ->add_option("--dataset-size", flags->dataset_size,
                   "Declared number of records; with --batch instead of --sampling-rate")
      ->type_name("N");
  query->add_option("--batch", flags->batch, "Expected batch size")->type_name("B");
  query->add_option("--adjacency", flags->adjacency, "Neighbouring data sets: add-remove or zero-out")
      ->type_name("NAME")
      ->capture_default_str();
  query->add_flag("--json", flags->json, "Print one JSON object, at full precision");
  query->callback([=, &out, &err] {
    const Answer answer = compute(*flags);
    print(answer, flags->json, out);
    warn(answer, *flags, err);
  });
  return query;
}

}  // namespace

void add_account_command(CLI::App& app, std::ostream& out, std::ostream& err) {
  CLI::App* account =
      app.add_subcommand("account", "Epsilon, delta, noise or steps of DP-SGD, without running anything");
  account->require_subcommand(1);
  account->footer("Each question has its own --help with a worked example.");
  const auto flags = std::make_shared<Flags>();

  const auto noise = [&](CLI::App* query) {
    query->add_option("--noise-multiplier", flags->noise_multiplier, "Noise standard deviation / clip norm")
        ->type_name("SIGMA")
        ->required();
  };
  const auto steps = [&](CLI::App* query) {
    query->add_option("--steps", flags->steps, "Number of noisy steps")->type_name("T")->required();
  };
  const auto epsilon = [&](CLI::App* query) {
    query->add_option("--epsilon", flags->epsilon, "Privacy budget")->type_name("EPSILON")->required();
  };
  const auto delta = [&](CLI::App* query) {
    query->add_option("--delta", flags->delta, "Probability of failure, below 1 / dataset size")
        ->type_name("DELTA")
        ->required();
  };

  CLI::App* query = add_query(*account, "epsilon", "What epsilon does a run have?", kEpsilonExample, account_epsilon,
                              flags, out, err);
  noise(query), steps(query), delta(query);
  query = add_query(*account, "delta", "What delta does a run have at a given epsilon?", kDeltaExample, account_delta,
                    flags, out, err);
  noise(query), steps(query), epsilon(query);
  query = add_query(*account, "noise", "What is the smallest noise multiplier within a budget?", kNoiseExample,
                    account_noise, flags, out, err);
  steps(query), epsilon(query), delta(query);
  query = add_query(*account, "steps", "What is the largest number of steps within a budget?", kStepsExample,
                    account_steps, flags, out, err);
  noise(query), epsilon(query), delta(query);
}

}  // namespace sotto::tools
