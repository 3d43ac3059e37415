#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_engines.h>

namespace sotto::tools {
namespace {

EngineAnswer certified(const privacy::CertifiedBracket& found) {
  std::string names;
  for (const privacy::Method method : found.methods)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", to_string(method));
  return {.bracket = found.bracket, .method = fmt::format("certified ({})", names)};
}

template <typename Query>
EngineAnswer by_method(const AccountQuestion& question, const Query& query) {
  const privacy::Method method = question.method.value();
  try {
    const auto accountant = make_accountant(method, question.accounted(), question.precision);
    return {.bracket = query(*accountant), .method = method_name(method)};
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("[--method] {} has no answer here: {}; leave the flag out to ask all engines",
                                 to_string(method), error.what()));
  }
}

}  // namespace

EngineAnswer bracket_epsilon(const AccountQuestion& question, double delta) {
  check_method(question);
  if (question.method)
    return by_method(question, [&](const privacy::Accountant& accountant) { return accountant.epsilon(delta); });
  return certified(certified_epsilon(question.accounted(), delta, question.precision));
}

EngineAnswer bracket_delta(const AccountQuestion& question, double epsilon) {
  check_method(question);
  if (question.method)
    return by_method(question, [&](const privacy::Accountant& accountant) { return accountant.delta(epsilon); });
  return certified(certified_delta(question.accounted(), epsilon, question.precision));
}

std::string method_name(privacy::Method method) {
  return fmt::format("{}{}", to_string(method), method == privacy::Method::rdp ? " (upper bound)" : "");
}

std::optional<EngineAnswer> epsilon_if_poisson(const AccountQuestion& question, double delta) {
  const Sampling& sampling = question.sampling;
  if (question.listed || sampling.sampler != Sampler::shuffle || !sampling.batch || !sampling.steps)
    return std::nullopt;
  AccountQuestion hypothetical = question;
  hypothetical.method.reset();
  hypothetical.sampling.sampler = Sampler::poisson;
  hypothetical.sampling.rate =
      static_cast<double>(*sampling.batch) / static_cast<double>(sampling.dataset_size.value());
  try {
    return bracket_epsilon(hypothetical, delta);
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

}  // namespace sotto::tools
