// What sotto writes, one file for each shape that a format has:
//
//   write_samples FOLDER LEDGER_1    writes FOLDER/FORMAT/NAME; LEDGER_1 is a whole ledger of schema 1
//   write_samples --read-events      says of each line of the standard input whether it is read: "read" or "refused"

#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/costs_file.h>
#include <sotto/tools/ledger_anchor.h>

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../event_samples.h"

namespace sotto::privacy {
namespace {

using Path = std::filesystem::path;

void write(const Path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

LedgerKeys keys(int start, bool secret) {
  return {sha256_hex("noise " + std::to_string(start)), sha256_hex("sampler " + std::to_string(start)), secret};
}

LedgerHeader planned() {
  LedgerHeader header;
  header.adjacency = Adjacency::add_remove;
  header.dataset_size = 60000;
  header.delta = 1e-5;
  header.event = {0.01, {1.1}};
  header.weight_rule = "psac";
  header.weight_rule_parameters = {{"clip_norm", 0.3}, {"r", 0.1}};
  header.sensitivity = 0.3;
  header.steps = 100;
  header.accountant_name = "certified";
  header.accountant_version = "1";
  header.keys_are_secret = true;
  return header;
}

// Every kind of record: another release, a checkpoint, a certificate, and a step that was torn.
void write_whole_ledger(const Path& path) {
  {
    Ledger ledger = Ledger::create(path, planned(), keys(1, true));
    ledger.reserve(0, planned().event, 0.3, keys(1, true).noise_key);
    ledger.reserve(1, {0.5, {2}}, 1, keys(1, true).noise_key);
    ledger.record_checkpoint({2, sha256_hex("checkpoint")});
    ledger.record_certificate(sha256_hex("certificate"));
    ledger.reserve(2, planned().event, 0.3, keys(1, true).noise_key);
  }
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  Ledger::open(path, keys(2, true));
}

// Evaluations on private records, of which one was torn.
void write_evaluated_ledger(const Path& path) {
  LedgerHeader header = planned();
  header.evaluations = PlannedEvaluations{100, std::numeric_limits<double>::denorm_min()};
  {
    Ledger ledger = Ledger::create(path, header, keys(1, true));
    ledger.reserve(0, planned().event, 0.3, keys(1, true).noise_key);
    ledger.reserve_evaluation(keys(1, true).noise_key);
    ledger.reserve_evaluation(keys(1, true).noise_key);
  }
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  Ledger::open(path, keys(2, true));
}

// The doubles at the ends of their ranges.
void write_extreme_ledger(const Path& path) {
  constexpr double kLeast = std::numeric_limits<double>::denorm_min(), kMost = std::numeric_limits<double>::max();
  LedgerHeader header = planned();
  header.adjacency = Adjacency::zero_out;
  header.unit_is_group = true;
  header.dataset_size = kMaxCount;
  header.delta = kLeast;
  header.event = {0, {0}};
  header.weight_rule_parameters = {{"", 0}, {"least", kLeast}, {"most", kMost}};
  header.sensitivity = kLeast;
  header.steps = kMaxCount;
  header.keys_are_secret = false;
  Ledger ledger = Ledger::create(path, header, keys(1, false));
  ledger.reserve(0, {1, {kMost}}, kMost, keys(1, false).noise_key);
  ledger.reserve(kMaxCount, {kLeast, {kLeast}}, 1, keys(1, false).noise_key);
}

void write_ledgers(const Path& folder, const Path& first) {
  std::filesystem::create_directories(folder);
  write_whole_ledger(folder / "whole.jsonl");
  write_extreme_ledger(folder / "extreme.jsonl");
  write_evaluated_ledger(folder / "evaluated.jsonl");
  LedgerHeader header = planned();
  header.adjacency = Adjacency::replace_one;
  header.delta = 1 - std::numeric_limits<double>::epsilon();
  header.weight_rule_parameters = {};
  Ledger::create(folder / "replace-one.jsonl", header, keys(1, true));
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  header = planned();
  header.event = lattice_step(0.01, {std::uint64_t{1} << 44, kMost});
  Ledger discrete = Ledger::create(folder / "discrete.jsonl", header, keys(1, true));
  discrete.reserve(0, header.event, 0.3, keys(1, true).noise_key);
  discrete.reserve(1, lattice_step(0.01, {kMost, 1}), 0.3, keys(1, true).noise_key);
  discrete.reserve(2, {0.01, {1.1}}, 0.3, keys(1, true).noise_key);

  // No version writes schema 1 any more: the reader of today must take the line.
  std::string text = read(first);
  text.pop_back();
  const std::string last = text.substr(text.rfind('\n') + 1);
  const LedgerContents contents = parse_ledger(text + '\n', "ledger");
  std::string torn = last.substr(0, last.find(",\"noise_key_commitment\""));
  torn.replace(torn.find("reserve"), 7, "recovered");
  const std::string step = "\"step\":" + std::to_string(contents.last_step);
  torn.replace(torn.find(step), step.size(), "\"step\":" + std::to_string(contents.last_step + 1));
  text += '\n' + torn + R"(,"previous":")" + contents.head_hash + "\"}\n";
  if (parse_ledger(text, "ledger").steps_charged() != contents.steps_charged() + 1)
    throw std::runtime_error("the recovered step of schema 1 was not charged");
  write(folder / "schema-1.jsonl", text);
}

Certificate certificate() {
  Certificate c;
  c.sotto_version = "0.1.0";
  c.run = "3a240727-ee10-4c65-9142-537ea3582d25";
  c.adjacency = Adjacency::add_remove;
  c.accountant_name = "certified";
  c.accountant_version = "1";
  c.noise_multiplier = 1.5;
  c.sampling_rate = 0.5;
  c.dataset_size_declared = 1001;
  c.expected_batch_size = 500.5;
  c.clip_norm = 0.1;
  c.weight_rule = "psac";
  c.weight_rule_parameters = {{"clip_norm", 0.1}, {"r", -0.1}};
  c.weight_rule_bound = 0.1;
  c.planned = {12, 3.25, 1e-5};
  c.executed = {9, 2.5, 1e-5};
  c.input_scaling = "pixels by a public constant";
  c.not_covered = standard_exclusions();
  c.noise_generator = "ChaCha20";
  c.key_source = "operating system";
  c.files = {{"config.toml", sha256_hex("1")}, {"encoder/config.json", sha256_hex("2")}};
  c.ledger_records = 14;
  c.ledger_head_hash = sha256_hex("3");
  return c;
}

void write_certificates(const Path& folder) {
  for (const int schema : {1, kCertificateSchema}) {
    Certificate c = certificate();
    c.schema = schema;
    if (schema == 1) c.run = "", c.files = {};
    const std::string end = "-" + std::to_string(schema) + ".json";
    write(folder / ("stopped" + end), to_json(c));
    if (schema != 1) {
      Certificate discrete = c;
      discrete.lattice = LatticeNoise{std::uint64_t{1} << 60, std::uint64_t{1} << 62};
      discrete.noise_multiplier = 2;
      write(folder / ("discrete" + end), to_json(discrete));
      Certificate evaluated = c;
      evaluated.evaluations = CertifiedEvaluations{12, 9, 20.5, 4.75};
      evaluated.not_covered = standard_exclusions(Noise::normal, false, true);
      write(folder / ("evaluated" + end), to_json(evaluated));
      evaluated.stopped_after_evaluations = 3;
      write(folder / ("stopped-by-itself" + end), to_json(evaluated));
    }
    if (schema != 1) {
      Certificate adaptive = c;
      adaptive.weight_rule = "adaptive";
      adaptive.weight_rule_parameters = {{"clip_norm", 0.1}, {"count_noise", 25}, {"quantile", 0.5}, {"rate", 0.2}};
      adaptive.weight_rule_bound = 1;
      adaptive.adaptive_clipping = CertifiedAdaptiveClipping{gradient_noise_beside_count(1.5, 25), 25};
      write(folder / ("adaptive" + end), to_json(adaptive));
    }
    c.adjacency = Adjacency::zero_out;
    c.group = "all texts of one author";
    write(folder / ("group" + end), to_json(c));
    if (schema != 1) {
      for (const SelectionRuns& runs :
           {SelectionRuns(TruncatedNegativeBinomial{0.5, 0.25}), SelectionRuns(PoissonRuns{10.5})}) {
        Certificate best = c;
        best.selection = {.runs = runs, .candidates = 6, .score = "accuracy on the test records"};
        best.not_covered = standard_exclusions(Noise::normal, true);
        write(folder / ("best-of-several-" + std::to_string(runs.index()) + end), to_json(best));
      }
    }
    c.adjacency = Adjacency::replace_one;
    c.not_private = "the keys came from a seed\nthat was given";
    c.weight_rule_parameters = {};
    c.files = {};
    c.executed.steps = 0;
    c.executed.epsilon = 0;
    write(folder / ("not-private" + end), to_json(c));
  }
}

void write_events(const Path& folder) {
  const auto put = [&](const std::string& name, Adjacency adjacency, const PrivacyUnit& unit, const Event& event) {
    write(folder / (name + ".json"), to_json({.adjacency = adjacency, .unit = unit, .event = event}));
  };
  for (const EventSample& sample : event_samples()) put(sample.name, Adjacency::add_remove, {}, sample.event);
  put("composed", Adjacency::zero_out, {PrivacyUnit::Kind::user},
      Composed{{SelfComposed(PoissonSampled{0.01, {0.7}}, 7), Laplace{0}}});
  put("group", Adjacency::replace_one, {PrivacyUnit::Kind::group, 3}, SelfComposed(Composed{}, 0));

  // What is read of a mechanism besides the one gaussian that is written.
  const std::string joint =
      R"({"event":{"mechanism":{"type":"composed","events":[{"type":"self_composed","count":2,"event":)"
      R"({"type":"gaussian","noise_multiplier":3}},{"type":"gaussian","noise_multiplier":1e2}]},"sampling_rate":1,)"
      R"("type":"poisson_sampled"},"unit":{"kind":"record"},"adjacency":"zero-out","sotto_events":1})";
  parse_events(joint);
  write(folder / "joint.json", joint);
}

void write_others(const Path& folder) {
  const LedgerContents ledger = read_ledger(folder / "ledger" / "whole.jsonl");
  write(folder / "anchor" / "anchor.json", to_json(tools::anchor_of(ledger)));
  const Path costs = folder / "kernel-costs" / "kernel_costs.json";
  for (const char* matmul : {"stock", "fast"})
    tools::kept_costs(costs, {"AMD EPYC", "avx512", 2, "2.15.0", "0.1.0", matmul}, false, [] {
      return tools::CostFigures{1.5e11, 3e11, 1, 1e24};
    });
}

int read_events_of_lines() {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      parse_events(line);
      std::cout << "read\n";
    } catch (const std::exception&) {
      std::cout << "refused\n";
    }
  }
  return 0;
}

int run(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "--read-events") return read_events_of_lines();
  if (count != 3) throw std::runtime_error("usage: write_samples FOLDER LEDGER_1 | --read-events");
  const Path folder = arguments[1];
  write_ledgers(folder / "ledger", arguments[2]);
  write_certificates(folder / "certificate");
  write_events(folder / "events");
  write_others(folder);
  return 0;
}

}  // namespace
}  // namespace sotto::privacy

int main(int count, char** arguments) {
  try {
    return sotto::privacy::run(count, arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
