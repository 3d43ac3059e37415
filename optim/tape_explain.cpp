#include <ATen/core/grad_mode.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/optim/tape.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {
namespace {

constexpr uint64_t kAnotherSeed = 0x5077e;

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
  try {
    const FullPrecision full_precision;
    const at::AutoGradMode with_gradients(true);
    recording = record(
        parameters_, constants_, inputs, [&] { return losses(inputs); }, explanation);
  } catch (const Error& error) {
    explanation.problems.emplace_back(error.what());
  } catch (const std::exception& error) {
    explanation.model_failed(libtorch_message(error));
  }
  explanation.batch = recording.batch;
  std::vector<std::string> strategies(recording.uses.size());
  if (explanation.problems.empty()) {
    try {
      generators.restore();
      const PerRecordGradients gradients = run_recorded(inputs, losses, {}, /*recompute=*/false);
      for (size_t u = 0; u < strategies.size(); ++u) {
        const auto& use = gradients.recording_.uses.at(u).use;
        const bool absorbed = gradients.recording_.uses[u].absorbed;
        strategies[u] = use ? to_string(use->strategy()) : absorbed ? "with an earlier use" : "no gradient";
      }
      // Segments see tensors from elsewhere as part of the model here, and are refused them when they are recomputed.
      seed_generator(kAnotherSeed);  // and a state of the generator that the model keeps and puts back is another
      run_recorded(inputs, losses, {}, /*recompute=*/true);
      explanation.verdict = Evidence::proven;
      explanation.notes.assign(gradients.recording_.notes.begin(), gradients.recording_.notes.end());
    } catch (const Error& error) {
      explanation.problems.emplace_back(error.what());
    } catch (const std::exception& error) {
      explanation.model_failed(libtorch_message(error));
    }
  }
  for (size_t u = 0; u < recording.uses.size(); ++u) {
    const RecordedUse& use = recording.uses[u];
    const ParameterExpression& expression = recording.expressions[use.expression];
    for (const size_t p : expression.parameters) {
      explanation.parameters[p].uses.push_back({use.operator_name, static_cast<int64_t>(use.argument),
                                                form_text(recording, use, parameters_.size()), rule_text(use),
                                                strategies[u]});
    }
  }
  return explanation;
}

}  // namespace sotto::optim
