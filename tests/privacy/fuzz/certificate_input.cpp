#include "certificate_input.h"

#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "../../support/fuzz_bytes.h"

namespace sotto::privacy::testing {
namespace {

using sotto::testing::check;
using sotto::testing::FuzzBytes;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array<double, 20> kNumbers = {
    1,      0.1,    0.5,         3,     1e-5,   0.00005,          2.99995,       12345.678901,
    1e-300, 5e-324, 1234567890., 1e300, 0x1p38, 0x1p38 + 0x1p-14, 3.1e11 + 1e-4, 0,
    -0.0,   -1,     kInfinity,   kUnset};
constexpr std::array<std::int64_t, 9> kCounts = {
    1, 2, 60000, 1000, 0, -1, kMaxCount, kMaxCount + 1, std::numeric_limits<std::int64_t>::min()};
constexpr std::array<std::string_view, 9> kTexts = {
    "flat", "psac", "1", "\xc3\xa9", "a \"b\" \\ /\n", "\x01\x7f", "", "\xf0\x9f\x94\x92", "NOT PRIVATE: "};
constexpr std::array<std::string_view, 4> kHashes = {
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "abc",
    "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"};

std::string text(FuzzBytes& bytes) {
  return std::string(bytes.one_of(kTexts));
}

CertifiedFigure figure(FuzzBytes& bytes) {
  return {bytes.one_of(kCounts), bytes.one_of(kNumbers), bytes.one_of(kNumbers)};
}

// What only some runs have: each with its sense, and what contradicts it.
void add_parts(FuzzBytes& bytes, Certificate& c) {
  const unsigned parts = bytes.next();
  if ((parts & 1U) != 0) {
    c.lattice = LatticeNoise{100, 121};
    c.noise_multiplier =
        bytes.next() % 4 == 3 ? bytes.one_of(kNumbers) : lattice_step(1, *c.lattice).mechanism.noise_multiplier;
  }
  if ((parts & 2U) != 0)
    c.evaluations = CertifiedEvaluations{bytes.one_of(kCounts), bytes.one_of(kCounts), bytes.one_of(kNumbers),
                                         bytes.one_of(kNumbers)};
  if ((parts & 4U) != 0) c.stopped_after_evaluations = bytes.one_of(kCounts);
  if ((parts & 8U) != 0) {
    const double count_noise = bytes.one_of(kNumbers);
    c.adaptive_clipping = CertifiedAdaptiveClipping{bytes.one_of(kNumbers), count_noise};
    if (bytes.next() % 4 != 3) {
      c.weight_rule = "adaptive";
      c.weight_rule_bound = 1;
      c.weight_rule_parameters = {
          {"clip_norm", c.clip_norm}, {"count_noise", count_noise}, {"quantile", 0.5}, {"rate", 0.2}};
      c.noise_multiplier = std::min(c.noise_multiplier, c.adaptive_clipping->gradient_noise_multiplier / 2);
    }
  }
  if ((parts & 16U) != 0) {
    CertifiedSelection selection;
    if (bytes.next() % 2 == 0)
      selection.runs = PoissonRuns{bytes.one_of(kNumbers)};
    else
      selection.runs = TruncatedNegativeBinomial{bytes.one_of(kNumbers), bytes.one_of(kNumbers)};
    selection.candidates = bytes.one_of(kCounts);
    selection.score = text(bytes);
    c.selection = selection;
  }
}

Certificate chosen(FuzzBytes& bytes) {
  Certificate c;
  c.schema = bytes.next() % 4 == 3 ? bytes.next() % 4 : kCertificateSchema;
  c.adjacency = Adjacency::zero_out;
  if (const unsigned adjacency = bytes.next() % 4; adjacency != 0)
    c.adjacency = adjacency == 1   ? std::optional(Adjacency::add_remove)
                  : adjacency == 2 ? std::optional(Adjacency::replace_one)
                                   : std::nullopt;
  if (c.schema != 1 || bytes.next() % 8 == 7) {
    c.run = text(bytes);
    for (int files = bytes.next() % 3; files > 0; --files) c.files[text(bytes)] = bytes.one_of(kHashes);
  }
  c.sotto_version = text(bytes);
  if (bytes.next() % 2 == 1) c.group = text(bytes);
  c.accountant_name = text(bytes);
  c.accountant_version = text(bytes);
  c.noise_multiplier = bytes.one_of(kNumbers);
  c.sampling_rate = bytes.one_of(kNumbers);
  c.dataset_size_declared = bytes.one_of(kCounts);
  c.expected_batch_size = c.sampling_rate * static_cast<double>(c.dataset_size_declared);
  if (const unsigned other = bytes.next(); other > 200) c.expected_batch_size *= other > 240 ? 1 + 1e-10 : 1.1;
  c.clip_norm = bytes.one_of(kNumbers);
  c.weight_rule = text(bytes);
  for (int parameters = bytes.next() % 3; parameters > 0; --parameters)
    c.weight_rule_parameters[text(bytes)] = bytes.one_of(kNumbers);
  c.weight_rule_bound = bytes.one_of(kNumbers);
  c.planned = figure(bytes);
  c.executed = bytes.next() % 2 == 0 ? c.planned : figure(bytes);
  if (bytes.next() % 4 != 0) c.executed.delta = c.planned.delta;
  c.input_scaling = text(bytes);
  for (int clauses = 1 + bytes.next() % 3; clauses > 0; --clauses) c.not_covered.push_back(text(bytes));
  if (bytes.next() > 250) c.not_covered.clear();
  c.noise_generator = text(bytes);
  c.key_source = text(bytes);
  if (bytes.next() % 3 == 2) c.not_private = text(bytes);
  c.ledger_records = bytes.one_of(kCounts);
  c.ledger_head_hash = bytes.one_of(kHashes);
  add_parts(bytes, c);
  return c;
}

bool is_valid(const Certificate& certificate) {
  try {
    validate(certificate);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

// Four decimals, and no smaller. From 2^38 on neighbouring doubles are half as far apart as the places.
bool is_rounded_up(double rounded, double epsilon) {
  return rounded >= epsilon && rounded - epsilon <= 1e-4 + 4e-16 * epsilon;
}

void take_chosen(FuzzBytes& bytes) {
  Certificate certificate = chosen(bytes);
  if (!is_valid(certificate)) {
    try {
      static_cast<void>(to_json(certificate));
    } catch (const UsageError&) {
      return;
    }
    check(false);
  }
  const std::string written = to_json(certificate);
  const Certificate read = parse_certificate(written);
  check(is_rounded_up(read.planned.epsilon, certificate.planned.epsilon));
  check(is_rounded_up(read.executed.epsilon, certificate.executed.epsilon));
  certificate.planned.epsilon = read.planned.epsilon;
  certificate.executed.epsilon = read.executed.epsilon;
  check(read == certificate && to_json(read) == written);
}

}  // namespace

void take_certificate_input(std::span<const std::uint8_t> bytes) {
  FuzzBytes choices(bytes);
  if (choices.next() % 2 == 1) return take_chosen(choices);
  const auto rest = bytes.subspan(bytes.empty() ? 0 : 1);
  const std::string given(rest.begin(), rest.end());
  std::optional<Certificate> read;
  try {
    read = parse_certificate(given);
  } catch (const DataError&) {
    return;
  }
  check(is_valid(*read) && to_json(*read) == given);
  check(read->not_private.has_value() == statement(*read).starts_with("NOT PRIVATE"));
}

}  // namespace sotto::privacy::testing
