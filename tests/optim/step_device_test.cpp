// The whole private step through a device's table of launchers against the same step on the processor
// (device_under_test.h).

#include <ATen/record_function.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <sotto/optim/fused_update.h>
#include <sotto/optim/generator.h>
#include <torch/optim/adamw.h>

#include <set>

#include "clipper_models.h"
#include "device_under_test.h"
#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

using testing::device_under_test, testing::moved;

// Launchers that work on the processor's memory.
const kernels::CudaBackend& table() {
  const char* executor = std::getenv("SOTTO_TEST_EXECUTOR");
  if (executor == nullptr)
    throw UsageError("[StepOnADevice] SOTTO_TEST_EXECUTOR must name the executor; ctest sets it");
  return kernels::open_cuda_backend(executor);
}

class StepOnADevice : public PrivateTrainingTest {
 protected:
  StepOnADevice() { at::manual_seed(17); }
  void SetUp() override { testing::need_device(); }
};

// The same models every time, with their parameters on the device.
std::vector<Model> zoo_on_device(at::ScalarType dtype) {
  at::manual_seed(23);
  std::vector<Model> models = zoo(dtype);
  for (const Model& model : models)
    for (const NamedParameter& parameter : model.parameters) testing::move_in_place(parameter.tensor);
  return models;
}
std::vector<Model> zoo_on_processor(at::ScalarType dtype) {
  at::manual_seed(23);
  return zoo(dtype);
}

TEST_F(StepOnADevice, TakesProcessorAndCudaAlone) {
  EXPECT_THROW(StepDevice(table(), at::Device(at::kMeta)), UsageError);
  EXPECT_EQ(StepDevice(table(), at::Device(at::kCUDA)).where(), at::Device(at::kCUDA, 0));
  EXPECT_FALSE(StepDevice().has_table());
}

TEST_F(StepOnADevice, ParametersElsewhereAreRefused) {
  const Model model = zoo(at::kFloat)[0];
  try {
    Tape(model.parameters, {}, {}, {.device = StepDevice(table(), at::Device(at::kCUDA, 1))});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "[Tape] parameter p0 is on device cpu: the step was asked for on cuda:1");
  }
}

TEST_F(StepOnADevice, MoreGroupsThanOneLaunchHoldsAreRefused) {
  const size_t groups = kernels::kMostWeightGroups + 1;
  std::vector<NamedParameter> parameters;
  std::vector<size_t> group_of;
  for (size_t p = 0; p < groups; ++p) {
    parameters.push_back({std::to_string(p), at::zeros({1}).requires_grad_()});
    group_of.push_back(p);
  }
  const WeightRule rule = WeightRule::flat_per_group(std::vector<double>(groups, 1.0));
  EXPECT_NO_THROW(Clipper(parameters, {}, rule, group_of));
  EXPECT_THROW(Clipper(parameters, {}, rule, group_of, {.device = StepDevice(table(), at::kCPU)}), UsageError);
}

Tensors on_processor_of(Tensors tensors) {
  for (Tensor& tensor : tensors) tensor = tensor.cpu();
  return tensors;
}

// Sums differ by what the weights differ, whose norms are bounds that may be rounded up differently, and by rounding:
// at most 200 terms of an element in either, whose magnitudes are together no more than ten times the norm.
TEST_F(StepOnADevice, SumsAreThoseOfTheProcessor) {
  constexpr int64_t kBatch = 5;
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const double unit = dtype == at::kFloat ? 0x1p-24 : 0x1p-53;
    const std::vector<Model> models = zoo_on_processor(dtype), models_there = zoo_on_device(dtype);
    for (size_t m = 0; m < models.size(); ++m) {
      const Model &model = models[m], &model_there = models_there[m];
      Tensors inputs = model.draw(kBatch);
      if (inputs[0].is_floating_point()) inputs[0][3].fill_(std::numeric_limits<double>::quiet_NaN());
      const Tensors inputs_there = moved(inputs);
      const std::vector<bool> active = {true, false, true, true, true};
      for (const Strategy strategy : {Strategy::gram, Strategy::keep, Strategy::drop}) {
        const TapeOptions there{.force_strategy = strategy, .device = device_under_test()},
            here{.force_strategy = strategy};
        Tape tape(model_there.parameters, {}, {}, there), twin(model.parameters, {}, {}, here);
        const PerRecordGradients on_device = tape.run(inputs_there, model_there.losses, active);
        const PerRecordGradients on_processor = twin.run(inputs, model.losses, active);
        for (const WeightRule& rule : rules(0.3)) {
          double most = 1e-300;
          for (int64_t i = 0; i < kBatch; ++i) {
            if (!active[static_cast<size_t>(i)]) continue;
            const double a = on_device.norm_bound(0, i), b = on_processor.norm_bound(0, i);
            ASSERT_EQ(std::isfinite(a), std::isfinite(b));
            if (!std::isfinite(a)) continue;
            ASSERT_NEAR(a, b, 1e-3 * b);
            most += std::abs(static_cast<double>(rule.weight(a)) - static_cast<double>(rule.weight(b))) * b +
                    2 * 200 * unit * static_cast<double>(rule.weight(b)) * b * 10;
          }
          const Tensors sums = on_processor_of(sum_of(model_there, rule, inputs_there, active, there));
          EXPECT_LE(distance(sums, sum_of(model, rule, inputs, active, here)), most);
          EXPECT_LE(norm(sums), 4 * rule.sensitivity());
          EXPECT_GT(norm(sums), 0.0);
        }
      }
    }
  }
}

// Tensors of the processor would not show that a kernel of the processor reads them.
TEST_F(StepOnADevice, ScalesOfNormalisationsAreRowsOfItsKernel) {
  static int launches = 0;
  kernels::CudaBackend counting = table();
  counting.normalisation_rows_float = [](const kernels::NormalisationShape& shape, const float* input,
                                         const float* mean, const float* deviation, const float* gradient,
                                         float* scales, float* shifts, kernels::Stream stream, unsigned block) {
    ++launches;
    table().normalisation_rows_float(shape, input, mean, deviation, gradient, scales, shifts, stream, block);
  };
  const Tensor x = at::randn({4, 6, 3, 2}), scale = at::rand({6}).requires_grad_(),
               last = at::rand({2}).requires_grad_();
  Clipper clipper({{"group", scale}, {"layer", last}}, {}, WeightRule::flat(0.1), {},
                  {.device = StepDevice(counting, at::kCPU)});
  clipper.add({x},
              [&](const Tensors& inputs) {
                return at::layer_norm(at::group_norm(inputs[0], 3, scale), {2}, last).sin().flatten(1).sum(1);
              },
              {});
  EXPECT_EQ(launches, 2);
}

TEST_F(StepOnADevice, WorkOnAnotherStreamIsRefused) {
  const at::Device where = device_under_test().where();
  if (!where.is_cuda()) GTEST_SKIP() << "the processor has no streams";
  const c10::impl::VirtualGuardImpl streams(at::kCUDA);
  const c10::Stream before = streams.getStream(where), other = streams.getStreamFromGlobalPool(where);
  ASSERT_NE(before, other);
  const Model model = zoo_on_device(at::kFloat)[0];
  const Tensors inputs = moved(model.draw(3));
  const Losses on_another = [&](const Tensors& x) {
    before.synchronize();  // what the model reads is there: it is the step that must notice
    streams.exchangeStream(other);
    return model.losses(x);
  };
  Clipper clipper(model.parameters, {}, WeightRule::flat(0.1), {}, {.device = device_under_test()});
  try {
    clipper.add(inputs, on_another, {});
    ADD_FAILURE() << "was taken";
  } catch (const UsageError& error) {
    EXPECT_TRUE(contains(error.what(), "another CUDA stream")) << error.what();
  }
  streams.exchangeStream(before);
}

TEST_F(StepOnADevice, ItsGeneratorIsSeededSecretlyAndPutBack) {
  const at::Device where = device_under_test().where();
  const auto mask = [&] { return at::dropout(at::ones({256}, where), 0.5, /*train=*/true).cpu(); };
  include_generator_of(where);
  seed_generator(5);
  const GeneratorState state;
  const Tensor first = mask();
  EXPECT_FALSE(at::equal(mask(), first));
  state.restore();
  EXPECT_TRUE(at::equal(mask(), first));
  seed_generator(5);
  EXPECT_TRUE(at::equal(mask(), first));
  at::Generator(at::globalContext().defaultGenerator(where)).set_current_seed(5);
  seed_generator_secretly();
  EXPECT_FALSE(at::equal(mask(), first));
}

using MakeOptimizer = std::function<std::unique_ptr<torch::optim::Optimizer>(Parameters)>;

template <class Optimizer, class Options>
MakeOptimizer with(Options options) {
  return [options](Parameters parameters) { return std::make_unique<Optimizer>(std::move(parameters), options); };
}

const std::vector<std::pair<std::string, MakeOptimizer>>& optimizers() {
  using torch::optim::AdamOptions, torch::optim::AdamWOptions, torch::optim::SGDOptions;
  static const std::vector<std::pair<std::string, MakeOptimizer>> all = {
      {"sgd", with<torch::optim::SGD>(SGDOptions(0.5).weight_decay(0.1))},
      {"nesterov", with<torch::optim::SGD>(SGDOptions(0.5).momentum(0.9).nesterov(true))},
      {"adam", with<torch::optim::Adam>(AdamOptions(0.05))},
      {"adamw", with<torch::optim::AdamW>(AdamWOptions(0.05).weight_decay(0.1))},
      {"rmsprop", with<torch::optim::RMSprop>(torch::optim::RMSpropOptions(0.05))},  // takes a step of its own
  };
  return all;
}

class TrainingOnADevice : public StepOnADevice {
 protected:
  // Parameters after some steps, on `records` records.
  Parameters trained(const MakeOptimizer& make, const StepDevice& on, int64_t records, torch::Dtype dtype) {
    auto net = network(dtype);
    net->to(on.where());
    auto optimizer = make(net->parameters());
    PrivateTrainingOptions of = options({}, std::to_string(++runs_));
    of.tape.device = on;
    PrivateTraining training(*net, *optimizer, tensor_records(data(records, dtype)), of);
    for (int step = 0; step < 4; ++step) training.step(losses_of(net));
    return on_processor_of(values(net));
  }
  int runs_ = 0;
};

// A sum of zeros is released as the noise alone.
TEST_F(TrainingOnADevice, NoiseHasTheBitsOfTheProcessor) {
  for (const auto& [name, make] : optimizers()) {
    for (const torch::Dtype dtype : {torch::kFloat, torch::kDouble}) {
      const Parameters here = trained(make, {}, 0, dtype), there = trained(make, device_under_test(), 0, dtype);
      // An optimizer without a kernel of ours takes LibTorch's step, which a device rounds in its own way.
      if (name == "rmsprop" && device_under_test().where().is_cuda())
        EXPECT_LE(distance(here, there), (dtype == torch::kFloat ? 1e-6 : 1e-14) * norm(here));
      else
        EXPECT_TRUE(identical(here, there)) << name << " " << distance(here, there);
      EXPECT_GT(distance(here, values(network(dtype))), 0.01) << name;
    }
  }
}

TEST_F(TrainingOnADevice, StepsAreThoseOfTheProcessor) {
  for (const auto& [name, make] : optimizers()) {
    const Parameters here = trained(make, {}, kRecords, torch::kDouble);
    EXPECT_LE(distance(trained(make, device_under_test(), kRecords, torch::kDouble), here), 1e-9 * norm(here)) << name;
    EXPECT_GT(distance(trained(make, device_under_test(), 0, torch::kDouble), here), 1e-2 * norm(here)) << name;
  }
}

// Operators that make the host wait for a device.
std::multiset<std::string> read_back_by(const std::function<void()>& work) {
  static std::multiset<std::string> read;
  read.clear();
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
        for (const char* name : {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero"})
          if (std::string(function.name()) == name) read.insert(name);
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  work();
  at::removeCallback(handle);
  return read;
}

TEST_F(StepOnADevice, NothingIsReadBackForASum) {
  EXPECT_EQ(read_back_by([] { at::ones({1}).item<float>(); }).size(), 1U);
  for (const Model& model : zoo_on_device(at::kFloat)) {
    for (const Strategy strategy : {Strategy::gram, Strategy::keep, Strategy::drop}) {
      Clipper clipper(model.parameters, {}, WeightRule::flat(0.1), {},
                      {.force_strategy = strategy, .device = device_under_test()});
      const Tensors inputs = moved(model.draw(3));
      for (const std::string& name : read_back_by([&] { clipper.add(inputs, model.losses, {true, false, true}); }))
        ADD_FAILURE() << name << " of " << model.parameters.size() << " parameters, " << to_string(strategy);
    }
  }
}

TEST_F(TrainingOnADevice, NothingIsReadBackInAStep) {
  for (const MakeOptimizer& make : {optimizers()[1].second, optimizers()[2].second}) {
    auto net = network();
    net->to(device_under_test().where());
    auto optimizer = make(net->parameters());
    PrivateTrainingOptions of = options({}, std::to_string(++runs_));
    of.tape.device = device_under_test();
    PrivateTraining training(*net, *optimizer, tensor_records(data()), of);
    training.step(losses_of(net));  // examines the model first
    for (const std::string& name : read_back_by([&] { training.step(losses_of(net)); })) ADD_FAILURE() << name;
  }
}

// A captured graph reads them where they were when it was captured.
TEST_F(StepOnADevice, CountersOfAnUpdateStayWhereTheyAre) {
  static std::vector<const kernels::DeviceStep*> places;
  static std::vector<kernels::DeviceStep> steps;
  kernels::CudaBackend watched = table();
  watched.adam_update_float = [](const kernels::DeviceTensorNoise& noise, std::size_t, const float*,
                                 const kernels::AdamUpdate<float>&, kernels::Stream, unsigned) {
    places.push_back(noise.step);
    steps.push_back(*noise.step);
  };
  const Tensor parameter = at::zeros({3}).requires_grad_();
  torch::optim::Adam adam({parameter}, torch::optim::AdamOptions(0.1));
  FusedUpdate update = *FusedUpdate::of(adam, {{"p", parameter}}, {watched, at::kCPU});
  constexpr std::uint32_t kKey[8] = {};
  for (const std::uint32_t step : {7U, 9U}) {
    update.begin(step);
    update.apply(0, at::zeros({3}), {.key = kKey, .counter = {step, 0}, .stddev = 1});
  }
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0], places[1]);
  EXPECT_EQ(steps[0].noise, 7U);
  EXPECT_EQ(steps[0].update, 1);
  EXPECT_EQ(steps[1].noise, 9U);
  EXPECT_EQ(steps[1].update, 2);
  EXPECT_EQ(steps[1].correction.mean, kernels::adam_correction(0.9, 0.999, 2).mean);
}

}  // namespace
}  // namespace sotto::optim
