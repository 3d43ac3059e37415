// `sotto train`, `sotto resume` and `sotto evaluate` on folders of pictures, CIFAR files and tables. Runs the real
// program. The same records as IDX files, or in another of these forms, must train the same model.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/sha256.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "../data/idx_bytes.h"
#include "../data/picture_files.h"
#include "program.h"
#include "run_weights.h"

namespace sotto::tools {
namespace {

using data::testing::idx_header, data::testing::joined, data::testing::png_file;
using nlohmann::json;
using sotto::testing::Bytes;
using testing::content, testing::Outcome, testing::Program, testing::run, testing::run_weights;
using ::testing::HasSubstr;
using testing::Words, testing::operator+;

Bytes random_bytes(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  Bytes result(count);
  for (std::uint8_t& byte : result) byte = static_cast<std::uint8_t>(random());
  return result;
}

class OwnData : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, Bytes(text.begin(), text.end())).string();
  }
  // FOLDER/CLASS/NUMBER.png of `pixels` [channels, side, side].
  void write_picture(const std::string& name, int channels, int side, const Bytes& pixels) const {
    Bytes interleaved;
    for (int i = 0; i < side * side; ++i)
      for (int c = 0; c < channels; ++c) interleaved.push_back(pixels[static_cast<size_t>(c * side * side + i)]);
    folder_.write(name, png_file(side, side, channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB, interleaved));
  }
  // Eight random pictures of two classes.
  void write_folder(const std::string& name, int channels, int side) const {
    for (unsigned i = 0; i < 8; ++i)
      write_picture(name + (i < 4 ? "/cat/" : "/dog/") + std::to_string(i) + ".png", channels, side,
                    random_bytes(static_cast<size_t>(channels * side * side), i));
  }
  Words folder_flags(const std::string& name, const std::string& shape) const {
    return {"--train-images", path(name), "--class-names", "cat,dog", "--picture-shape", shape, "--dataset-size", "8"};
  }
  Words table_flags(const std::string& table, const std::string& schema) const {
    return {"--train-table", table, "--table-schema", schema, "--dataset-size", "8", "--model", "mlp"};
  }
  // Two steps on all records, without noise.
  Outcome train(const Words& data, const std::string& output, const Words& more = {},
                const std::function<void()>& prepare = {}) const {
    return run(Words{"train", "--output", path(output), "--threads", "1", "--rule", "none", "--batch", "8", "--steps",
                     "2", "--insecure-test-seed", "5"} +
                   data + more,
               prepare);
  }
  Words private_run(const std::string& output, const std::string& steps) const {
    return {"train", "--output", path(output), "--threads",          "1",  "--batch", "4", "--steps",
            steps,   "--delta",  "0.001",      "--noise-multiplier", "200"};
  }
  std::vector<float> weights(const std::string& output) const { return run_weights(path(output)); }
  privacy::Certificate certificate(const std::string& output) const {
    return privacy::parse_certificate(content(path(output) + "/certificate.json"));
  }
  void expect_refused(const Outcome& outcome, int exit_code, const std::string& what, const std::string& output) const {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(path(output)));
  }
  // Stops the run after some steps, goes on, and evaluates with and without `test`.
  void expect_round_trip(const Words& data, const Words& test, const std::string& output) const {
    Program program(private_run(output, "3000") + data + test);
    ASSERT_TRUE(program.signal_when([&] { return content(path(output + "/ledger.jsonl")).size() > 3000; }, SIGINT));
    const Outcome stopped = program.finish();
    ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
    const size_t size = content(path(output + "/ledger.jsonl")).size();
    Program resumed({"resume", path(output)});
    ASSERT_TRUE(
        resumed.signal_when([&] { return content(path(output + "/ledger.jsonl")).size() > size + 1000; }, SIGINT));
    const Outcome outcome = resumed.finish();
    ASSERT_EQ(outcome.exit_code, 130) << outcome.err;
    const Outcome own = run({"evaluate", path(output), "--json"});
    ASSERT_EQ(own.exit_code, 0) << own.err;
    const Outcome given = run(Words{"evaluate", path(output), "--json"} + test);
    ASSERT_EQ(given.exit_code, 0) << given.err;
    EXPECT_EQ(own.out, given.out);
    EXPECT_EQ(json::parse(own.out).at("test_records"), 8);
  }

  sotto::testing::ScratchFolder folder_;
};

TEST_F(OwnData, FolderOfGreyPicturesTrainsTheModelOfTheSameIdxFiles) {
  write_folder("grey", 1, 12);
  Bytes pixels;
  for (unsigned i = 0; i < 8; ++i) pixels = joined(pixels, random_bytes(144, i));
  const Words idx = {
      "--train-images", folder_.write("images", joined(idx_header({8, 12, 12}), pixels)).string(),
      "--train-labels", folder_.write("labels", joined(idx_header({8}), {0, 0, 0, 0, 1, 1, 1, 1})).string(),
      "--classes",      "2",
      "--dataset-size", "8"};
  for (const auto& [data, output] : {std::pair{idx, "a"}, std::pair{folder_flags("grey", "1x12x12"), "b"}}) {
    const Outcome outcome = train(data, output, {"--model", "mlp"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("x / 127.5 - 1"));
  }
  EXPECT_EQ(weights("a"), weights("b"));
}

TEST_F(OwnData, CifarFilesTrainTheModelOfTheSameFolder) {
  Bytes train_file;
  for (unsigned i = 0; i < 4; ++i) {
    const Bytes pixels = random_bytes(3072, i);
    train_file = joined(joined(train_file, {static_cast<std::uint8_t>(i / 2)}), pixels);
    write_picture(std::string("folder/") + (i < 2 ? "airplane/" : "automobile/") + std::to_string(i) + ".png", 3, 32,
                  pixels);
  }
  const size_t half = train_file.size() / 2;
  for (int batch = 1; batch <= 5; ++batch)
    folder_.write("cifar10/data_batch_" + std::to_string(batch) + ".bin",
                  batch == 1 ? Bytes(train_file.begin(), train_file.begin() + static_cast<std::ptrdiff_t>(half))
                             : Bytes(train_file.begin() + static_cast<std::ptrdiff_t>(half), train_file.end()));
  for (unsigned i = 4; i < 10; ++i)
    write_picture("folder/automobile/" + std::to_string(i) + ".png", 3, 32, random_bytes(3072, 2 + i % 2));
  folder_.write("cifar10/test_batch.bin", train_file);
  const auto there = [&] { ::setenv("SOTTO_DATA", folder_.path().c_str(), 1); };
  const Words model = {"--model", "resnet20"};
  Outcome outcome = train({"cifar10"}, "a", model, there);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("test accuracy"));
  outcome = train(
      {"--train-images", path("folder"), "--class-names", "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck",
       "--picture-shape", "3x32x32", "--dataset-size", "50000"},
      "b", model);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(weights("a"), weights("b"));
  outcome = run({"evaluate", path("a"), "--json"}, there);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out).at("test_records"), 4);
}

// The range 0 to 255 of a number is the public constant of a pixel.
TEST_F(OwnData, TableTrainsTheModelOfTheSamePicturesOfOneRow) {
  const Bytes pixels = random_bytes(8 * 5, 1);
  std::string rows = "a,b,c,d,e,kind\n";
  for (size_t i = 0; i < 8; ++i) {
    for (size_t column = 0; column < 5; ++column) rows += std::to_string(pixels[i * 5 + column]) + ",";
    rows += i % 2 == 0 ? "no\n" : "yes\n";
  }
  const std::string range = ": number 0 255\n";
  const std::string schema = write(
      "s", "@header\na" + range + "b" + range + "c" + range + "d" + range + "e" + range + "kind: label no, yes\n");
  const Words idx = {
      "--train-images", folder_.write("images", joined(idx_header({8, 1, 5}), pixels)).string(),
      "--train-labels", folder_.write("labels", joined(idx_header({8}), {0, 1, 0, 1, 0, 1, 0, 1})).string(),
      "--classes",      "2",
      "--dataset-size", "8",
      "--model",        "mlp"};
  ASSERT_EQ(train(idx, "a").exit_code, 0);
  const Outcome outcome = train(table_flags(write("t.csv", rows), schema), "b");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::vector<float> a = weights("a"), b = weights("b");
  ASSERT_EQ(a.size(), 5u * 1024 + 1024 + 1024 * 1024 + 1024 + 2 * 1024 + 2);
  ASSERT_EQ(b.size(), a.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5F) << i;
}

class OwnTable : public OwnData {
 protected:
  std::string schema_ =
      write("rows.schema", "age: number 0 100\nkind: category a, b, c\nnote: ignore\nlabel: label x, y, z\n");
  std::string rows_ = write("rows.csv", "10,a,,x\n20,b,,y\n30,c,,z\n40,a,,x\n50,b,,y\n60,c,,z\n70,a,,x\n80,b,,y\n");
};

TEST_F(OwnTable, RunIsResumedAndEvaluatedWithItsOwnCopyOfTheSchema) {
  const std::string hash = privacy::sha256_hex(content(schema_)), schema = content(schema_);
  expect_round_trip(table_flags(rows_, schema_), {"--test-table", rows_}, "run");
  EXPECT_EQ(content(path("run/table.schema")), schema);
  EXPECT_THAT(content(path("run/config.toml")), HasSubstr(hash));
  std::filesystem::remove(schema_);
  EXPECT_EQ(run({"evaluate", path("run")}).exit_code, 0);
  write("run/table.schema", schema + "# changed\n");
  for (const char* command : {"evaluate", "resume"}) {
    const Outcome changed = run({command, path("run")});
    EXPECT_EQ(changed.exit_code, 65);
    EXPECT_THAT(changed.err, HasSubstr("SHA-256"));
  }
}

TEST_F(OwnTable, CertificateNamesTheSchemaThatScaledTheRows) {
  const Outcome outcome = run(private_run("run", "2") + table_flags(rows_, schema_));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const privacy::Certificate certificate = this->certificate("run");
  for (const std::string& text : {certificate.input_scaling, privacy::statement(certificate), outcome.out,
                                  content(path("run/model.safetensors"))}) {
    EXPECT_THAT(text, HasSubstr(privacy::sha256_hex(content(schema_))));
    EXPECT_THAT(text, HasSubstr("nothing computed from the records"));
  }
  EXPECT_THAT(certificate.not_covered, ::testing::Contains(HasSubstr("ranges and categories")));
}

TEST_F(OwnTable, BadTablesAreRefused) {
  const Words with =
      private_run("run", "2") + Words{"--table-schema", schema_, "--dataset-size", "8", "--model", "mlp"};
  const auto train_on = [&](const std::string& rows) {
    return run(with + Words{"--train-table", write("bad.csv", rows)});
  };
  expect_refused(train_on("10,a,,x\n101,a,,x\n"), 65, "line 2: column age: outside", "run");
  expect_refused(train_on("10,a,,x\n10,d,,x\n"), 65, "not among the 3 declared", "run");
  expect_refused(train_on("10,a,,w\n"), 65, "column label", "run");
  expect_refused(train_on(""), 65, "bad.csv", "run");
  const Words good = with + Words{"--train-table", rows_};
  expect_refused(run(good + Words{"--test-table", write("other.csv", "10,a,x\n")}), 65,
                 "3 fields; the schema has 4 columns", "run");
  expect_refused(run(good + Words{"--table-schema-sha256", std::string(64, '0')}), 65, "SHA-256", "run");
}

TEST_F(OwnTable, ModelFileTakesRowsAndColourPictures) {
  const Words model = {"--model",
                       std::string(SOTTO_EXPORTED) + "/parts.ts"};  // four numbers of a record, three classes
  Words table = {"--train-table", rows_, "--table-schema", schema_, "--dataset-size", "8"};
  Outcome outcome = run(private_run("table", "2") + table + model + Words{"--test-table", rows_});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(run({"evaluate", path("table")}).exit_code, 0);
  write_folder("colour", 3, 6);
  Words folder = folder_flags("colour", "3x6x6");
  folder[3] = "cat,dog,cow";
  outcome = run(private_run("folder", "2") + folder + model + Words{"--test-images", path("colour")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(run({"evaluate", path("folder")}).exit_code, 0);
}

TEST_F(OwnData, FolderRunIsResumedAndEvaluated) {
  write_folder("colour", 3, 16);
  write_folder("test", 3, 16);
  expect_round_trip(folder_flags("colour", "3x16x16") + Words{"--model", "mlp"}, {"--test-images", path("test")},
                    "run");
  const privacy::Certificate certificate = this->certificate("run");
  EXPECT_THAT(certificate.input_scaling, HasSubstr("x / 127.5 - 1, and by nothing computed from the records"));
  const Outcome mixed = run({"evaluate", path("run"), "--test-table", path("test")});
  EXPECT_EQ(mixed.exit_code, 64);
  EXPECT_THAT(mixed.err, HasSubstr("--test-table"));
}

TEST_F(OwnData, BadFoldersAreRefused) {
  write_folder("colour", 3, 16);
  const auto with = [&](const std::string& names, const std::string& shape, const Words& more = {}) {
    return run(private_run("run", "2") +
               Words{"--train-images", path("colour"), "--class-names", names, "--picture-shape", shape,
                     "--dataset-size", "8", "--model", "mlp"} +
               more);
  };
  expect_refused(with("cat,cow", "3x16x16"), 65, "dog: is the folder of no declared class", "run");
  expect_refused(with("cat,dog", "3x16x17"), 65, "a picture of 16 x 16 where 16 x 17 is declared", "run");
  expect_refused(with("cat,dog", "3x16x16", {"--test-images", path("nowhere")}), 65, "nowhere", "run");
  write_folder("small", 3, 8);
  expect_refused(with("cat,dog", "3x16x16", {"--test-images", path("small")}), 65, "8 x 8", "run");
  folder_.write("colour/cat/notes.txt", {'x'});
  expect_refused(with("cat,dog", "3x16x16"), 65, "notes.txt", "run");
}

}  // namespace
}  // namespace sotto::tools
