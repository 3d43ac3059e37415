#pragma once
// The law of a number of runs (selection_runs.h) as members of a JSON object of nlohmann's library: its name, and then
// its parameters.
//
//   "poisson", "mean"      "truncated-negative-binomial", "eta", "gamma"

#include <sotto/privacy/selection_runs.h>

#include <stdexcept>
#include <string>

namespace sotto::privacy {

// The name goes under `key`.
template <class Json>
void put_runs(Json& object, const char* key, const SelectionRuns& runs) {
  if (const auto* law = std::get_if<TruncatedNegativeBinomial>(&runs)) {
    object[key] = "truncated-negative-binomial";
    object["eta"] = law->eta;
    object["gamma"] = law->gamma;
  } else {
    object[key] = "poisson";
    object["mean"] = std::get<PoissonRuns>(runs).mean;
  }
}

// Inverse of put_runs; ranges are for validate(). Throws std::invalid_argument for an unknown name, and what the
// library throws for members that are missing or of another type.
template <class Json>
SelectionRuns runs_of(const Json& object, const char* key) {
  const auto name = object.at(key).template get<std::string>();
  const auto number = [&](const char* parameter) { return object.at(parameter).template get<double>(); };
  if (name == "poisson") return PoissonRuns{number("mean")};
  if (name == "truncated-negative-binomial") return TruncatedNegativeBinomial{number("eta"), number("gamma")};
  throw std::invalid_argument("unknown law of a number of runs");
}

}  // namespace sotto::privacy
