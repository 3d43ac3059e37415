#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>

#include <limits>

#include "event_samples.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Refused alone and wherever it is nested, with a message that says all of `parts`.
void expect_refusal(const Event& event, const std::vector<std::string>& parts) {
  for (const Event& place : {event, Event(SelfComposed(event, 3)), Event(SelfComposed(event, 0)),
                             Event(Composed{{NoOp{}, SelfComposed(Composed{{event}}, 1)}})}) {
    try {
      validate(place);
      ADD_FAILURE() << "accepted; expected " << parts.front();
    } catch (const UsageError& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      for (const std::string& part : parts)
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << "\nin " << error.what();
    }
  }
}

TEST(Event, EveryKindIsAcceptedWithGoodValues) {
  for (const EventSample& sample : event_samples()) EXPECT_NO_THROW(validate(sample.event)) << sample.name;
}

TEST(Event, EndsOfTheRangesAreAccepted) {
  const double largest = std::numeric_limits<double>::max(), least = std::numeric_limits<double>::denorm_min();
  for (const Event& event : {Event(Gaussian{0}),
                             Event(Gaussian{least}),
                             Event(Gaussian{largest}),
                             Event(PoissonSampled{0, {1}}),
                             Event(PoissonSampled{1, {1}}),
                             Event(PoissonSampled{least, {1}}),
                             Event(WithoutReplacement{1, 1, {1}}),
                             Event(WithoutReplacement{kMaxCount, kMaxCount, {1}}),
                             Event(TruncatedPoisson{0.5, 1, 1, {1}}),
                             Event(TruncatedPoisson{0.5, kMaxCount, kMaxCount, {1}}),
                             Event(EpochOnce{0, {1}}),
                             Event(EpochOnce{kMaxCount, {1}}),
                             Event(MixtureOfGaussians{least, {0}, {1}}),
                             Event(Laplace{0}),
                             Event(Laplace{largest}),
                             Event(ApproxDp{0, 0}),
                             Event(ApproxDp{largest, 1}),
                             Event(SampledDiscreteGaussian{0, 0}),
                             Event(SampledDiscreteGaussian{least, least}),
                             Event(SampledDiscreteGaussian{1, largest}),
                             Event(SelfComposed(NoOp{}, 0)),
                             Event(SelfComposed(NoOp{}, kMaxCount)),
                             Event(Composed{})})
    EXPECT_NO_THROW(validate(event));
}

TEST(Event, UnsetValuesAreRefused) {
  expect_refusal(Gaussian{}, {"[Gaussian]", "nan"});
  expect_refusal(PoissonSampled{}, {"[PoissonSampled]", "nan"});
  expect_refusal(PoissonSampled{.sampling_rate = 0.1, .mechanism = {}}, {"[Gaussian]", "nan"});
  expect_refusal(WithoutReplacement{}, {"[WithoutReplacement]", "-1"});
  expect_refusal(WithoutReplacement{.batch_size = 1, .dataset_size = 2, .mechanism = {}}, {"[Gaussian]"});
  expect_refusal(TruncatedPoisson{}, {"[TruncatedPoisson]"});
  expect_refusal(EpochOnce{}, {"[EpochOnce]", "-1"});
  expect_refusal(MixtureOfGaussians{}, {"[MixtureOfGaussians]"});
  expect_refusal(Laplace{}, {"[Laplace]", "nan"});
  expect_refusal(ApproxDp{}, {"[ApproxDp]", "nan"});
  expect_refusal(ApproxDp{.epsilon = 1}, {"[ApproxDp]", "delta"});
  expect_refusal(SampledDiscreteGaussian{}, {"[SampledDiscreteGaussian]", "sampling_rate: nan"});
  expect_refusal(SampledDiscreteGaussian{.sampling_rate = 1}, {"[SampledDiscreteGaussian]", "noise_multiplier: nan"});
}

TEST(Event, BadNoiseMultipliersAreRefused) {
  for (const double noise : {-1.0, -5e-324, kNan, kInfinity, -kInfinity}) {
    const std::vector<std::string> parts = {"[Gaussian] bad noise_multiplier: ", "finite and >= 0"};
    expect_refusal(Gaussian{noise}, parts);
    expect_refusal(PoissonSampled{0.1, {noise}}, parts);
    expect_refusal(PoissonSampled{0, {noise}}, parts);
    expect_refusal(WithoutReplacement{1, 2, {noise}}, parts);
    expect_refusal(TruncatedPoisson{0.1, 2, 1, {noise}}, parts);
    expect_refusal(EpochOnce{1, {noise}}, parts);
    expect_refusal(Laplace{noise}, {"[Laplace] bad noise_multiplier: ", "finite and >= 0"});
    expect_refusal(SampledDiscreteGaussian{0.1, noise}, {"[SampledDiscreteGaussian] bad noise_multiplier: "});
  }
}

TEST(Event, BadSamplingRatesAreRefused) {
  for (const double rate : {-0.01, -5e-324, 1.0000000000000002, 256.0, kNan, kInfinity, -kInfinity}) {
    expect_refusal(PoissonSampled{rate, {1}}, {"[PoissonSampled] bad sampling_rate: ", "[0, 1]"});
    expect_refusal(TruncatedPoisson{rate, 10, 5, {1}}, {"[TruncatedPoisson] bad sampling_rate: ", "[0, 1]"});
    expect_refusal(SampledDiscreteGaussian{rate, 1}, {"[SampledDiscreteGaussian] bad sampling_rate: ", "[0, 1]"});
  }
  expect_refusal(PoissonSampled{256, {1}}, {"256", "(is this a percentage, or a batch size?)"});
}

TEST(Event, BadCountsAreRefused) {
  for (const int64_t count :
       {int64_t{-1}, kMaxCount + 1, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    const std::string value = std::to_string(count);
    expect_refusal(SelfComposed(NoOp{}, count), {"[SelfComposed] bad count: " + value, "0 to 2^53"});
    expect_refusal(EpochOnce{count, {1}}, {"[EpochOnce] bad count: " + value, "0 to 2^53"});
    EXPECT_THROW(validate(Phase{{0.1, {1}}, count}), UsageError);
    EXPECT_THROW(validate(Event(Phases{{{0.1, {1}}, count}})), UsageError);
  }
}

TEST(Event, BadSizesAreRefused) {
  for (const int64_t size : {int64_t{-1}, int64_t{0}, kMaxCount + 1, std::numeric_limits<int64_t>::max()}) {
    expect_refusal(WithoutReplacement{1, size, {1}},
                   {"[WithoutReplacement] bad dataset_size: " + std::to_string(size)});
    expect_refusal(TruncatedPoisson{0.1, size, 1, {1}}, {"[TruncatedPoisson] bad dataset_size: "});
    expect_refusal(TruncatedPoisson{0.1, 10, size, {1}}, {"[TruncatedPoisson] bad largest_batch: "});
  }
  for (const int64_t batch : {int64_t{-1}, int64_t{0}, int64_t{11}, kMaxCount + 1})
    expect_refusal(WithoutReplacement{batch, 10, {1}}, {"[WithoutReplacement] bad batch_size: ", "from 1 to 10"});
}

TEST(Event, BadMixturesAreRefused) {
  for (const double sd : {0.0, -1.0, kNan, kInfinity})
    expect_refusal(MixtureOfGaussians{sd, {1}, {1}}, {"bad standard_deviation: ", "> 0"});
  for (const double sensitivity : {-1.0, -5e-324, kNan, kInfinity})
    expect_refusal(MixtureOfGaussians{1, {0, sensitivity}, {0.5, 0.5}}, {"bad sensitivity: ", ">= 0"});
  for (const double probability : {0.0, -0.5, 1.5, kNan, kInfinity})
    expect_refusal(MixtureOfGaussians{1, {0, 1}, {0.5, probability}}, {"bad probability: "});
  expect_refusal(MixtureOfGaussians{1, {}, {}}, {"0 sensitivities and 0 probabilities"});
  expect_refusal(MixtureOfGaussians{1, {0, 1}, {1}}, {"2 sensitivities and 1 probabilities"});
  expect_refusal(MixtureOfGaussians{1, {0, 1}, {0.5, 0.5 - 1e-11}}, {"must sum to 1"});
  expect_refusal(MixtureOfGaussians{1, {0, 1}, {0.5, 0.5 + 1e-11}}, {"must sum to 1"});
  const std::vector<double> ones(1024, 1.0), parts(1024, 1.0 / 1024);
  expect_refusal(MixtureOfGaussians{1, ones, parts}, {"1024 sensitivities", "from 1 to 1001"});
}

TEST(Event, BadApproximateReleasesAreRefused) {
  for (const double epsilon : {-0.1, -5e-324, kNan, kInfinity})
    expect_refusal(ApproxDp{epsilon, 0}, {"[ApproxDp] bad epsilon: ", ">= 0"});
  for (const double delta : {-0.1, -5e-324, 1.0000000000000002, kNan, kInfinity})
    expect_refusal(ApproxDp{1, delta}, {"[ApproxDp] bad delta: ", "[0, 1]"});
}

TEST(Event, NestingHasALimit) {
  for (const bool self : {false, true}) {
    Event event = NoOp{};
    for (int level = 0; level < kDeepestEvent; ++level)
      event = self ? Event(SelfComposed(event, 1)) : Event(Composed{{event}});
    EXPECT_NO_THROW(validate(event));
    event = self ? Event(SelfComposed(event, 1)) : Event(Composed{{event}});
    EXPECT_THROW(validate(event), UsageError);
  }
}

TEST(PrivacyUnit, SizeBelongsToGroupsAlone) {
  for (const auto kind : {PrivacyUnit::Kind::record, PrivacyUnit::Kind::user}) {
    EXPECT_NO_THROW(validate(PrivacyUnit{kind, 1}));
    for (const int64_t size : {0, 2, -1}) EXPECT_THROW(validate(PrivacyUnit{kind, size}), UsageError);
  }
  for (const int64_t size : {int64_t{1}, int64_t{3}, kLargestGroup})
    EXPECT_NO_THROW(validate(PrivacyUnit{PrivacyUnit::Kind::group, size}));
  for (const int64_t size : {int64_t{0}, int64_t{-1}, kLargestGroup + 1})
    EXPECT_THROW(validate(PrivacyUnit{PrivacyUnit::Kind::group, size}), UsageError);
  EXPECT_EQ(to_string(PrivacyUnit{PrivacyUnit::Kind::group, 3}), "group of 3");
}

}  // namespace
}  // namespace sotto::privacy
