#include <ATen/ops/empty.h>
#include <ATen/ops/softmax.h>
#include <fmt/format.h>
#include <sotto/data/text_lines.h>
#include <sotto/data/text_records.h>
#include <sotto/data/utf8.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/predict_run.h>
#include <sotto/tools/run_device.h>
#include <sotto/tools/text_source.h>
#include <sotto/tools/text_tensors.h>
#include <sotto/tools/trained_model.h>
#include <sotto/tools/training_plan.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {
namespace {

constexpr std::size_t kTextsAtOnce = 512;

// The next text, or nothing at the end.
using Texts = std::function<std::optional<std::string>()>;

Texts texts_of_file(const PredictOptions& options) {
  data::TextLayout layout{.format = data::TextFormat::lines, .header = !options.no_header, .columns = {}};
  if (const auto format = data::format_of(options.format, options.input)) {
    layout.format = *format;
    layout.columns = {options.text_column};
  }
  const auto records = std::make_shared<data::TextRecords>(options.input, layout);
  return [records]() -> std::optional<std::string> {
    auto fields = records->next();
    if (!fields) return std::nullopt;
    if (data::is_blank((*fields)[0])) records->refuse("the text is empty");
    return std::move((*fields)[0]);
  };
}

// As std::getline(), but not more than `most` bytes and one of a line that is longer.
bool read_line(std::istream& from, std::size_t most, std::string& line) {
  line.clear();
  for (char c; from.get(c);) {
    if (c == '\n') return true;
    line.push_back(c);
    if (line.size() > most) return true;
  }
  return !line.empty();
}

Texts texts_of_standard_input() {
  const auto line = std::make_shared<int64_t>(0);
  return [line]() -> std::optional<std::string> {
    std::string text;
    if (!read_line(std::cin, data::kMaxLineBytes, text)) return std::nullopt;
    ++*line;
    if (text.ends_with('\r')) text.pop_back();
    if (*line == 1 && text.starts_with(data::kByteOrderMark)) text.erase(0, data::kByteOrderMark.size());
    const std::string place = fmt::format("predict, standard input, line {}", *line);
    if (data::is_blank(text)) throw DataError(fmt::format("[{}] the text is empty", place));
    if (text.find('\0') != std::string::npos) throw DataError(fmt::format("[{}] the text holds a zero byte", place));
    data::check_text(place, text);
    return text;
  };
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

  void write(const at::Tensor& scores) const {
    const at::Tensor values = labels_.is_range() ? scores.squeeze(-1) : at::softmax(scores, -1);
    for (int64_t i = 0; i < values.size(0); ++i) labels_.is_range() ? number(values[i]) : classes(values[i]);
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
  warn_of_stale_certificate(folder, *job.err);
  if (!plan.not_private.empty()) *job.err << "NOT PRIVATE: " << plan.not_private << '\n';
  const DeclaredText& text = *plan.data.text;
  const TextSource source = run_text_source(folder, job.options, text, false);
  const auto model = make_text_model(source, job.options, plan);
  load_weights("predict", folder, text_shape(text, source.tokenizer), *model);
  model->move_to(device.where());

  const Texts next = job.predict.input == "-" ? texts_of_standard_input() : texts_of_file(job.predict);
  const Writer writer(job, text);
  std::exception_ptr refusal;
  for (bool more = true; more;) {
    std::vector<std::string> texts;
    try {
      while (texts.size() < kTextsAtOnce && more) {
        if (auto one = next())
          texts.push_back(std::move(*one));
        else
          more = false;
      }
    } catch (...) {
      refusal = std::current_exception();  // of a text; those before it come first
      more = false;
    }
    if (texts.empty()) continue;
    RecordTensors records = token_tensors(texts, source.tokenizer, text.max_tokens);
    prepare(*model, records);
    writer.write(scores_of(*model, records));
  }
  if (refusal) std::rethrow_exception(refusal);
}

}  // namespace sotto::tools
