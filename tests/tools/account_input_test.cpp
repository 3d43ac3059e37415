// What bad input gets: exit code 64, nothing on the standard output, and one sentence that names the flag, the value
// and what is allowed. One test per row of the table of inputs.

#include <gtest/gtest.h>

#include <string>

#include "account_program.h"

namespace sotto::tools {
namespace {

using testing::expect_usage_error;

const std::string kRate = "--sampling-rate 0.1 ", kNoise = "--noise-multiplier 1 ", kSteps = "--steps 10 ",
                  kDelta = "--delta 1e-5 ";
const std::string kAll = "account epsilon " + kRate + kNoise + kSteps + kDelta;

TEST(AccountInput, NoiseMultiplier) {
  const std::string run = "account epsilon " + kRate + kSteps + kDelta;
  expect_usage_error(run + "--noise-multiplier -1", {"[--noise-multiplier]", "-1", "a finite number >= 0"});
  expect_usage_error(run + "--noise-multiplier nan", {"[--noise-multiplier]", "'nan'", "finite number"});
  expect_usage_error(run + "--noise-multiplier inf", {"[--noise-multiplier]", "'inf'", "finite number"});
  expect_usage_error(run, {"[--noise-multiplier] missing"});
  expect_usage_error("account steps --sampling-rate 0.1 --noise-multiplier 0 --epsilon 1 --delta 1e-5",
                     {"[--noise-multiplier]", "0", "above 0"});
  expect_usage_error("account rate --steps 10 --noise-multiplier 0 --epsilon 1 --delta 1e-5",
                     {"[--noise-multiplier]", "0", "above 0"});
}

TEST(AccountInput, SamplingRate) {
  const std::string run = "account epsilon " + kNoise + kSteps + kDelta;
  expect_usage_error(run, {"[--sampling-rate] missing", "0 to 1"});
  expect_usage_error(run + "--sampling-rate -0.1", {"[--sampling-rate]", "-0.1", "0 to 1"});
  expect_usage_error(run + "--sampling-rate 1.5", {"[--sampling-rate]", "1.5", "0 to 1", "percentage", "batch size"});
  expect_usage_error(run + "--sampling-rate nan", {"[--sampling-rate]", "'nan'"});
  expect_usage_error("account noise --sampling-rate 0 --steps 10 --epsilon 1 --delta 1e-5",
                     {"[--sampling-rate]", "0", "above 0"});
}

TEST(AccountInput, Steps) {
  const std::string run = "account epsilon " + kRate + kNoise + kDelta;
  expect_usage_error(run, {"[--steps] missing", "0 to 2^53", "--epochs"});
  expect_usage_error(run + "--steps -1", {"[--steps]", "-1", "0 to 2^53"});
  expect_usage_error(run + "--steps 9007199254740993", {"[--steps]", "9007199254740993", "2^53"});
  expect_usage_error(run + "--steps 99999999999999999999", {"[--steps]", "'99999999999999999999'"});
  expect_usage_error(run + "--steps 1e4", {"[--steps]", "'1e4'", "integer"});
  expect_usage_error(run + "--steps 10.5", {"[--steps]", "'10.5'", "integer"});
  expect_usage_error("account noise --sampling-rate 0.1 --steps 0 --epsilon 1 --delta 1e-5",
                     {"[--steps]", "0", "1 to 2^53"});
}

TEST(AccountInput, Delta) {
  const std::string run = "account epsilon " + kRate + kNoise + kSteps;
  expect_usage_error(run, {"[--delta] missing"});
  expect_usage_error(run + "--delta 1", {"[--delta]", "1", "at least 0 and below 1"});
  expect_usage_error(run + "--delta -1", {"[--delta]", "-1", "at least 0 and below 1"});
  expect_usage_error(run + "--delta nan", {"[--delta]", "'nan'"});
  expect_usage_error("account noise --sampling-rate 0.1 --steps 10 --epsilon 1 --delta 0",
                     {"[--delta]", "0", "above 0"});
  expect_usage_error("account curve " + kRate + kNoise + kSteps + "--delta 0", {"[--delta]", "0", "above 0"});
}

TEST(AccountInput, Epsilon) {
  const std::string noise = "account noise --sampling-rate 0.1 --steps 10 --delta 1e-5 ";
  expect_usage_error(noise, {"[--epsilon] missing"});
  expect_usage_error(noise + "--epsilon 0", {"[--epsilon]", "0", "above 0"});
  expect_usage_error(noise + "--epsilon -1", {"[--epsilon]", "-1", "above 0"});
  expect_usage_error(noise + "--epsilon inf", {"[--epsilon]", "'inf'", "finite"});
  expect_usage_error("account delta " + kRate + kNoise + kSteps + "--epsilon -1", {"[--epsilon]", "-1", ">= 0"});
  expect_usage_error("account steps --sampling-rate 0.5 --noise-multiplier 1 --epsilon 0.01 --delta 1e-5",
                     {"[--epsilon]", "0.01", "one step", "--noise-multiplier"});
}

TEST(AccountInput, Order) {
  const std::string run = "account rdp " + kRate + kNoise + kSteps;
  expect_usage_error(run, {"[--order] missing", "above 1"});
  expect_usage_error(run + "--order 1", {"[--order]", "1", "above 1"});
  expect_usage_error(run + "--order 2,0.5", {"[--order]", "0.5", "above 1"});
  expect_usage_error(run + "--order 2,", {"[--order]", "''"});
  expect_usage_error(run + "--order nan", {"[--order]", "'nan'"});
  expect_usage_error(run + "--order -inf", {"[--order]", "'-inf'"});
  expect_usage_error(run + "--order 2 --sampler truncated-poisson --cap 50 --dataset-size 100",
                     {"[--sampler] truncated-poisson", "no Renyi curve"});
}

TEST(AccountInput, SizesAndBatch) {
  const std::string run = "account epsilon " + kNoise + kSteps + kDelta;
  expect_usage_error(run + "--dataset-size 10", {"[--sampling-rate] missing", "--batch"});
  expect_usage_error(run + "--batch 10", {"[--batch]", "10", "--dataset-size"});
  expect_usage_error(run + "--dataset-size 10 --batch 11", {"[--batch]", "11", "from 1 to the dataset size 10"});
  expect_usage_error(run + "--dataset-size 10 --batch 0", {"[--batch]", "0", "1 to"});
  expect_usage_error(run + "--dataset-size 0 --batch 1", {"[--dataset-size]", "0", "1 to 2^53"});
  expect_usage_error(run + "--dataset-size -5 --batch 1", {"[--dataset-size]", "-5", "1 to 2^53"});
  expect_usage_error(run + "--dataset-size 1000 --batch 10 --sampling-rate 0.011",
                     {"[--sampling-rate]", "0.011", "--batch 10", "--dataset-size 1000", "10 / 1000 = 0.01"});
  // Agreement is to 1e-12 of the rate.
  expect_usage_error(run + "--dataset-size 1000 --batch 10 --sampling-rate 0.01000000000002", {"disagree"});
}

TEST(AccountInput, EpochsAndSteps) {
  const std::string run = "account epsilon --sampling-rate 0.01 --noise-multiplier 1 --delta 1e-5 ";
  expect_usage_error(run + "--epochs 1 --steps 99", {"[--epochs]", "--steps 99", "100 steps"});
  expect_usage_error(run + "--epochs 0", {"[--epochs]", "0", "above 0"});
  expect_usage_error(run + "--epochs nan", {"[--epochs]", "'nan'"});
  expect_usage_error(run + "--epochs 1e300", {"[--epochs]", "1e+300", "2^53"});
  expect_usage_error("account epsilon --sampling-rate 0 --noise-multiplier 1 --delta 1e-5 --epochs 1",
                     {"[--epochs]", "sampling rate 0", "--steps"});
  expect_usage_error("account rate --noise-multiplier 1 --delta 1e-5 --epsilon 1 --epochs 1",
                     {"[--epochs]", "--steps"});
}

TEST(AccountInput, AdjacencyAndSampler) {
  expect_usage_error(kAll + "--adjacency other", {"[--adjacency]", "'other'", "add-remove, zero-out and replace-one"});
  expect_usage_error(kAll + "--sampler other", {"[--sampler]", "'other'", "poisson", "without-replacement",
                                                "truncated-poisson", "shuffle", "full"});
  const std::string sizes = "account epsilon --dataset-size 100 --batch 10 " + kNoise + kSteps + kDelta;
  for (const char* adjacency : {"", "--adjacency add-remove", "--adjacency zero-out"})
    expect_usage_error(sizes + "--sampler without-replacement " + adjacency,
                       {"[--sampler] without-replacement", "use --adjacency replace-one"});
  expect_usage_error("account epsilon --sampler shuffle --epochs 3 " + kNoise + kDelta,
                     {"[--sampler] shuffle", "use --adjacency zero-out", "replace-one"});
  expect_usage_error("account epsilon --sampler shuffle --adjacency zero-out " + kRate + kNoise + kSteps + kDelta,
                     {"[--sampling-rate]", "0.1", "no amplification", "--sampler poisson"});
  expect_usage_error(sizes + "--sampler truncated-poisson --cap 20 --adjacency replace-one",
                     {"[--sampler] truncated-poisson", "use --adjacency add-remove"});
}

TEST(AccountInput, FlagsOfAnotherSamplerAreRefused) {
  const std::string sizes = "--dataset-size 100 --batch 10 ";
  expect_usage_error(kAll + "--cap 5", {"[--cap]", "'5'", "--sampler poisson"});
  expect_usage_error("account epsilon --sampler full " + kRate + kNoise + kSteps + kDelta,
                     {"[--sampling-rate]", "0.1", "--sampler full"});
  expect_usage_error("account epsilon --sampler full " + sizes + kNoise + kSteps + kDelta,
                     {"[--batch]", "10", "--sampler full"});
  expect_usage_error("account epsilon --sampler truncated-poisson --cap 5 " + kRate + kNoise + kSteps + kDelta,
                     {"[--dataset-size] missing", "1 to 2^53"});
  expect_usage_error("account epsilon --sampler truncated-poisson " + sizes + kNoise + kSteps + kDelta,
                     {"[--cap] missing"});
  expect_usage_error("account epsilon --sampler truncated-poisson --cap 0 " + sizes + kNoise + kSteps + kDelta,
                     {"[--cap]", "0", "1 to 2^53"});
  expect_usage_error("account epsilon --sampler without-replacement --adjacency replace-one --dataset-size 100 " +
                         kNoise + kSteps + kDelta,
                     {"[--batch] missing"});
  expect_usage_error("account epsilon --sampler shuffle --adjacency zero-out " + kNoise + kDelta,
                     {"[--epochs] missing"});
  expect_usage_error("account epsilon --sampler shuffle --adjacency zero-out --steps 3 " + kNoise + kDelta,
                     {"[--steps]", "3", "--epochs"});
  expect_usage_error(
      "account epsilon --sampler shuffle --adjacency zero-out --epochs 2 --steps 90 " + sizes + kNoise + kDelta,
      {"[--epochs]", "--steps 90", "20 to 20 steps"});
  expect_usage_error(
      "account rate --sampler shuffle --adjacency zero-out --epochs 2 --noise-multiplier 9 --epsilon 1 " + kDelta,
      {"[--sampler] shuffle", "poisson"});
  expect_usage_error("account rate --sampler full --steps 2 --noise-multiplier 9 --epsilon 1 " + kDelta,
                     {"[--sampler] full", "poisson"});
}

TEST(AccountInput, Unit) {
  expect_usage_error(kAll + "--unit person", {"[--unit]", "'person'", "record, user and group"});
  expect_usage_error(kAll + "--unit group", {"[--group-size] missing"});
  expect_usage_error(kAll + "--unit group --group-size 0", {"[--group-size]", "0", "1 to"});
  expect_usage_error(kAll + "--unit group --group-size 1001", {"[--group-size]", "1001", "1 to 1000"});
  expect_usage_error(kAll + "--group-size 2", {"[--group-size]", "'2'", "--unit record"});
  expect_usage_error(kAll + "--unit group --group-size 2 --adjacency replace-one",
                     {"[--unit]", "group of 2", "add-remove"});
}

TEST(AccountInput, MethodAndWidth) {
  expect_usage_error(kAll + "--method clt", {"[--method]", "'clt'", "pld, contour, gaussian and rdp"});
  expect_usage_error(kAll + "--method gaussian", {"[--method] gaussian", "without sampling", "allowed here", "rdp"});
  expect_usage_error(kAll + "--width 0", {"[--width]", "0", "above 0 and at most 1"});
  expect_usage_error(kAll + "--width 2", {"[--width]", "2", "above 0 and at most 1"});
  expect_usage_error(kAll + "--width nan", {"[--width]", "'nan'"});
}

TEST(AccountInput, NumbersInTextFillTheWholeText) {
  const std::string run = "account epsilon " + kNoise + kSteps + kDelta;
  expect_usage_error(run + "--sampling-rate 0.1x", {"[--sampling-rate]", "'0.1x'", "character 4"});
  expect_usage_error(run + "--sampling-rate 0,1", {"[--sampling-rate]", "'0,1'", "character 2"});
  expect_usage_error(run + "--sampling-rate 0x", {"[--sampling-rate]", "'0x'"});
  expect_usage_error(run + "--sampling-rate +0.1", {"[--sampling-rate]", "'+0.1'", "character 1"});
  expect_usage_error(run + "--sampling-rate 1e-999", {"[--sampling-rate]", "'1e-999'", "range"});
}

TEST(AccountInput, PhasesAndFiles) {
  expect_usage_error("account compose --delta 1e-5", {"[--events] missing", "--phase"});
  expect_usage_error("account compose --phase 0.1,1 --delta 1e-5", {"[--phase]", "'0.1,1'", "three"});
  expect_usage_error("account compose --phase 0.1,1,2,3 --delta 1e-5", {"[--phase]", "'0.1,1,2,3'", "three"});
  expect_usage_error("account compose --phase 2,1,10 --delta 1e-5", {"[--phase]", "2", "0 to 1"});
  expect_usage_error("account compose --phase 0.1,-1,10 --delta 1e-5", {"[--phase]", "-1", ">= 0"});
  expect_usage_error("account compose --phase 0.1,1,x --delta 1e-5", {"[--phase]", "'x'", "integer"});
  expect_usage_error("account compose --phase 0.1,1,10", {"[--delta] missing", "--epsilon"});
  expect_usage_error("account compose --phase 0.1,1,10 --delta 1e-5 --epsilon 1", {"[--epsilon]", "--delta"});
  expect_usage_error("account compare --phase 0.1,1,10 --delta 1e-5 --steps 3", {"[--steps]", "'3'", "--phase"});
  expect_usage_error("account epsilon --events /nonexistent/events.json --delta 1e-5",
                     {"[--events]", "/nonexistent/events.json"});
  const sotto::testing::ScratchFolder folder;
  const std::string text = R"({"sotto_events":1,"adjacency":"add-remove"})";
  const auto file = folder.write("events.json", {text.begin(), text.end()});
  expect_usage_error("account epsilon --delta 1e-5 --events " + file.string(), {"[--events]", file.string()});
  expect_usage_error("account compose --phase 0.1,1,10 --delta 1e-5 --events " + file.string(),
                     {"[--phase]", "--events"});
}

TEST(AccountInput, OutputFormats) {
  expect_usage_error("account compare --json --csv " + kRate + kNoise + kSteps + kDelta, {"[--csv]", "--json"});
  expect_usage_error("account rdp --json --csv --order 2 " + kRate + kNoise + kSteps, {"[--csv]", "--json"});
  expect_usage_error("account curve --points 1 " + kRate + kNoise + kSteps + kDelta, {"[--points]", "1", "2 to 1000"});
  expect_usage_error("account curve --points 1001 " + kRate + kNoise + kSteps + kDelta,
                     {"[--points]", "1001", "2 to 1000"});
  expect_usage_error("account curve --sampling-rate 0.1 --noise-multiplier 0 --steps 1 " + kDelta,
                     {"[--delta]", "1e-05", "no finite epsilon"});
}

}  // namespace
}  // namespace sotto::tools
