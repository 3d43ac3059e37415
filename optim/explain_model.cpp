#include <fmt/format.h>
#include <sotto/optim/explain_model.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/optim/rule_comparison.h>
#include <sotto/privacy/error.h>

#include <iterator>

namespace sotto::optim {
namespace {

void append(std::vector<std::string>& all, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

}  // namespace

Explanation explain_model(const std::vector<NamedParameter>& parameters, const std::vector<at::Tensor>& constants,
                          const std::vector<InputSpec>& specs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                          ExplainOptions options) {
  const GeneratorState generators;
  options.tape.fallback = Fallback::none;
  options.tape.phase_ended = {};
  const std::vector<at::Tensor> inputs =
      made_up_inputs(specs, options.batch, options.seed, parameters.at(0).tensor.device());
  Explanation explanation = Tape(parameters, constants, {}, options.tape).explain(inputs, losses);
  if (!explanation.accepted()) return explanation;
  try {
    ProbeReport report =
        probe(parameters, specs, losses, {.batch = options.batch, .seed = options.seed, .pass = options.pass});
    explanation.notes.push_back(fmt::format("independence was probed on made-up records, {} passes", report.runs));
    append(explanation.notes, std::move(report.notes));
    append(explanation.problems, std::move(report.problems));
    RuleComparison rules = compare_rules(parameters, constants, inputs, losses, options.tape);
    append(explanation.notes, std::move(rules.notes));
    append(explanation.problems, std::move(rules.problems));
  } catch (const Error& error) {
    explanation.problems.emplace_back(error.what());
  } catch (const std::exception& error) {
    explanation.model_failed(libtorch_message(error));
  }
  explanation.verdict = explanation.problems.empty() ? Evidence::probed : Evidence::refused;
  return explanation;
}

}  // namespace sotto::optim
