#include <fmt/format.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_integer.h>
#include <sotto/privacy/selection_json.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace sotto::privacy {

namespace {

using Json = nlohmann::ordered_json;

Json figure_json(const CertifiedFigure& figure) {
  Json json;
  json["steps"] = figure.steps;
  json["epsilon"] = certificate_text::rounded_up_value(figure.epsilon);
  json["delta"] = figure.delta;
  return json;
}

CertifiedFigure figure_of(const Json& json) {
  return {json_integer(json.at("steps")), json.at("epsilon").get<double>(), json.at("delta").get<double>()};
}

Json selection_json(const CertifiedSelection& selection) {
  Json json;
  put_runs(json, "law", selection.runs);
  json["candidates"] = selection.candidates;
  json["score"] = selection.score;
  return json;
}

CertifiedSelection selection_of(const Json& json) {
  return {runs_of(json, "law"), json_integer(json.at("candidates")), json.at("score").get<std::string>()};
}

Json evaluations_json(const CertifiedEvaluations& evaluations) {
  Json json;
  json["planned"] = evaluations.planned;
  json["executed"] = evaluations.executed;
  json["noise_multiplier"] = evaluations.noise_multiplier;
  json["largest_loss"] = evaluations.largest_loss;
  return json;
}

CertifiedEvaluations evaluations_of(const Json& json) {
  return {json_integer(json.at("planned")), json_integer(json.at("executed")),
          json.at("noise_multiplier").get<double>(), json.at("largest_loss").get<double>()};
}

Certificate from_json(const Json& json) {
  Certificate c;
  c.schema = json_integer<int>(json.at("schema"));
  if (c.schema != 1) {
    c.run = json.at("run").get<std::string>();
    c.files = json.at("files").get<std::map<std::string, std::string>>();
  }
  c.sotto_version = json.at("sotto_version").get<std::string>();
  c.adjacency = parse_adjacency(json.at("adjacency").get<std::string>());
  if (json.contains("group")) c.group = json.at("group").get<std::string>();
  c.accountant_name = json.at("accountant").at("name").get<std::string>();
  c.accountant_version = json.at("accountant").at("version").get<std::string>();
  c.noise_multiplier = json.at("noise_multiplier").get<double>();
  if (json.contains("squared_norm"))
    c.lattice = LatticeNoise{json_integer<std::uint64_t>(json.at("squared_norm")),
                             json_integer<std::uint64_t>(json.at("variance"))};
  c.sampling_rate = json.at("sampling_rate").get<double>();
  c.dataset_size_declared = json_integer(json.at("dataset_size_declared"));
  c.expected_batch_size = json.at("expected_batch_size").get<double>();
  c.clip_norm = json.at("clip_norm").get<double>();
  const Json& rule = json.at("weight_rule");
  c.weight_rule = rule.at("name").get<std::string>();
  for (const auto& [name, value] : rule.at("parameters").items())
    c.weight_rule_parameters.emplace(name, value.get<double>());
  c.weight_rule_bound = rule.at("bound").get<double>();
  if (json.contains("adaptive_clipping")) {
    const Json& both = json.at("adaptive_clipping");
    c.adaptive_clipping = CertifiedAdaptiveClipping{both.at("gradient_noise_multiplier").get<double>(),
                                                    both.at("count_noise").get<double>()};
  }
  c.planned = figure_of(json.at("planned"));
  c.executed = figure_of(json.at("executed"));
  if (json.contains("evaluations")) c.evaluations = evaluations_of(json.at("evaluations"));
  if (json.contains("stopped_after_evaluations"))
    c.stopped_after_evaluations = json_integer(json.at("stopped_after_evaluations"));
  if (json.contains("selection")) c.selection = selection_of(json.at("selection"));
  c.input_scaling = json.at("input_scaling").get<std::string>();
  c.not_covered = json.at("not_covered").get<std::vector<std::string>>();
  c.noise_generator = json.at("randomness").at("noise_generator").get<std::string>();
  c.key_source = json.at("randomness").at("key_source").get<std::string>();
  if (json.contains("stamp")) {
    const auto stamp = json.at("stamp").get<std::string>();
    constexpr std::string_view kPrefix = "NOT PRIVATE: ";
    if (!stamp.starts_with(kPrefix)) throw std::invalid_argument("unknown stamp");
    c.not_private = stamp.substr(kPrefix.size());
  }
  c.ledger_records = json_integer(json.at("ledger").at("records"));
  c.ledger_head_hash = json.at("ledger").at("head_hash").get<std::string>();
  return c;
}

}  // namespace

std::string to_json(const Certificate& c) {
  validate(c);
  Json json;
  json["schema"] = c.schema;
  json["sotto_version"] = c.sotto_version;
  if (c.schema != 1) json["run"] = c.run;
  json["private"] = !c.not_private;
  if (c.not_private) json["stamp"] = "NOT PRIVATE: " + *c.not_private;
  json["statement"] = statement(c);
  json["adjacency"] = to_string(*c.adjacency);
  json["unit"] = c.group.empty() ? "record" : "group";
  if (!c.group.empty()) json["group"] = c.group;
  json["sampler"] = "poisson";
  json["accountant"] = {{"name", c.accountant_name}, {"version", c.accountant_version}};
  if (c.schema != 1) json["mechanism"] = c.lattice ? "discrete_gaussian" : "gaussian";
  json["noise_multiplier"] = c.noise_multiplier;
  if (c.lattice) {
    json["squared_norm"] = c.lattice->squared_norm;
    json["variance"] = c.lattice->variance;
  }
  json["sampling_rate"] = c.sampling_rate;
  json["dataset_size_declared"] = c.dataset_size_declared;
  json["expected_batch_size"] = c.expected_batch_size;
  json["clip_norm"] = c.clip_norm;
  Json parameters = Json::object();
  for (const auto& [name, value] : c.weight_rule_parameters) parameters[name] = value;
  json["weight_rule"] = {{"name", c.weight_rule}, {"parameters", parameters}, {"bound", c.weight_rule_bound}};
  if (c.adaptive_clipping)
    json["adaptive_clipping"] = {{"gradient_noise_multiplier", c.adaptive_clipping->gradient_noise_multiplier},
                                 {"count_noise", c.adaptive_clipping->count_noise}};
  json["planned"] = figure_json(c.planned);
  json["executed"] = figure_json(c.executed);
  json["executed"]["valid_only_if"] =
      c.stopped_after_evaluations ? certificate_text::kStoppedByOutputs : certificate_text::kStoppingCondition;
  if (c.evaluations) json["evaluations"] = evaluations_json(*c.evaluations);
  if (c.stopped_after_evaluations) json["stopped_after_evaluations"] = *c.stopped_after_evaluations;
  if (c.selection) json["selection"] = selection_json(*c.selection);
  json["input_scaling"] = c.input_scaling;
  json["not_covered"] = c.not_covered;
  json["randomness"] = {{"noise_generator", c.noise_generator}, {"key_source", c.key_source}};
  if (c.schema != 1) {
    json["files"] = Json::object();
    for (const auto& [name, hash] : c.files) json["files"][name] = hash;
  }
  json["ledger"] = {{"records", c.ledger_records}, {"head_hash", c.ledger_head_hash}};
  try {
    return json.dump(2) + "\n";
  } catch (const Json::type_error&) {
    throw UsageError("[Certificate] a text that is not UTF-8; a file could not hold it");
  }
}

Certificate parse_certificate(std::string_view text) {
  try {
    Certificate certificate = from_json(Json::parse(text));
    if (to_json(certificate) != text)
      throw std::invalid_argument("the text is not what this version writes for these figures");
    return certificate;
  } catch (const std::exception& error) {
    throw DataError(std::string("[parse_certificate] ") + error.what() +
                    "; the certificate was edited, cut, or written by another version");
  }
}

}  // namespace sotto::privacy
