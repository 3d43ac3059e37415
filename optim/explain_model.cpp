#include <fmt/format.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/rule_comparison.h>

namespace sotto::optim {

Explanation explain_model(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const std::vector<InputSpec>& specs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                          ExplainOptions options) {
  const GeneratorState generators;
  Tape tape(parameters, constants);
  const std::vector<at::Tensor> inputs =
      made_up_inputs(specs, options.batch, options.seed, parameters.at(0).tensor.device());
  Explanation explanation = tape.explain(inputs, losses);
  if (!explanation.accepted()) return explanation;
  if (!options.probe) {
    explanation.notes.emplace_back("not probed on made-up records: switched off");
    return explanation;
  }
  try {
    ProbeReport report = probe(parameters, specs, losses, {.batch = options.batch, .seed = options.seed});
    explanation.verdict = report.passed() ? Evidence::probed : Evidence::refused;
    explanation.problems = std::move(report.problems);
    RuleComparison rules = compare_rules(parameters, constants, inputs, losses, {});
    if (!rules.problems.empty()) explanation.verdict = Evidence::refused;
    for (std::string& problem : rules.problems) explanation.problems.push_back(std::move(problem));
    for (std::string& note : rules.notes) explanation.notes.push_back(std::move(note));
    for (std::string& note : report.notes) explanation.notes.push_back(std::move(note));
  } catch (const std::exception& error) {
    explanation.verdict = Evidence::refused;
    explanation.problems.push_back(fmt::format("the model fails on made-up records: {}", error.what()));
  }
  return explanation;
}

}  // namespace sotto::optim
