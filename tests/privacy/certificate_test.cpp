// The text of a certificate: what it holds, that nothing of it can be edited alone, and what is refused.

#include <gtest/gtest.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <string>

#include "../support/scratch_folder.h"
#include "certificate_sample.h"

namespace sotto::privacy {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

TEST(Certificate, JsonRoundTripsUpToTheRoundingOfEpsilon) {
  Certificate c = example();
  const Certificate found = parse_certificate(to_json(c));
  c.planned.epsilon = 1.2501;
  EXPECT_EQ(found, c);
  EXPECT_EQ(to_json(found), to_json(example()));
}

TEST(Certificate, EpsilonIsRoundedUpAndRoundingIsIdempotent) {
  EXPECT_EQ(certificate_text::rounded_up(0), "0.0000");
  EXPECT_EQ(certificate_text::rounded_up(1e-300), "0.0001");
  EXPECT_EQ(certificate_text::rounded_up(1.0), "1.0000");
  EXPECT_EQ(certificate_text::rounded_up(std::nextafter(1.0, 2.0)), "1.0001");
  EXPECT_EQ(certificate_text::rounded_up(2.99991), "3.0000");
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> logarithm(-12, 12);
  for (int i = 0; i < 100000; ++i) {
    const double epsilon = std::pow(10.0, logarithm(generator));
    const std::string text = certificate_text::rounded_up(epsilon);
    const double shown = std::strtod(text.c_str(), nullptr);
    ASSERT_GE(shown, epsilon);
    ASSERT_LE(shown, epsilon + 1.01e-4);
    ASSERT_EQ(certificate_text::rounded_up(shown), text);
  }
}

// Neither a figure nor the statement can be edited alone.
TEST(Certificate, NoByteChangesUnnoticed) {
  const std::string json = to_json(example());
  // Free fields may be changed consistently; then the result differs from the original.
  for (std::size_t i = 0; i < json.size(); ++i) {
    std::string edited = json;
    edited[i] = edited[i] == '1' ? '2' : '1';
    try {
      EXPECT_NE(parse_certificate(edited), parse_certificate(json)) << i;
      EXPECT_TRUE(edited.find(statement(example())) != std::string::npos) << "the statement was changed";
    } catch (const DataError&) {
    }
  }
  for (std::size_t length = 0; length < json.size(); ++length)
    ASSERT_THROW(parse_certificate(json.substr(0, length)), DataError) << length;
}

TEST(Certificate, FiguresThatDisagreeWithTheStatementAreRefused) {
  const std::string json = to_json(example());
  const auto refuses = [&](const std::string& from, const std::string& to) {
    std::string edited = json;
    const std::size_t at = edited.rfind(from);
    ASSERT_NE(at, std::string::npos) << from;
    edited.replace(at, from.size(), to);
    EXPECT_THROW(parse_certificate(edited), DataError) << to;
  };
  refuses("\"epsilon\": 1.2501", "\"epsilon\": 0.9501");
  refuses("\"steps\": 1000", "\"steps\": 500");
  refuses("\"noise_multiplier\": 1.1", "\"noise_multiplier\": 2.1");
  refuses("\"private\": true", "\"private\": false");
  refuses("\"schema\": 2", "\"schema\": 1");
  refuses("\"schema\": 2", "\"schema\": 3");
  refuses("config.toml\": \"bb", "config.toml\": \"BB");
  refuses("\"unit\": \"record\"", "\"unit\": \"user\"");
  refuses("}\n", "}\n\n");
}

TEST(Certificate, FileHoldsTheCanonicalText) {
  const testing::ScratchFolder folder;
  const auto path = folder.path() / "certificate.json";
  write_certificate(path, example());
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), to_json(example()));
}

TEST(Certificate, FirstSchemaIsStillRead) {
  std::ifstream file(std::filesystem::path(SOTTO_TEST_DATA) / "certificate-1.json", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Certificate c = parse_certificate(text);
  EXPECT_EQ(c.schema, 1);
  EXPECT_EQ(c.planned.epsilon, 0.4019);
  EXPECT_EQ(c.executed.steps, 9);
  EXPECT_TRUE(c.files.empty());
  EXPECT_EQ(to_json(c), text);
}

// As this version wrote it, of the run of ledger-2.jsonl: see LedgerTest.SecondSchemaIsReadAsItWasWritten.
TEST(Certificate, SecondSchemaIsReadAsItWasWritten) {
  std::ifstream file(std::filesystem::path(SOTTO_TEST_DATA) / "certificate-2.json", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Certificate c = parse_certificate(text);
  EXPECT_EQ(c.schema, 2);
  EXPECT_EQ(c.planned.epsilon, 0.4019);
  EXPECT_EQ(c.executed.steps, 12);
  EXPECT_EQ(c.files.size(), 1u);
  EXPECT_EQ(c.ledger_records, 16);
  EXPECT_EQ(c.ledger_head_hash, "f12cabd5e0127489a656d4c3f5cdf8e972eee2755a4b1cdf529c94855b3d077e");
  EXPECT_EQ(to_json(c), text);
}

TEST(Certificate, HalfFilledCertificatesAreRefused) {
  const auto refuses = [](const char* what, const std::function<void(Certificate&)>& change) {
    Certificate c = example();
    change(c);
    EXPECT_THROW(validate(c), UsageError) << what;
    EXPECT_THROW(to_json(c), UsageError) << what;
    EXPECT_THROW(statement(c), UsageError) << what;
  };
  EXPECT_THROW(validate(Certificate{}), UsageError);
  refuses("version", [](auto& c) { c.sotto_version.clear(); });
  refuses("adjacency", [](auto& c) { c.adjacency.reset(); });
  refuses("accountant name", [](auto& c) { c.accountant_name.clear(); });
  refuses("accountant version", [](auto& c) { c.accountant_version.clear(); });
  refuses("weight rule", [](auto& c) { c.weight_rule.clear(); });
  refuses("input scaling", [](auto& c) { c.input_scaling.clear(); });
  refuses("not covered", [](auto& c) { c.not_covered.clear(); });
  refuses("empty clause", [](auto& c) { c.not_covered.emplace_back(); });
  refuses("noise generator", [](auto& c) { c.noise_generator.clear(); });
  refuses("key source", [](auto& c) { c.key_source.clear(); });
  refuses("stamp without reason", [](auto& c) { c.not_private = ""; });
  refuses("head hash", [](auto& c) { c.ledger_head_hash = "abc"; });
  refuses("run", [](auto& c) { c.run.clear(); });
  refuses("schema", [](auto& c) { c.schema = 3; });
  refuses("files of schema 1", [](auto& c) {
    c.schema = 1;
    c.run.clear();
  });
  refuses("file without a hash", [](auto& c) { c.files["model.safetensors"] = ""; });
  refuses("file without a name", [](auto& c) { c.files[""] = std::string(64, 'a'); });
  refuses("head hash digits", [](auto& c) { c.ledger_head_hash[5] = 'G'; });
  for (double bad : {kNan, kInfinity, -kInfinity, 0.0, -1.0}) {
    refuses("noise multiplier", [&](auto& c) { c.noise_multiplier = bad; });
    refuses("sampling rate", [&](auto& c) { c.sampling_rate = bad; });
    refuses("expected batch size", [&](auto& c) { c.expected_batch_size = bad; });
    refuses("clip norm", [&](auto& c) { c.clip_norm = bad; });
    refuses("bound", [&](auto& c) { c.weight_rule_bound = bad; });
    refuses("delta", [&](auto& c) { c.planned.delta = c.executed.delta = bad; });
  }
  for (double bad : {kNan, kInfinity, -kInfinity, -1e-9}) {
    refuses("planned epsilon", [&](auto& c) { c.planned.epsilon = bad; });
    refuses("executed epsilon", [&](auto& c) { c.executed.epsilon = bad; });
  }
  for (double bad : {kNan, kInfinity}) refuses("parameter", [&](auto& c) { c.weight_rule_parameters["r"] = bad; });
  for (std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, kMaxCount + 1})
    refuses("dataset size", [&](auto& c) { c.dataset_size_declared = bad; });
  for (std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}}) {
    refuses("planned steps", [&](auto& c) { c.planned.steps = bad; });
    refuses("ledger records", [&](auto& c) { c.ledger_records = bad; });
  }
  refuses("executed steps", [](auto& c) { c.executed.steps = -1; });
  refuses("sampling rate above one", [](auto& c) { c.sampling_rate = 1.5; });
}

TEST(Certificate, TextsThatAreNotUtf8AreRefused) {
  Certificate c = example();
  c.input_scaling = "\xff";
  EXPECT_THROW(to_json(c), UsageError);
}

TEST(Certificate, InconsistentFiguresAreRefused) {
  const auto refuses = [](const std::function<void(Certificate&)>& change) {
    Certificate c = example();
    change(c);
    EXPECT_THROW(validate(c), UsageError);
  };
  refuses([](auto& c) { c.executed.steps = c.planned.steps + 1; });
  refuses([](auto& c) { c.executed.epsilon = c.planned.epsilon + 0.01; });
  refuses([](auto& c) { c.executed.delta = 1e-6; });
  refuses([](auto& c) { c.expected_batch_size = 255; });
}

TEST(Certificate, StandardExclusionsAreAcceptable) {
  Certificate c = example();
  c.not_covered = standard_exclusions();
  EXPECT_NO_THROW(validate(c));
}

}  // namespace
}  // namespace sotto::privacy
