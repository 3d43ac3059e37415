#include <ATen/core/grad_mode.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/one_record.h>
#include <sotto/optim/problems.h>
#include <sotto/optim/tape.h>

namespace sotto::optim {
namespace {

constexpr uint64_t kAnotherSeed = 1;  // any that a generator is not likely to have

const char* form_text(const Recording& recording, const RecordedUse& use, size_t parameter_count) {
  const size_t source = recording.expressions[use.expression].source;
  if (source >= parameter_count) return "function of parameters";
  return use.expression == source ? "itself" : "elements of it";
}

const char* rule_text(const RecordedUse& use) {
  if (!use.use) return "none";
  return use.custom ? "custom rule" : "per-record rule";
}

}  // namespace

Explanation Tape::explain(const std::vector<at::Tensor>& inputs,
                          const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses) {
  Explanation explanation;
  for (const NamedParameter& parameter : parameters_)
    explanation.parameters.push_back({parameter.name, parameter.tensor.sizes().vec(), {}});
  const GeneratorState generators;
  Recording recording;
  collect_problems(explanation, [&] {
    const FullPrecision full_precision;
    const at::AutoGradMode with_gradients(true);
    const std::vector<at::Tensor> own = copies(inputs);
    recording = record(
        parameters_, constants_, own, [&] { return losses(own); }, explanation);
  });
  explanation.batch = recording.batch;
  std::vector<std::string> strategies(recording.uses.size());
  std::vector<PlannedUse> plans(recording.uses.size());
  if (explanation.problems.empty()) {
    collect_problems(explanation, [&] {
      generators.restore();
      const PerRecordGradients gradients = run_recorded(copies(inputs), losses, {}, /*recompute=*/false);
      for (size_t u = 0; u < strategies.size(); ++u) {
        const auto& use = gradients.recording_.uses.at(u).use;
        const bool absorbed = gradients.recording_.uses[u].absorbed;
        plans[u] = gradients.plans_.at(u);
        strategies[u] = use ? to_string(use->strategy()) : absorbed ? "with an earlier use" : "no gradient";
      }
      explanation.memory_bytes = gradients.memory_bytes_;
      // Segments see tensors from elsewhere as part of the model above, and are refused them when they are recomputed.
      // Under another seed, a state of the generator that the model kept above and puts back is noticed.
      seed_generator(kAnotherSeed);
      run_recorded(copies(inputs), losses, {}, /*recompute=*/true);
      explanation.verdict = Evidence::proven;
      explanation.notes.assign(gradients.recording_.notes.begin(), gradients.recording_.notes.end());
    });
  }
  for (size_t u = 0; u < recording.uses.size(); ++u) {
    const RecordedUse& use = recording.uses[u];
    const ParameterExpression& expression = recording.expressions[use.expression];
    PlannedUse plan = plans[u];
    for (const size_t p : expression.parameters) {
      explanation.parameters[p].uses.push_back({use.operator_name, static_cast<int64_t>(use.argument),
                                                form_text(recording, use, parameters_.size()), rule_text(use),
                                                strategies[u], plan.held_bytes, plan.seconds});
      plan = {};
    }
  }
  return explanation;
}

}  // namespace sotto::optim
