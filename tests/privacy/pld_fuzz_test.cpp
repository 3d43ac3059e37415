// Random questions over all that the validators accept, absurd corners included, to the accountants that give brackets:
// no crash, no hang, never NaN, never negative, lower <= upper, and monotone: of two runs of which one releases more,
// the lower end of the lesser is not above the upper end of the greater. 2,000 points by default; SOTTO_FUZZ_POINTS
// asks for more.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/contour_accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/grouped_events.h>
#include <sotto/privacy/pld_accountant.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <limits>
#include <optional>
#include <random>
#include <string>

namespace sotto::privacy {
namespace {

constexpr double kMostSeconds = 90;  // of one query: many times what the slowest takes on an idle machine
constexpr std::size_t kFewPoints = std::size_t{1} << 14;

double seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

enum class Kind { poisson, gaussian, without_replacement, truncated, epochs, mixture, laplace, approximate, mixed };
constexpr int kKinds = 9;

struct Releases {
  Kind kind;
  Adjacency adjacency;
  double rate, noise;
  int64_t steps;
  int64_t group, dataset, cap;
  double other_rate, other_noise;  // of a second release

  Event event() const {
    const Gaussian gaussian{noise};
    switch (kind) {
      case Kind::poisson:
        return SelfComposed(PoissonSampled{rate, gaussian}, steps);
      case Kind::gaussian:
        return SelfComposed(gaussian, steps);
      case Kind::without_replacement: {
        const auto batch = static_cast<int64_t>(rate * static_cast<double>(dataset));
        return SelfComposed(WithoutReplacement{std::clamp<int64_t>(batch, 1, dataset), dataset, gaussian}, steps);
      }
      case Kind::truncated:
        return SelfComposed(TruncatedPoisson{rate, dataset, cap, gaussian}, steps);
      case Kind::epochs:
        return EpochOnce{steps, gaussian};
      case Kind::mixture: {
        const double large = std::min(rate, 0.5);
        return SelfComposed(MixtureOfGaussians{noise, {0, 1, 3}, {(1 - large) / 2, (1 - large) / 2, large}}, steps);
      }
      case Kind::laplace:
        return SelfComposed(Laplace{noise}, steps);
      case Kind::approximate:
        return SelfComposed(ApproxDp{1 / noise, rate}, steps);
      case Kind::mixed:
        return Composed{{SelfComposed(PoissonSampled{rate, gaussian}, steps), Gaussian{other_noise},
                         PoissonSampled{other_rate, {other_noise}}, Laplace{other_noise}}};
    }
    std::abort();
  }
  AccountedEvents accounted() const {
    return {adjacency, {group > 1 ? PrivacyUnit::Kind::group : PrivacyUnit::Kind::record, group}, event()};
  }
};

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  int below(int count) { return static_cast<int>(uniform() * count); }
  double log_uniform(double low, double high) {
    return std::clamp(std::exp(std::log(low) + uniform() * (std::log(high) - std::log(low))), low, high);
  }
  double rate() {
    const double kind = uniform();
    if (kind < 0.03) return 1;
    if (kind < 0.08) return 1 - log_uniform(1e-16, 1);
    return kind < 0.7 ? log_uniform(1e-8, 1) : log_uniform(1e-300, 1);
  }
  double noise() { return uniform() < 0.75 ? log_uniform(1e-3, 1e4) : log_uniform(1e-300, 1e300); }
  double delta() {
    const double kind = uniform();
    if (kind < 0.05) return 1 - log_uniform(1e-15, 1);
    return kind < 0.7 ? log_uniform(1e-15, 0.5) : log_uniform(1e-300, 1);
  }
  double epsilon() {
    const double kind = uniform();
    if (kind < 0.05) return 0;
    return kind < 0.7 ? log_uniform(1e-3, 1e2) : log_uniform(1e-300, 1e6);
  }
  int64_t count(double most) { return std::max<int64_t>(1, std::llround(std::floor(log_uniform(1, most)))); }
  Precision precision() {
    if (uniform() < 0.5) return {};
    return {log_uniform(1e-9, 1), log_uniform(1e-9, 1)};
  }
  Releases run() {
    constexpr double kMost = 9007199254740992.0;
    Releases run{};
    run.kind = static_cast<Kind>(below(kKinds));
    run.adjacency = static_cast<Adjacency>(below(3));
    run.rate = rate();
    run.noise = noise();
    run.steps = uniform() < 0.02 ? kMaxCount : count(uniform() < 0.7 ? 1e6 : kMost);
    run.group = uniform() < 0.2 ? count(20) : 1;  // a mixture of hundreds takes long
    run.dataset = count(kMost);
    run.cap = count(1.1 * static_cast<double>(run.dataset));
    run.other_rate = rate();
    run.other_noise = noise();
    return run;
  }
  // A run that releases no less.
  Releases more(Releases run) {
    const double factor = 1 + log_uniform(1e-6, 10);
    switch (below(run.kind == Kind::truncated || run.kind == Kind::mixture ? 2 : 3)) {
      case 0:
        run.steps = static_cast<int64_t>(
            std::min(static_cast<double>(kMaxCount), std::ceil(static_cast<double>(run.steps) * factor)));
        break;
      case 1:
        run.noise = std::max(run.noise / factor, 1e-300);
        break;
      default:
        run.rate = std::min(1.0, run.rate * factor);
    }
    return run;
  }

 private:
  std::mt19937_64 random_;
};

// What was asked, and what came of it.
class Tally {
 public:
  explicit Tally(double least_share_answered) : least_share_answered_(least_share_answered) {}
  ~Tally() {
    std::cout << answered_ << " brackets, " << refused_ << " refusals; the slowest query took " << slowest_
              << " s of processor time: " << slowest_query_ << "\n";
    EXPECT_GE(answered_, least_share_answered_ * (answered_ + refused_));
  }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // A bracket, or nothing where the question was refused in one sentence.
  template <class Query>
  std::optional<Bracket> ask(const std::string& question, double most, const Query& query) {
    const double begin = seconds();
    std::optional<Bracket> found;
    std::string refusal;
    try {
      found = query();
    } catch (const UsageError& error) {
      refusal = error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << question << ": neither a bracket nor a refusal: " << error.what();
    }
    const double took = seconds() - begin;
    if (took > slowest_) slowest_ = took, slowest_query_ = question;
    EXPECT_LT(took, kMostSeconds) << question;
    if (found) {
      answered_ += 1;
      EXPECT_TRUE(0 <= found->lower && found->lower <= found->upper && found->upper <= most)
          << question << ": [" << found->lower << ", " << found->upper << "]";
    } else {
      refused_ += 1;
      EXPECT_EQ(refusal.find("nan"), std::string::npos) << question << ": " << refusal;
      EXPECT_EQ(refusal.find("[discretise]"), std::string::npos) << question << ": " << refusal;
    }
    return found;
  }

 private:
  double least_share_answered_;
  double answered_ = 0, refused_ = 0, slowest_ = 0;
  std::string slowest_query_;
};

int64_t points(double share) {
  const char* text = std::getenv("SOTTO_FUZZ_POINTS");
  return static_cast<int64_t>(share * (text ? std::strtod(text, nullptr) : 2000));
}

std::string described(const AccountedEvents& events, double at) {
  return fmt::format("{}, at {}", to_json(events), at);
}

bool valid(const AccountedEvents& events) {
  try {
    static_cast<void>(why_unsupported(Method::pld, events));
    return true;
  } catch (const UsageError&) {
    return false;  // an event that means nothing under its adjacency or for a group
  }
}

// `engine` makes an object with epsilon(delta) and delta(epsilon) out of events; both are asked about a run and about
// one that releases more, and at a smaller delta and a smaller epsilon.
template <class Engine>
void fuzz(uint64_t seed, int64_t total, double least_share_answered, const Engine& engine) {
  Draw draw(seed);
  Tally tally(least_share_answered);
  for (int64_t i = 0; i < total;) {
    const Releases run = draw.run();
    const AccountedEvents less = run.accounted();
    const AccountedEvents more = draw.more(run).accounted();
    const double delta = std::min(draw.delta(), 1 - 1e-16), epsilon = draw.epsilon();
    const double factor = 1 + draw.log_uniform(1e-6, 100);
    const Precision precision = draw.precision();
    if (!valid(less) || !valid(more)) continue;
    ++i;
    const auto epsilon_of = [&](const AccountedEvents& events, double at) {
      return tally.ask("epsilon of " + described(events, at), std::numeric_limits<double>::infinity(),
                       [&] { return engine(events, precision, i, [&](const auto& one) { return one.epsilon(at); }); });
    };
    const auto delta_of = [&](const AccountedEvents& events, double at) {
      return tally.ask("delta of " + described(events, at), 1,
                       [&] { return engine(events, precision, i, [&](const auto& one) { return one.delta(at); }); });
    };
    const auto compare = [&](const char* what, const std::optional<Bracket>& smaller,
                             const std::optional<Bracket>& larger, double at) {
      if (smaller && larger) {
        EXPECT_LE(smaller->lower, larger->upper) << what << ": " << described(less, at) << "; " << described(more, at);
      }
    };
    if (draw.uniform() < 0.5) {
      const auto here = epsilon_of(less, delta);
      if (draw.uniform() < 0.7)
        compare("epsilon of the greater run", here, epsilon_of(more, delta), delta);
      else
        compare("epsilon at the smaller delta", here, epsilon_of(less, std::max(1e-300, delta / factor)), delta);
    } else {
      const auto here = delta_of(less, epsilon);
      if (draw.uniform() < 0.7)
        compare("delta of the greater run", here, delta_of(more, epsilon), epsilon);
      else
        compare("delta at the smaller epsilon", here, delta_of(less, epsilon / factor), epsilon);
    }
    if (testing::Test::HasFailure()) return;
  }
}

MergedEvents merged(const AccountedEvents& events) {
  return merge(*events.adjacency, for_unit(events));
}

TEST(PldFuzz, PrivacyLossDistributions) {
  fuzz(1, points(1), 0.5, [](const AccountedEvents& events, const Precision& precision, int64_t i, const auto& query) {
    return query(PldAccountant(*events.adjacency, merged(events), precision,
                               i % 400 == 0 ? PldAccountant::kMostPoints : kFewPoints));
  });
}

TEST(PldFuzz, ContourIntegral) {
  fuzz(2, points(1), 0.01, [](const AccountedEvents& events, const Precision&, int64_t, const auto& query) {
    return query(ContourAccountant(*events.adjacency, for_unit(events)));
  });
}

TEST(PldFuzz, ExactGaussian) {
  Draw draw(3);
  Tally tally(1);
  for (int64_t i = 0; i < points(1); ++i) {
    Releases run = draw.run();
    run.kind = Kind::gaussian;
    run.noise = std::max(run.noise, 1e-140);  // less is an infinite loss, and no longer a Gaussian one
    const AccountedEvents events = run.accounted();
    const double delta = draw.delta(), epsilon = draw.epsilon();
    const auto accountant = make_accountant(Method::gaussian, events);
    tally.ask("epsilon of " + described(events, delta), std::numeric_limits<double>::infinity(),
              [&] { return accountant->epsilon(std::min(delta, 1 - 1e-16)); });
    const auto found =
        tally.ask("delta of " + described(events, epsilon), 1, [&] { return accountant->delta(epsilon); });
    EXPECT_GT(found->upper, 0) << described(events, epsilon);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(PldFuzz, CertifiedAnswers) {
  fuzz(4, points(0.05), 0.5, [](const AccountedEvents& events, const Precision& precision, int64_t, const auto& query) {
    struct Certified {
      const AccountedEvents& events;
      const Precision& precision;
      Bracket epsilon(double delta) const { return certified_epsilon(events, delta, precision).bracket; }
      Bracket delta(double epsilon) const { return certified_delta(events, epsilon, precision).bracket; }
    };
    return query(Certified{events, precision});
  });
}

}  // namespace
}  // namespace sotto::privacy
