#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/optim/generator.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/run_inputs.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/run_rule.h>
#include <sotto/tools/text_tensors.h>
#include <sotto/tools/training_data.h>

#include <ostream>
#include <utility>

namespace sotto::tools {
namespace {

bool is_resumed(const TrainingJob& job) {
  return job.kind == TrainingJob::Kind::resume || job.kind == TrainingJob::Kind::audit;
}

// Before the first weights are drawn.
void seed(const TrainOptions& options) {
  if (options.insecure_test_seed) {
    optim::seed_generator(static_cast<uint64_t>(*options.insecure_test_seed));
  } else {
    optim::seed_generator_secretly();
  }
}

void require_same_sizes(const TrainOptions& options, const RecordTensors& training, const RecordTensors& test) {
  const auto check = [](const char* flag, const at::Tensor& own, const at::Tensor& trained_on) {
    const at::IntArrayRef sizes = own.sizes().slice(1), needed = trained_on.sizes().slice(1);
    if (sizes != needed)
      throw DataError(fmt::format("[{}] a record has sizes [{}]; must be those of the training records, [{}]", flag,
                                  fmt::join(sizes, ", "), fmt::join(needed, ", ")));
  };
  check(options.test_table.empty() ? "--test-images" : "--test-table", test.inputs, training.inputs);
  check("--test-labels", test.labels, training.labels);
}

// Of the weights that training begins with: those that they come with, or the run's folder, where it goes on, has them.
Certificates checked_base(const Certificates& given, const TrainingJob& job, const TrainingPlan& plan,
                          const RunFolder& folder) {
  Certificates base = is_resumed(job) ? base_of(folder_certificates(folder.path())) : as_base(given);
  if (any_not_private(base) && plan.privacy && !job.options.public_base)
    throw UsageError(
        fmt::format("[--model] the weights of {} are NOT PRIVATE, or came of such (NOT_PRIVATE.txt): a certificate of "
                    "what is trained from them would not cover the records that they were trained on. Where those were "
                    "public, say --public-base",
                    job.options.model));
  if (job.options.public_base && !any_not_private(base))
    throw UsageError(fmt::format("[--public-base] has no effect: the weights of {} come without a NOT_PRIVATE.txt",
                                 job.options.model));
  if (job.options.public_base && plan.privacy)
    *job.err << fmt::format(
        "sotto: note: the weights of {} are NOT PRIVATE; you say that the records they were trained on were public, "
        "and so does the certificate\n",
        job.options.model);
  if (base.contains("base-certificate.json"))
    *job.err << fmt::format(
        "sotto: note: the weights of {} come with a certificate of their own, which is kept as base-certificate.json: "
        "what was spent for them adds to what this run spends where records are in both ('sotto account compose' tells "
        "the sum)\n",
        job.options.model);
  return base;
}

// What the model has to say against the plan is told before the records are prepared.
void check_budget(const TrainOptions& options, const TrainingPlan& plan, const models::TrainableModel& model) {
  if (plan.privacy)
    optim::check_planned_release(trainable_parameters(model), *plan.privacy, weight_rule(options, plan, 1));
}

RunInputs read_records(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& folder) {
  RunInputs result{.training = read_training_data(job.options, plan),
                   .test = read_test_data(job.options, plan),
                   .shape = {},
                   .model = nullptr};
  if (result.test) require_same_sizes(job.options, result.training, *result.test);
  seed(job.options);
  result.shape = record_shape(result.training, plan);
  if (job.options.model == kMobileNet) {
    result.published = published_weights(job.options);
    result.model = make_mobilenet(result.shape, plan.adapt, &*result.published);
    result.published->tensors.clear();  // the model has them
    check_budget(job.options, plan, *result.model);
    return result;
  }
  result.graph = is_resumed(job) ? run_model_bytes(folder, job.options) : given_model_bytes(job.options);
  const bool comes_with_any = !is_resumed(job) && !result.graph.empty();
  result.base = checked_base(comes_with_any ? script_certificates(result.graph, job.options.model) : Certificates(),
                             job, plan, folder);
  result.model = make_model(job.options, result.graph, result.shape);
  check_budget(job.options, plan, *result.model);
  return result;
}

RunInputs read_texts(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& folder) {
  const TrainOptions& o = job.options;
  const DeclaredText& text = *plan.data.text;
  TextSource source = is_resumed(job) ? run_text_source(folder, o, text, true) : given_text_source(o, text);
  const bool comes_with_any = !is_resumed(job) && source.weights;
  Certificates base = checked_base(
      comes_with_any ? weights_certificates(source.weights->file, source.weights->metadata) : Certificates(), job, plan,
      folder);
  seed(o);
  // Before the texts are read: what is wrong with the model is told at once.
  auto model = make_text_model(source, o, plan);
  check_budget(o, plan, *model);
  if (source.weights) source.weights->tensors.clear();  // the model has them
  RunInputs result{.training = training_texts(text, o.dataset, source.tokenizer, *job.err),
                   .test = test_texts(text, o.dataset, source.tokenizer),
                   .shape = text_shape(text, source.tokenizer),
                   .model = std::move(model)};
  if (!source.has_licence)
    *job.err << fmt::format("sotto: note: the folder of {} says nothing of the terms under which it may be used\n",
                            o.model);
  result.text = std::move(source);
  result.base = std::move(base);
  return result;
}

}  // namespace

std::string RunInputs::model_sha256() const {
  if (text) return text->weights ? text->weights->sha256 : "";
  if (published) return published->sha256;
  return graph.empty() ? "" : privacy::sha256_hex(graph);
}

RunInputs read_run_inputs(const TrainingJob& job, const TrainingPlan& plan, const RunFolder& folder) {
  // The figures of the tests are written to the folder of the run as they are.
  if (plan.privacy && tests_hold_the_records(job.options)) {
    if (!job.tuning.empty())
      throw UsageError(
          "[tune] the tests are a copy of the private records: a score of these is not covered by what the runs spend; "
          "name other records, which are treated as public");
    if (plan.data.text)
      throw UsageError(
          "[--test-data] is the file of --data, or a copy of it: the figures on the tests are told and kept as they "
          "are, and would be "
          "those of the private records; name other texts, or --test-fraction");
    *job.err << "sotto: warning: the tests are the private records: metrics.jsonl holds their exact figures\n";
  }
  return plan.data.text ? read_texts(job, plan, folder) : read_records(job, plan, folder);
}

void keep(const RunInputs& inputs, const RunFolder& folder) {
  if (!inputs.graph.empty()) privacy::write_file_atomically(folder.graph(), inputs.graph);
  if (inputs.text) keep(*inputs.text, folder);
  write_certificates(inputs.base, folder.path());
}

}  // namespace sotto::tools
