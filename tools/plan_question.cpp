#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/tools/account_values.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/plan_question.h>
#include <sotto/tools/privacy_options.h>
#include <sotto/tools/train_options.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <array>
#include <string>

namespace sotto::tools {
namespace {

struct FlagDescription {
  const char *name, *type, *help;
};

constexpr std::array kFlags = {
    FlagDescription{"--dataset-size", "N", "Declared number of training records"},
    FlagDescription{"--parameters", "D", "Number of trained parameters; frozen ones do not count"},
    FlagDescription{"--epsilon", "EPSILON", "Privacy budget of the whole run"},
    FlagDescription{"--delta", "DELTA", "Probability of failure [1e-5 when that is below 1 / dataset size]"},
    FlagDescription{"--batch", "B,...", "Expected batch sizes [powers of two up to the dataset size]"},
    FlagDescription{"--epochs", "E,...", "Passes over the records: ceil(E * dataset size / B) steps [10,20,40,80]"},
    FlagDescription{"--steps", "T,...", "Numbers of steps, instead of --epochs"},
    FlagDescription{"--clip-norm", "C", "Bound S of a record's gradient, whatever the weight rule [0.1]"},
    FlagDescription{"--optimizer", "NAME", "sgd, adam or adamw; for the memory alone [sgd]"},
    FlagDescription{"--step-seconds", "X", "What a private step took (sotto bench step); with --step-batch"},
    FlagDescription{"--step-batch", "B", "Batch of the step that was timed; time is taken to grow with the batch"},
    FlagDescription{"--time-limit", "SECONDS", "Suggest nothing that takes longer; with --step-seconds"},
    FlagDescription{"--picture", "FILE", "Draw signal and noise as SVG; the name ends in .svg"},
};

constexpr std::array<int64_t, 4> kEpochs = {10, 20, 40, 80};
constexpr int64_t kLargestBatch = int64_t{1} << 17;
constexpr int kPowersOfTwo = 8;
constexpr std::array kOptimizers = {OptimizerState{}, OptimizerState{"adam", "two means", 2},
                                    OptimizerState{"adamw", "two means", 2}};

std::string_view required(const AccountFlags& flags, std::string_view flag) {
  const auto* const found = std::ranges::find(kFlags, flag, &FlagDescription::name);
  SOTTO_ASSERT(found != kFlags.end());
  if (!flags.has(flag)) throw UsageError(fmt::format("[{}] missing: {}; try --help", flag, found->help));
  return flags.text(flag);
}

std::vector<int64_t> read_counts(std::string_view flag, std::string_view text) {
  std::vector<int64_t> counts;
  for (size_t start = 0; start <= text.size();) {
    const size_t stop = std::min(text.find(',', start), text.size());
    counts.push_back(count_value(flag, text.substr(start, stop - start), 1));
    start = stop + 1;
  }
  std::ranges::sort(counts);
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

double positive_value(std::string_view flag, std::string_view text) {
  const double value = parse_real(flag, text);
  if (!(value > 0)) throw UsageError(fmt::format("[{}] bad value: {}; must be finite and above 0", flag, value));
  return value;
}

OptimizerState read_optimizer(const AccountFlags& flags) {
  if (!flags.has("--optimizer")) return {};
  for (const OptimizerState& state : kOptimizers)
    if (state.name == flags.text("--optimizer")) return state;
  throw UsageError(
      fmt::format("[--optimizer] unknown value: '{}'; allowed are sgd, adam, adamw", flags.text("--optimizer")));
}

void read_times(const AccountFlags& flags, PlanQuestion& question) {
  if (flags.has("--step-seconds") != flags.has("--step-batch"))
    throw UsageError(flags.has("--step-batch")
                         ? "[--step-seconds] missing: --step-batch is the batch of a step that was timed"
                         : "[--step-batch] missing: of how many records was the step of --step-seconds?");
  if (flags.has("--step-seconds"))
    question.measured = MeasuredStep{.seconds = positive_value("--step-seconds", flags.text("--step-seconds")),
                                     .batch = count_value("--step-batch", flags.text("--step-batch"), 1)};
  if (!flags.has("--time-limit")) return;
  if (!question.measured)
    throw UsageError("[--time-limit] has no effect: without --step-seconds and --step-batch no time is known");
  question.time_limit = positive_value("--time-limit", flags.text("--time-limit"));
}

void read_lengths(const AccountFlags& flags, PlanQuestion& question) {
  if (flags.has("--epochs") && flags.has("--steps")) throw UsageError("[plan] --epochs and --steps exclude each other");
  question.in_epochs = !flags.has("--steps");
  if (!question.in_epochs) {
    question.lengths = read_counts("--steps", flags.text("--steps"));
    return;
  }
  question.lengths = flags.has("--epochs") ? read_counts("--epochs", flags.text("--epochs"))
                                           : std::vector<int64_t>(kEpochs.begin(), kEpochs.end());
}

}  // namespace

std::vector<int64_t> batch_ladder(int64_t dataset_size) {
  const int64_t end = std::min(dataset_size, kLargestBatch);
  std::vector<int64_t> batches;
  for (int64_t power = 1; power < end; power *= 2) batches.push_back(power);
  if (batches.size() > kPowersOfTwo) batches.erase(batches.begin(), batches.end() - kPowersOfTwo);
  if (dataset_size == end) batches.push_back(end);
  return batches;
}

void add_plan_flags(CLI::App& command, const std::shared_ptr<AccountFlags>& flags) {
  for (const FlagDescription& flag : kFlags)
    command
        .add_option_function<std::string>(
            flag.name, [flags, name = flag.name](const std::string& text) { flags->set(name, text); }, flag.help)
        ->type_name(flag.type);
  command.add_flag("--json", flags->json, "Print one JSON object, at full precision");
}

PlanQuestion read_plan_question(const AccountFlags& flags) {
  PlanQuestion question;
  question.dataset_size = count_value("--dataset-size", required(flags, "--dataset-size"), 1);
  question.parameters = count_value("--parameters", required(flags, "--parameters"), 1);
  question.budget.epsilon = epsilon_target_value("--epsilon", required(flags, "--epsilon"));
  std::optional<double> delta;
  if (flags.has("--delta")) delta = delta_target_value("--delta", flags.text("--delta"));
  question.budget.delta = delta_or_default(delta, question.dataset_size);
  question.clip_norm =
      flags.has("--clip-norm") ? positive_value("--clip-norm", flags.text("--clip-norm")) : TrainOptions().clip_norm;
  question.batches =
      flags.has("--batch") ? read_counts("--batch", flags.text("--batch")) : batch_ladder(question.dataset_size);
  if (question.batches.back() > question.dataset_size)
    throw UsageError(fmt::format("[--batch] bad value: {}; allowed is an integer from 1 to the dataset size {}",
                                 question.batches.back(), question.dataset_size));
  read_lengths(flags, question);
  const auto rows = static_cast<int64_t>(question.batches.size() * question.lengths.size());
  if (rows > kMostPlanRows)
    throw UsageError(fmt::format("[--batch] {} sizes for {} lengths are {} settings; allowed are {}",
                                 question.batches.size(), question.lengths.size(), rows, kMostPlanRows));
  if (question.in_epochs)
    for (const int64_t batch : question.batches) steps_of_epochs(question.lengths.back(), question.dataset_size, batch);
  read_times(flags, question);
  question.optimizer = read_optimizer(flags);
  return question;
}

}  // namespace sotto::tools
