#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/models/module_model.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/script_model.h>
#include <sotto/models/vision.h>
#include <sotto/optim/libtorch_message.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/lora_flags.h>
#include <sotto/tools/picture_network.h>
#include <sotto/tools/run_model.h>

#include <algorithm>

namespace sotto::tools {
namespace {

std::string describe(const RecordShape& shape, int64_t records) {
  return fmt::format("{} made-up records of sizes [{}] and type {}", records, fmt::join(shape.sizes, ", "),
                     shape.type.tokens ? fmt::format("tokens:{}", shape.type.vocabulary) : "float");
}

}  // namespace

std::unique_ptr<models::TrainableModel> make_model(const TrainOptions& o, const std::string& bytes,
                                                   const RecordShape& shape) {
  const std::string& name = o.model;
  if (names_model_file(name))
    return models::load_script_model(bytes, name, o.adapt == "lora" ? std::optional(lora_options(o)) : std::nullopt);
  if (name == kMobileNet) return make_mobilenet(shape, o.adapt.empty() ? kDefaultAdaptation : o.adapt);
  std::vector<int64_t> sizes = shape.sizes;
  if (name == kRowsModel && sizes.size() == 1) sizes = {1, 1, sizes[0]};
  if (shape.type.tokens || sizes.size() != 3)
    throw UsageError(fmt::format("[--model] {} takes pictures, [channels, height, width] each{}; got [{}]{}", name,
                                 name == kRowsModel ? ", or rows, [features] each" : "", fmt::join(shape.sizes, ", "),
                                 shape.type.tokens ? " of tokens" : ""));
  SOTTO_ASSERT(std::ranges::equal(kReadyModels, models::vision_models()));
  return models::make_module_model(models::make_vision_model(
      name, {.height = sizes[1], .width = sizes[2], .classes = shape.classes, .channels = sizes[0]}));
}

void run_model(const std::string& name, Told told, const std::function<void()>& work) {
  if (!names_model_file(name)) return work();
  try {
    work();
  } catch (const UsageError& error) {
    throw DataError(fmt::format("[--model] refused: {}", error.what()));
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw DataError(fmt::format(
        "[--model] the model fails: {}",
        told == Told::whole ? optim::libtorch_message(error)
                            : "it ran on made-up records, and raises an error on some of these (a token beyond the "
                              "vocabulary, a size that follows values?). What it says may hold values of a record and "
                              "is not shown; run it on public records to see it"));
  }
}

optim::ProbedLosses losses_of(models::TrainableModel& model) {
  return [&model](const std::vector<at::Tensor>& records) {
    return models::record_losses(model.forward(records[0]), records[1]);
  };
}

std::vector<optim::NamedParameter> trainable_parameters(const models::TrainableModel& model) {
  std::vector<optim::NamedParameter> result;
  for (const models::NamedTensor& named : model.trainable()) result.push_back({named.name, named.tensor});
  return result;
}

std::vector<at::Tensor> constants(const models::TrainableModel& model) {
  std::vector<at::Tensor> result;
  for (const models::NamedTensor& named : model.constants()) result.push_back(named.tensor);
  return result;
}

std::vector<optim::InputSpec> record_specs(const RecordShape& shape) {
  optim::InputSpec input{.sizes = shape.sizes, .low = -1};
  if (shape.type.tokens) input = {.sizes = shape.sizes, .dtype = at::kLong, .vocabulary = shape.type.vocabulary};
  if (shape.regression) return {input, {.sizes = shape.label_sizes, .low = -1}};
  return {input, {.sizes = shape.label_sizes, .dtype = at::kLong, .vocabulary = shape.classes}};
}

RecordShape prepared_shape(const models::TrainableModel& model, const RecordShape& shape) {
  if (!model.prepares()) return shape;
  const at::NoGradGuard no_grad;
  RecordShape result = shape;
  const at::Tensor prepared = model.prepare(optim::made_up_inputs(record_specs(shape), 1, 1)[0]);
  result.sizes = prepared.sizes().slice(1).vec();
  if (prepared.is_floating_point()) result.type = {};
  return result;
}

std::vector<int64_t> output_sizes(models::TrainableModel& model, const RecordShape& shape, int64_t records) {
  const at::NoGradGuard no_grad;
  RecordShape any = shape;
  if (any.classes == 0) any.classes = 1;
  const at::Device device = model.trainable().at(0).tensor.device();
  const at::Tensor input = optim::made_up_inputs(record_specs(any), records, 1, device)[0];
  std::vector<int64_t> sizes;
  try {
    sizes = model.forward(input).sizes().vec();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw DataError(
        fmt::format("[--model] the model fails on {}: {}; are --input-type and the sizes those it was made "
                    "for?",
                    describe(shape, records), optim::libtorch_message(error)));
  }
  const bool of_parts = shape.type.tokens || !shape.label_sizes.empty();
  const bool classifier = sizes.size() == 2 || (sizes.size() == 3 && of_parts && sizes[1] == shape.sizes[0]);
  if (!classifier || sizes[0] != records || (shape.classes != 0 && sizes.back() != shape.classes))
    throw DataError(fmt::format("[--model] the model returns sizes [{}] for {}; must be [{}, {}]{}",
                                fmt::join(sizes, ", "), describe(shape, records), records,
                                shape.classes != 0 ? fmt::format("{}", shape.classes) : "classes",
                                shape.type.tokens ? ", or one such row for each token" : ""));
  return sizes;
}

optim::Explanation explain(models::TrainableModel& model, const RecordShape& shape, int64_t records,
                           const optim::TapeOptions& tape) {
  return optim::explain_model(trainable_parameters(model), constants(model), record_specs(shape), losses_of(model),
                              {.batch = records, .tape = tape});
}

}  // namespace sotto::tools
