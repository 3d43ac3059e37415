// Models that look as if their records could meet, and do not. None is refused, neither by the analysis nor by the
// probe.

#include "zoo.h"

namespace sotto::optim::testing {
namespace {

namespace F = torch::nn::functional;
namespace nn = torch::nn;

std::vector<ZooModel> sound() {
  const Tensor mean = torch::randn({3});
  const Tensor variance = torch::rand({3}) + 0.5;
  return {
      {"dropout", [](auto& p, auto& x) { return per_record(torch::dropout(logits(p, x), 0.5, true)); }},
      {"dropout mask shared by the batch",
       [](auto& p, auto& x) {
         return per_record(logits(p, x) * torch::rand({1, 3}).gt(0.5));
       }},
      {"dropout of whole channels",
       [](auto& p, auto& x) { return per_record(torch::feature_dropout(torch::linear(x[0], p[0]), 0.5, true)); },
       {},
       {4, 5}},
      {"noise on the input",
       [](auto& p, auto& x) { return per_record(torch::linear(x[0] + 0.1 * torch::randn_like(x[0]), p[0])); }},
      {"frozen batch norm",
       [mean, variance](auto& p, auto& x) {
         return per_record(torch::batch_norm(logits(p, x), {}, {}, mean, variance, false, 0.1, 1e-5, false));
       },
       {},
       {5},
       {3, 5},
       {mean, variance}},
      {"softmax over the classes", [](auto& p, auto& x) { return per_record(logits(p, x).softmax(1)); }},
      {"softmax over dimension 0 of a transposed batch",
       [](auto& p, auto& x) { return per_record(logits(p, x).t().softmax(0).t()); }},
      {"mean over the features",
       [](auto& p, auto& x) { return per_record(logits(p, x) - logits(p, x).mean(1, true)); }},
      {"detached mean over the features",
       [](auto& p, auto& x) { return per_record(logits(p, x) - logits(p, x).detach().mean(1, true)); }},
      {"standardised by each record's own deviation",
       [](auto& p, auto& x) { return per_record(torch::linear(x[0] / x[0].std(1, true, true), p[0])); }},
      {"largest of a record", [](auto& p, auto& x) { return per_record(logits(p, x) / x[0].abs().amax(1, true)); }},
      {"smallest of a record by min",
       [](auto& p, auto& x) { return per_record(logits(p, x) - std::get<0>(logits(p, x).min(1, true))); }},
      {"cumulative sum over time",
       [](auto& p, auto& x) { return per_record(torch::linear(x[0], p[0]).cumsum(1)); },
       {},
       {4, 5}},
      {"time-first recurrence",
       [](auto& p, auto& x) {
         const Tensor steps = torch::linear(x[0].transpose(0, 1), p[0]);  // [T, B, D]
         Tensor state = torch::zeros_like(steps.select(0, 0));
         for (int64_t t = 0; t < steps.size(0); ++t) state = (0.5 * state + steps.select(0, t)).tanh();
         return per_record(state);
       },
       {},
       {4, 5}},
      {"time-first view of rows",
       [](auto& p, auto& x) {
         const int64_t batch = x[0].size(0);
         const Tensor rows = x[0].transpose(0, 1).reshape({4 * batch, 5});  // rows of time, then of records
         return per_record(torch::linear(rows, p[0]).view({4, batch, 3}).transpose(0, 1));
       },
       {},
       {4, 5}},
      {"batch folded into rows and back",
       [](auto& p, auto& x) {
         return per_record(torch::linear(x[0].reshape({-1, 5}), p[0]).view({-1, 4, 3}));
       },
       {},
       {4, 5}},
      {"attention inside a record",
       [](auto& p, auto& x) {
         const Tensor h = torch::linear(x[0], p[0]);
         return per_record(at::scaled_dot_product_attention(h, h, h));
       },
       {},
       {4, 5}},
      {"products of a record with itself",
       [](auto& p, auto& x) {
         const Tensor h = torch::linear(x[0], p[0]);
         return per_record(torch::bmm(h, h.transpose(1, 2)));
       },
       {},
       {4, 5}},
      {"products by einsum inside a record",
       [](auto& p, auto& x) {
         const Tensor h = torch::linear(x[0], p[0]);
         return torch::einsum("btd,bsd->bts", {h, h}).flatten(1).sum(1);
       },
       {},
       {4, 5}},
      {"balance of the experts of one record",
       [](auto& p, auto& x) {
         const Tensor gates = torch::linear(x[0], p[0]).softmax(2);
         return per_record(gates) + gates.mean(1).pow(2).sum(1);
       },
       {},
       {4, 5}},
      {"gathered by the record's own label",
       [](auto& p, auto& x) { return -logits(p, x).log_softmax(1).gather(1, x[1].unsqueeze(1)).squeeze(1); },
       {},
       {5},
       {3, 5},
       {},
       {{.sizes = {}, .dtype = at::kLong, .vocabulary = 3}}},
      {"cross entropy without reduction",
       [](auto& p, auto& x) {
         return F::cross_entropy(logits(p, x), x[1], F::CrossEntropyFuncOptions().reduction(torch::kNone));
       },
       {},
       {5},
       {3, 5},
       {},
       {{.sizes = {}, .dtype = at::kLong, .vocabulary = 3}}},
      {"a mask by the record's own values",
       [](auto& p, auto& x) { return per_record(torch::where(logits(p, x) > 0, logits(p, x), 0.1 * logits(p, x))); }},
      {"layer norm", [](auto& p, auto& x) { return per_record(torch::layer_norm(logits(p, x), {3})); }},
      {"group norm of images",
       [](auto& p, auto& x) { return per_record(torch::group_norm(torch::conv2d(x[0], p[0]), 2)); },
       {},
       {3, 4, 4},
       {4, 3, 2, 2}},
      {"max pooling and resized windows",
       [](auto& p, auto& x) { return per_record(torch::max_pool2d(torch::conv2d(x[0], p[0]), 2)); },
       {},
       {3, 5, 5},
       {4, 3, 2, 2}},
      {"zeros of the batch's shape, filled in place",
       [](auto& p, auto& x) {
         Tensor total = torch::zeros_like(x[0].select(1, 0));
         total += per_record(logits(p, x));
         return total;
       }},
      {"Fourier transform over the features of a record",
       [](auto& p, auto& x) { return per_record(torch::real(torch::fft::fft(logits(p, x)))); }},
      {"features turned by complex numbers",
       [](auto& p, auto& x) {
         const Tensor pairs = torch::view_as_complex(logits(p, x).reshape({-1, 2, 2}).contiguous());
         const Tensor turned = pairs * torch::polar(torch::ones({2}), torch::arange(2, torch::kFloat));
         return per_record(torch::view_as_real(turned));
       },
       {},
       {5},
       {4, 5}},
      {"a list of results that begins empty",
       [](auto& p, auto& x) {
         return per_record(torch::cat({torch::empty({0}), logits(p, x)}, 1));
       }},
      {"the input standardised in place",
       [](auto& p, auto& x) {
         x[0].sub_(0.286).div_(0.353);
         return per_record(logits(p, x));
       }},
      {"rows selected from a longer table",
       [](auto& p, auto& x) {
         return per_record(logits(p, x).gather(1, torch::zeros({x[0].size(0), 2}, torch::kLong)));
       }},
      {"a batch as large as the classes",
       [](auto& p, auto& x) { return per_record(logits(p, x).softmax(1)); },
       {},
       {5},
       {4, 5}},
      {"weight by a field of the record",
       [](auto& p, auto& x) { return per_record(logits(p, x)) * x[1]; },
       {},
       {5},
       {3, 5},
       {},
       {{}}},
  };
}

TEST(SoundZoo, IsNotRefused) {
  const std::vector<ZooModel> zoo = sound();
  EXPECT_GE(zoo.size(), 25u);
  for (const ZooModel& model : zoo) {
    const Explanation explanation = examine(model);
    EXPECT_EQ(explanation.verdict, Evidence::probed) << model.name << "\n" << to_text(explanation);
  }
}

// The probe has not left out the size of the batch for models that draw random numbers.
TEST(SoundZoo, IsProbedInFull) {
  for (const ZooModel& model : sound()) {
    const std::vector<std::string> notes = examine(model).notes;
    ASSERT_EQ(notes.size(), 1u) << model.name << notes.back();
    EXPECT_EQ(notes[0].find("independence was probed"), 0u) << model.name << notes[0];
  }
}

// Numbers that have no constant, and reach the result: another batch may draw others, which is not held against it.
TEST(SoundZoo, IsAcceptedWithANoteWhereDrawsCannotBeCompared) {
  const Explanation explanation = examine({"a channel at random", [](auto& p, auto& x) {
                                             const Tensor order = torch::randperm(3);
                                             return per_record(logits(p, x) * order);
                                           }});
  EXPECT_EQ(explanation.verdict, Evidence::probed) << to_text(explanation);
  EXPECT_NE(to_text(explanation).find("places in it were not compared"), std::string::npos) << to_text(explanation);
}

// What is not a number in every run has not changed: the model is not said to keep something between its calls.
TEST(SoundZoo, IsAcceptedWithANoteWhereLossesAreNotFinite) {
  const Explanation explanation = examine(
      {"logarithm of what may be negative", [](auto& p, auto& x) { return torch::log(-per_record(logits(p, x))); }});
  EXPECT_EQ(explanation.verdict, Evidence::probed) << to_text(explanation);
  EXPECT_NE(to_text(explanation).find("not finite"), std::string::npos) << to_text(explanation);
}

}  // namespace
}  // namespace sotto::optim::testing
