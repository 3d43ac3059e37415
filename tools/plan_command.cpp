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

constexpr const char* kPlanExample = R"(Example, the cnn of Fashion-MNIST, whose step of 512 records took 24.2 ms:
  $ sotto plan --dataset-size 60000 --parameters 26010 --epsilon 3 --batch 512,1024,2048,4096 --epochs 20,40 --step-seconds 0.0242 --step-batch 512
  records           60000 declared; add-remove: one record more or less
  trained           26010 parameters; clip norm 0.1
  budget            epsilon 3 at delta 1e-05
  memory            305 KiB, whatever the batch: 4 bytes x 26010 x (weights, sum, velocity of sgd); without activations, gradients of records and frozen weights, of which sotto explain tells
  time              0.0242 s for 512 records, taken to grow with the batch
  full batches      S/N run 267.5, whatever the number of steps
  Noise: standard deviation of a coordinate, and norm, of one step's mean gradient. S/N: the most that the mean of
  clipped gradients can measure (clip norm) over that norm, an upper bound; step: of one step, run: of the mean of all.

       batch     steps   epochs     noise   epsilon coordinate       norm  S/N step   S/N run      time                       notes
         512      2344       20  0.891786   2.99991   0.000174     0.0281      3.56       172    56.7 s ##############        -
         512      4688       40   1.06818    2.9999   0.000209     0.0336      2.97       203  1.89 min ################      -
        1024      1172       20   1.09178    2.9999   0.000107     0.0172      5.82       199    56.7 s ################      -
        1024      2344       40   1.36503   2.99991   0.000133     0.0215      4.65       225  1.89 min ##################    -
        2048       586       20   1.39433   2.99985   6.81e-05      0.011      9.11       220    56.7 s ##################    -
  *     2048      1172       40   1.80831    2.9999   8.83e-05     0.0142      7.02       240  1.89 min ###################   -
        4096       293       20   1.84555    2.9999   4.51e-05    0.00727      13.8       236    56.7 s ###################   -
        4096       586       40   2.45942    2.9999      6e-05    0.00968      10.3       250  1.89 min ####################  -

  suggested         batch 2048, 1172 steps: the smallest batch, then the fewest steps, with at most 1.1 times the least noise in the mean of the run
  sotto train       --dataset-size 60000 --batch 2048 --steps 1172 --epsilon 3 --delta 1e-05 --clip-norm 0.1 (a preset of data has its --dataset-size)
)";

std::string picture_file(const AccountFlags& flags) {
  std::string name(flags.text("--picture"));
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
  command->footer(std::string(kExplanation) + kPlanExample);
  const auto flags = std::make_shared<AccountFlags>();
  add_plan_flags(*command, flags);
  command->callback([flags, &out, &err] { plan(*flags, out, err); });
}

}  // namespace sotto::tools
