#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/data/text_records.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/predict_run.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/text_source.h>
#include <sotto/tools/text_tensors.h>
#include <sotto/tools/trained_model.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {
namespace {

constexpr std::size_t kTextsAtOnce = 512;

data::TextRecords records_of(const PredictOptions& options) {
  data::TextLayout layout{.format = data::TextFormat::lines, .header = !options.no_header, .columns = {}};
  if (const auto format = data::format_of(options.format, options.input)) {
    layout.format = *format;
    layout.columns = {options.text_column};
  }
  if (options.input == kStandardInput) return {data::StandardInput(), layout};
  return {options.input, layout};
}

// [texts, classes], in their order.
at::Tensor scores_of(models::TrainableModel& model, const RecordTensors& records) {
  at::Tensor result;
  for_scores(model, records, [&](const at::Tensor& scores, const at::Tensor& places) {
    if (!result.defined()) result = at::empty({records.inputs.size(0), scores.size(1)}, at::kFloat);
    result.index_copy_(0, places, scores.cpu());
  });
  return result;
}

class Writer {
 public:
  Writer(const TrainingJob& job, const DeclaredText& text) : job_(job), labels_(text.labels()) {}

  // scores: of the texts that are not blank.
  void write(const std::vector<bool>& blank, const at::Tensor& scores) const {
    const at::Tensor values = labels_.is_range() ? scores.squeeze(-1) : at::softmax(scores, -1);
    int64_t at = 0;
    for (const bool none : blank) {
      if (none)
        *job_.out << (job_.json ? "{\"label\":null}\n" : "\n");
      else if (labels_.is_range())
        number(values[at++]);
      else
        classes(values[at++]);
    }
    job_.out->flush();
  }

 private:
  void number(const at::Tensor& value) const {
    const double share = (std::clamp(value.item<double>(), -1.0, 1.0) + 1) / 2;  // labels lie in their declared range
    const double label = labels_.low() + share * (labels_.high() - labels_.low());
    if (job_.json)
      *job_.out << nlohmann::ordered_json{{"label", label}}.dump() << '\n';
    else
      *job_.out << fmt::format("{:.4f}\n", label);
  }

  void classes(const at::Tensor& probabilities) const {
    const auto best = static_cast<std::size_t>(probabilities.argmax().item<int64_t>());
    const auto probability = [&](std::size_t c) { return probabilities[static_cast<int64_t>(c)].item<double>(); };
    if (!job_.json) {
      *job_.out << fmt::format("{}\t{:.4f}\n", labels_.class_names()[best], probability(best));
      return;
    }
    nlohmann::ordered_json object = {{"label", labels_.class_names()[best]}};
    for (std::size_t c = 0; c < labels_.class_names().size(); ++c)
      object["probabilities"][labels_.class_names()[c]] = probability(c);
    *job_.out << object.dump() << '\n';
  }

  const TrainingJob& job_;
  const data::LabelRule& labels_;
};

}  // namespace

void predict_run(const TrainingJob& job) {
  const optim::StepDevice device = run_device(job.device, *job.err);
  const TrainingPlan plan = make_training_plan(job.options);
  if (!plan.data.text)
    throw UsageError(
        fmt::format("[predict] {} is no run of texts; 'sotto evaluate' takes pictures and tables", job.run.string()));
  const RunFolder folder(job.run);
  require_model("predict", folder);
  warn_of_unfinished(folder, *job.err);
  if (!plan.not_private.empty()) *job.err << "NOT PRIVATE: " << plan.not_private << '\n';
  const DeclaredText& text = *plan.data.text;
  const TextSource source = run_text_source(folder, job.options, text, false);
  const auto model = make_text_model(source, job.options, plan);
  load_weights("predict", folder, text_shape(text, source.tokenizer), *model);
  model->move_to(device.where());

  data::TextRecords input = records_of(job.predict);
  const Writer writer(job, text);
  int64_t without = 0;
  std::exception_ptr refusal;
  for (bool more = true; more;) {
    std::vector<std::string> texts;
    std::vector<bool> blank;
    try {
      while (blank.size() < kTextsAtOnce && more) {
        if (auto fields = input.next()) {
          blank.push_back(data::is_blank((*fields)[0]));
          if (!blank.back()) texts.push_back(std::move((*fields)[0]));
        } else {
          more = false;
        }
      }
    } catch (...) {
      refusal = std::current_exception();  // of a text; those before it come first
      more = false;
    }
    without += std::ranges::count(blank, true);
    at::Tensor scores = at::zeros({0, plan.data.classes});
    if (!texts.empty()) {
      RecordTensors records = token_tensors(texts, source.tokenizer, text.max_tokens);
      prepare(*model, records);
      scores = scores_of(*model, records);
      if (!at::isfinite(scores).all().item<bool>())
        throw DataError(fmt::format(
            "[predict] the model of {} says what is no finite number: its weights are too large", job.run.string()));
    }
    writer.write(blank, scores);
  }
  if (without > 0) *job.err << fmt::format("sotto: note: {} texts are empty, and so are their answers\n", without);
  if (refusal) std::rethrow_exception(refusal);
}

}  // namespace sotto::tools
