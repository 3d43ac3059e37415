#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/privacy_options.h>
#include <sotto/tools/run_certificate.h>

#include <algorithm>

namespace sotto::tools {

privacy::Certificate run_certificate(const TrainOptions& options, const TrainingPlan& plan,
                                     const optim::PrivateTraining& training, const std::string& model_sha256,
                                     const Certificates& base) {
  const privacy::PrivacyPlan& privacy = training.plan();
  const privacy::LedgerContents& ledger = training.ledger().contents();
  privacy::Certificate result;
  result.sotto_version = SOTTO_VERSION;
  result.run = ledger.header.run;
  result.adjacency = privacy.adjacency();
  if (plan.data.text && plan.data.text->texts_per_group > 0) result.group = group_definition(*plan.data.text);
  result.accountant_name = ledger.header.accountant_name;
  result.accountant_version = ledger.header.accountant_version;
  result.noise_multiplier = privacy.noise_multiplier();
  result.lattice = ledger.header.event.lattice;
  result.sampling_rate = privacy.sampling_rate();
  result.dataset_size_declared = privacy.dataset_size();
  result.expected_batch_size = static_cast<double>(privacy.expected_batch_size());
  result.clip_norm = options.clip_norm;
  result.weight_rule = training.rule().name();
  for (const auto& [name, value] : training.rule().parameters()) result.weight_rule_parameters[name] = value;
  result.weight_rule_bound = training.rule().sensitivity();
  if (const auto& clipping = training.rule().adaptive_clipping())
    result.adaptive_clipping = {.gradient_noise_multiplier = privacy::gradient_noise_beside_count(
                                    privacy.noise_multiplier(), clipping->count_noise),
                                .count_noise = clipping->count_noise};
  result.planned = {.steps = privacy.steps(), .epsilon = planned_epsilon(plan), .delta = privacy.delta()};
  result.executed = {
      .steps = training.steps_charged(), .epsilon = spent_epsilon(plan, ledger.spent), .delta = privacy.delta()};
  if (plan.tuning) result.selection = certified(*plan.tuning);
  if (const auto& planned = privacy.evaluations())
    result.evaluations = privacy::CertifiedEvaluations{planned->count, ledger.evaluations_charged,
                                                       planned->noise_multiplier, largest_loss(plan.data)};
  result.not_covered =
      privacy::standard_exclusions(privacy.noise(), plan.tuning.has_value(), privacy.evaluations().has_value());
  result.not_covered.push_back("the test records, which are treated as public");
  if (!model_sha256.empty())
    result.not_covered.push_back(fmt::format(
        "the model file with SHA-256 {}: {} are treated as public", model_sha256,
        !plan.data.text && names_model_file(options.model) ? "its code and initial weights" : "its weights"));
  if (base.contains("base-certificate.json"))
    result.not_covered.push_back(
        "what was spent for the weights that training began with, of which base-certificate.json tells, and which adds "
        "to this where records are in both");
  if (any_not_private(base))
    result.not_covered.push_back(
        "the records that the weights which training began with, or those that they came of, were trained on without "
        "privacy (base-...NOT_PRIVATE.txt), which are declared to be public");
  if (std::ranges::any_of(base, [](const auto& file) { return file.first.starts_with("base-base-"); }))
    result.not_covered.push_back("what those weights came of in their turn, of which base-base-... files tell");
  result.input_scaling = input_scaling(plan.data);
  if (plan.data.input_type.tokens)
    result.not_covered.push_back("the vocabulary and whatever made tokens of texts, which are treated as public");
  if (plan.data.kind == DeclaredData::Kind::table)
    result.not_covered.push_back(
        "where the ranges and categories of the table's schema came from, which are treated as public");
  if (options.model == "scattering-linear")
    result.not_covered.push_back(
        "the scattering features, which are a fixed function of each picture alone and were fitted to no record");
  if (options.model == kMobileNet)
    result.not_covered.push_back(
        "the scaling of colours by the mean and deviation of the pictures that the published network was trained on, "
        "which are constants of its publication");
  result.noise_generator = result.lattice ? "ChaCha20, exact rejection from a discrete Laplace law, in integers"
                                          : "ChaCha20, Box-Muller with a 64-bit radius, in double precision";
  result.key_source = training.is_private() ? "operating system, getrandom(2), new keys at every start"
                                            : "test seed, which can be repeated by anyone";
  if (!plan.not_private.empty()) result.not_private = plan.not_private;
  result.ledger_records = ledger.records;
  result.ledger_head_hash = ledger.head_hash;
  return result;
}

}  // namespace sotto::tools
