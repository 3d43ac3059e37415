#include <ATen/ops/cat.h>
#include <fmt/format.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/problems.h>
#include <sotto/optim/rule_comparison.h>

#include <iterator>

namespace sotto::optim {
namespace {

void append(std::vector<std::string>& all, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

// The losses of a batch, every record run on its own.
std::function<at::Tensor(const std::vector<at::Tensor>&)> one_by_one(
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses) {
  return [&losses](const std::vector<at::Tensor>& inputs) {
    std::vector<at::Tensor> all;
    for (int64_t i = 0; i < inputs.at(0).size(0); ++i) all.push_back(losses(one_record(inputs, i)));
    return at::cat(all);
  };
}

}  // namespace

Explanation explain_model(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const std::vector<InputSpec>& specs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                          ExplainOptions options) {
  include_generator_of(options.tape.device.where());
  const GeneratorState generators;
  options.tape.phase_ended = {};
  const bool alone = options.tape.fallback == Fallback::per_record;
  const std::vector<at::Tensor> inputs =
      made_up_inputs(specs, options.batch, options.seed, parameters.at(0).tensor.device());
  Tape tape(parameters, constants, {}, options.tape);
  Explanation explanation;
  if (alone) {
    if (!collect_problems(explanation, [&] { explanation.notes = tape.run(inputs, losses).notes(); }))
      return explanation;
  } else {
    explanation = tape.explain(inputs, losses);
    if (!explanation.accepted()) return explanation;
  }
  collect_problems(explanation, [&] {
    ProbeReport report = probe(parameters, specs, alone ? one_by_one(losses) : losses,
                               {.batch = options.batch, .seed = options.seed, .pass = alone ? 0 : options.pass});
    explanation.notes.push_back(fmt::format("independence was probed on made-up records, {} passes", report.runs));
    append(explanation.notes, std::move(report.notes));
    append(explanation.problems, std::move(report.problems));
    if (alone) return;
    RuleComparison rules = compare_rules(parameters, constants, inputs, losses, options.tape);
    append(explanation.notes, std::move(rules.notes));
    append(explanation.problems, std::move(rules.problems));
  });
  explanation.verdict = explanation.problems.empty() ? Evidence::probed : Evidence::refused;
  return explanation;
}

}  // namespace sotto::optim
