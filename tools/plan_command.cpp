#include <fmt/format.h>
#include <fmt/ostream.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/plan_command.h>
#include <sotto/tools/plan_picture.h>
#include <sotto/tools/plan_report.h>
#include <sotto/tools/progress.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kExplanation = R"(
For every batch size and number of steps: the least noise within the budget, by the calibration of sotto train, which
reports the same epsilon for it. With clip norm S (of any weight rule), expected batch B, noise multiplier sigma, T
steps and D trained parameters:
  coordinate  sigma S / B, standard deviation of the noise in a coordinate of a step's mean gradient
  norm        sigma S sqrt(D) / B, of the whole noise of a step, root mean square
  S/N step    S / norm; S is the largest norm that the mean of clipped gradients can have: an upper bound of the signal
  S/N run     sqrt(T) S / norm, for the mean of the gradients of all steps: an upper bound again
Real gradients disagree between records and turn from step to step: compare settings by these numbers, and do not
expect what they say. Of the private runs in sotto's README.md those with S/N run above 30 lost at most 6 points of
accuracy against training without privacy, those from 1 to 6 lost 2 to 9 (tools/plan_notes.h).
The settings do not depend on the records, and neither does this plan; it spends no budget. D is what sotto explain
lists; a step is timed by sotto bench step, for example.

)";

constexpr const char* kExample = R"(Example, the cnn of Fashion-MNIST, whose step of 512 records took 24.2 ms:
  $ sotto plan --dataset-size 60000 --parameters 26010 --epsilon 3 --batch 512,1024,2048,4096 --epochs 20,40 --step-seconds 0.0242 --step-batch 512
EXAMPLE
)";

std::string picture_file(const AccountFlags& flags) {
  const std::string name(flags.text("--picture"));
  if (!flags.has("--picture")) return name;
  if (name.empty()) throw UsageError("[--picture] bad name: ''; allowed is the name of a file");
  if (!name.ends_with(".svg"))
    throw UsageError(
        fmt::format("[--picture] {} is no name of an SVG picture; allowed is one that ends in .svg", name));
  return name;
}

PlanFrontier computed(const PlanQuestion& question, std::ostream& err) {
  if (::isatty(STDERR_FILENO) == 0) return plan_frontier(question);
  const auto rows = static_cast<int64_t>(question.batches.size() * question.lengths.size());
  Progress progress(err, true, 0, rows, "setting");
  return plan_frontier(question, [&](int64_t done) {
    if (done > 0) progress.step(done, [] { return std::string(); });
  });
}

void plan(const AccountFlags& flags, std::ostream& out, std::ostream& err) {
  const PlanQuestion question = read_plan_question(flags);
  const std::string picture = picture_file(flags);
  const PlanFrontier frontier = computed(question, err);
  if (!picture.empty()) privacy::write_file_atomically(picture, plan_svg(question, frontier));
  if (flags.json) {
    print_plan_json(question, frontier, out);
  } else {
    if (!picture.empty()) fmt::print(out, "{} written\n", picture);
    print_plan(question, frontier, out);
  }
  for (const std::string& warning : privacy::budget_warnings(question.budget, question.dataset_size))
    fmt::print(err, "sotto: warning: {}\n", warning);
}

}  // namespace

void add_plan_command(CLI::App& app, std::ostream& out, std::ostream& err) {
  CLI::App* command = app.add_subcommand(
      "plan", "What a budget buys: noise, steps and batches for a number of records and of trained parameters");
  command->footer(std::string(kExplanation) + kExample);
  const auto flags = std::make_shared<AccountFlags>();
  add_plan_flags(*command, flags);
  command->callback([flags, &out, &err] { plan(*flags, out, err); });
}

}  // namespace sotto::tools
