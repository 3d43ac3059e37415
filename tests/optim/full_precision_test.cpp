// Modes in which LibTorch rounds the factors of products do not reach norms and sums.

#include <ATen/ops/zeros_like.h>
#include <ATen/record_function.h>
#include <sotto/optim/probe.h>

#include <functional>
#include <stdexcept>

#include "clipper_models.h"

namespace sotto::optim {
namespace {

// Reduced-precision products: once a program asks for "medium", LibTorch may round the factors of float products to
// bfloat16. Not every processor has such products, so the modes themselves are watched: no operator of the forward
// pass, the backward pass, the norms or the sums may run with one.
class ReducedPrecision : public ClipperTest {
 protected:
  ReducedPrecision() { reset(); }
  ~ReducedPrecision() override { reset(); }
  static void reset() {
    at::globalContext().setFloat32MatmulPrecision("highest");
    for (const auto op : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN}) {
      at::globalContext().setFloat32Precision(at::Float32Backend::MKLDNN, op, at::Float32Precision::NONE);
      at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, op, at::Float32Precision::NONE);
    }
  }
  static bool reduced(at::Float32Op op) {
    for (const auto backend : {at::Float32Backend::MKLDNN, at::Float32Backend::CUDA}) {
      const auto precision = at::globalContext().float32Precision(backend, op);
      if (precision != at::Float32Precision::NONE && precision != at::Float32Precision::IEEE) return true;
    }
    return false;
  }

  // Counts the operators that run, those in reduced precision apart.
  struct Count {
    int all = 0;
    int reduced = 0;
    std::string first;  // name of one that ran in reduced precision
  };
  static Count operators(const std::function<void()>& work) {
    static Count count;
    count = {};
    const auto handle = at::addThreadLocalCallback(
        at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
          ++count.all;
          if (reduced(at::Float32Op::MATMUL) || reduced(at::Float32Op::CONV) || reduced(at::Float32Op::RNN)) {
            ++count.reduced;
            count.first = count.first.empty() ? function.name() : count.first;
          }
          return nullptr;
        }).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    work();
    at::removeCallback(handle);
    return count;
  }
  static void check() {
    for (const Model& model : zoo(at::kFloat)) {
      const Tensors inputs = model.draw(4);
      for (const Strategy strategy : {Strategy::gram, Strategy::keep, Strategy::drop}) {
        Clipper clipper(model.parameters, {}, WeightRule::flat(0.1), {}, {.force_strategy = strategy});
        const Count count = operators([&] { clipper.add(inputs, model.losses, {}); });
        EXPECT_GT(count.all, 20);
        EXPECT_EQ(count.reduced, 0) << to_string(strategy) << ": " << count.first;
      }
      for (const Fallback fallback : {Fallback::none, Fallback::per_record}) {
        Tape tape(model.parameters, {}, {}, {.fallback = fallback});
        Tensors sums;
        for (const auto& p : model.parameters) sums.push_back(at::zeros_like(p.tensor).detach());
        const Tensor weights = at::full({1, 4}, 0.5f);
        const Count count = operators([&] { tape.run(inputs, model.losses).add_weighted(weights, sums); });
        EXPECT_GT(count.all, 20);
        EXPECT_EQ(count.reduced, 0) << "without a clipper: " << count.first;
      }
    }
  }
};

TEST_F(ReducedPrecision, OlderInterfaceDoesNotReachNormsAndSums) {
  for (const auto& [name, mode] :
       {std::pair{"medium", at::Float32MatmulPrecision::MEDIUM}, std::pair{"high", at::Float32MatmulPrecision::HIGH}}) {
    at::globalContext().setFloat32MatmulPrecision(name);
    ASSERT_TRUE(reduced(at::Float32Op::MATMUL));
    check();
    EXPECT_EQ(at::globalContext().float32MatmulPrecision(), mode);  // as the program left it
  }
}

TEST_F(ReducedPrecision, NewerInterfaceDoesNotReachNormsAndSums) {
  for (const auto op : {at::Float32Op::MATMUL, at::Float32Op::CONV}) {
    at::globalContext().setFloat32Precision(at::Float32Backend::MKLDNN, op, at::Float32Precision::BF16);
    ASSERT_TRUE(reduced(op));
    check();
    EXPECT_EQ(at::globalContext().float32Precision(at::Float32Backend::MKLDNN, op), at::Float32Precision::BF16);
    at::globalContext().setFloat32Precision(at::Float32Backend::MKLDNN, op, at::Float32Precision::NONE);
  }
}

// They are rounded to TF32 unless a program says otherwise.
TEST_F(ReducedPrecision, ConvolutionsOfADeviceAreInFullPrecisionMeanwhile) {
  const auto now = [](at::Float32Op op) { return at::globalContext().float32Precision(at::Float32Backend::CUDA, op); };
  for (const auto op : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN}) {
    at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, op, at::Float32Precision::TF32);
    ASSERT_TRUE(reduced(op));
    check();
    EXPECT_EQ(now(op), at::Float32Precision::TF32);  // as the program left it
  }
}

// Convolutions of a device, rounded to TF32, change by some thousandths with the size of the batch.
TEST_F(ReducedPrecision, TheProbeRunsTheModelInFullPrecision) {
  at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV, at::Float32Precision::TF32);
  ASSERT_TRUE(reduced(at::Float32Op::CONV));
  const Model model = identity(3, at::kFloat);
  int runs = 0;
  probe(model.parameters, {{.sizes = {3}}}, [&](const Tensors& inputs) {
    EXPECT_FALSE(reduced(at::Float32Op::CONV));
    ++runs;
    return model.losses(inputs);
  });
  EXPECT_GT(runs, 3);
  EXPECT_TRUE(reduced(at::Float32Op::CONV));
}

TEST_F(ReducedPrecision, ModesReturnAfterAnError) {
  at::globalContext().setFloat32MatmulPrecision("medium");
  const Model model = zoo(at::kFloat)[0];
  Clipper clipper(model.parameters, {}, WeightRule::flat(1.0));
  EXPECT_THROW(
      clipper.add(model.draw(3), [](const Tensors&) -> Tensor { throw std::runtime_error("a user's error"); }, {}),
      std::runtime_error);
  EXPECT_TRUE(reduced(at::Float32Op::MATMUL));
}

}  // namespace
}  // namespace sotto::optim
