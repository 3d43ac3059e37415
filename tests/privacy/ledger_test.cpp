#include <fcntl.h>
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/sha256.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <type_traits>

namespace sotto::privacy {
namespace {

static_assert(!std::is_copy_constructible_v<Ledger> && std::is_nothrow_move_constructible_v<Ledger>);

constexpr PoissonSampled kEvent{0.1, Gaussian{1.1}};
constexpr PoissonSampled kOther{0.1, Gaussian{0.7}};  // costs more than kEvent

LedgerKeys keys(int incarnation, bool secret = true) {
  return {sha256_hex("noise " + std::to_string(incarnation)), sha256_hex("sampler " + std::to_string(incarnation)),
          secret};
}

LedgerHeader header() {
  LedgerHeader h;
  h.adjacency = Adjacency::add_remove;
  h.dataset_size = 60000;
  h.delta = 1e-5;
  h.event = kEvent;
  h.sensitivity = 0.3;
  h.steps = 100;
  h.accountant_name = "rdp";
  h.accountant_version = "1";
  h.keys_are_secret = true;
  return h;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void replace_content(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}
std::int64_t steps_in(const Composed& spent) {
  std::int64_t total = 0;
  for (const auto& run : spent) total += run.count;
  return total;
}

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    // In memory where possible: these tests flush thousands of times.
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK) == 0;
    std::string pattern = ((usable ? memory : std::filesystem::temp_directory_path()) / "sotto-ledger-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "ledger.jsonl";
  }
  ~LedgerTest() override { std::filesystem::remove_all(folder_); }

  Ledger create() { return Ledger::create(path_, header(), keys(1)); }
  void charge(Ledger& ledger, int steps, const PoissonSampled& event = kEvent, int incarnation = 1) {
    for (int i = 0; i < steps; ++i) ledger.reserve(ledger.next_step(), event, 0.3, keys(incarnation).noise_key);
  }
  std::string refusal() {
    try {
      read_ledger(path_);
    } catch (const LedgerError& error) {
      EXPECT_EQ(error.code(), ExitCode::ledger_refused);
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_, path_;
};

TEST_F(LedgerTest, SpentIsWhatWasReservedAcrossIncarnationsAndEvents) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
    charge(ledger, 2, kOther);
  }
  Ledger ledger = Ledger::open(path_, keys(2));
  EXPECT_EQ(ledger.next_step(), 5);
  charge(ledger, 4, kOther, 2);
  charge(ledger, 1, kEvent, 2);
  const LedgerContents contents = read_ledger(path_);
  for (const Composed& spent : {contents.spent, ledger.spent()}) {
    ASSERT_EQ(spent.size(), 3u);
    EXPECT_EQ(spent[0].count, 3);
    EXPECT_EQ(spent[1].count, 6);
    EXPECT_EQ(spent[2].count, 1);
    EXPECT_EQ(spent[0].event.sampling_rate, 0.1);
    EXPECT_EQ(spent[0].event.mechanism.noise_multiplier, 1.1);
    EXPECT_EQ(spent[1].event.mechanism.noise_multiplier, 0.7);
  }
  EXPECT_EQ(contents.incarnations.size(), 2u);
  EXPECT_EQ(contents.incarnations[1].noise_key, keys(2).noise_key);
  EXPECT_EQ(contents.head_hash, ledger.head_hash());
  EXPECT_EQ(contents.records, ledger.contents().records);
  EXPECT_EQ(contents.last_step, 9);
  EXPECT_FALSE(contents.torn);
}

TEST_F(LedgerTest, HeaderSurvivesExactly) {
  create();
  const LedgerHeader found = read_ledger(path_).header;
  EXPECT_EQ(found.adjacency, Adjacency::add_remove);
  EXPECT_EQ(found.dataset_size, 60000);
  EXPECT_EQ(found.delta, 1e-5);
  EXPECT_EQ(found.event.sampling_rate, 0.1);
  EXPECT_EQ(found.sensitivity, 0.3);
  EXPECT_EQ(found.steps, 100);
  EXPECT_EQ(found.accountant_name, "rdp");
  EXPECT_TRUE(found.keys_are_secret);
  EXPECT_EQ(found.run.size(), 36u);
  EXPECT_EQ(found.run[14], '4');
}

TEST_F(LedgerTest, EveryLineHoldsTheHashOfTheLineBefore) {
  Ledger ledger = create();
  charge(ledger, 3);
  std::ifstream file(path_);
  std::string line, previous(64, '0');
  int lines = 0;
  for (; std::getline(file, line); ++lines) {
    EXPECT_TRUE(line.ends_with("\"previous\":\"" + previous + "\"}")) << line;
    previous = sha256_hex(line);
  }
  EXPECT_EQ(lines, 5);
  EXPECT_EQ(previous, ledger.head_hash());
}

TEST_F(LedgerTest, ReserveIsInTheFileWhenItReturns) {
  Ledger ledger = create();
  for (int step = 0; step < 5; ++step) {
    charge(ledger, 1);
    EXPECT_EQ(steps_in(read_ledger(path_).spent), step + 1);
  }
}

TEST_F(LedgerTest, TestKeysStampTheRunNotPrivate) {
  LedgerHeader h = header();
  h.keys_are_secret = false;
  { Ledger ledger = Ledger::create(path_, h, keys(1, false)); }
  EXPECT_FALSE(read_ledger(path_).header.keys_are_secret);
  EXPECT_NE(content_of(path_).find("NOT PRIVATE"), std::string::npos);
  EXPECT_THROW(Ledger::open(path_, keys(2, true)), LedgerError);
  EXPECT_NO_THROW(Ledger::open(path_, keys(1, false)));
}

TEST_F(LedgerTest, PrivateRunRefusesTestKeysAndUsedKeys) {
  create();
  EXPECT_THROW(Ledger::open(path_, keys(2, false)), LedgerError);
  EXPECT_THROW(Ledger::open(path_, keys(1)), LedgerError);
  LedgerKeys half = keys(2);
  half.sampler_key = keys(1).sampler_key;
  EXPECT_THROW(Ledger::open(path_, half), LedgerError);
  EXPECT_NO_THROW(Ledger::open(path_, keys(2)));
}

// The last record may have been flushed and its noise used before the tail was lost.
TEST_F(LedgerTest, TornTailNeverUnderCountsWhereverItIsCut) {
  for (const PoissonSampled& last : {kEvent, kOther}) {
    std::filesystem::remove(path_);
    {
      Ledger ledger = create();
      charge(ledger, 3);
      charge(ledger, 1, last);
    }
    const std::string whole = content_of(path_);
    const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t length = last_line + 1; length < whole.size(); ++length) {
      replace_content(path_, whole.substr(0, length));
      const LedgerContents read = read_ledger(path_);
      ASSERT_TRUE(read.torn);
      ASSERT_EQ(steps_in(read.spent), 4) << "cut at " << length;
      ASSERT_EQ(read.spent.back().event.mechanism.noise_multiplier, last.mechanism.noise_multiplier);
      {
        Ledger ledger = Ledger::open(path_, keys(2));
        ASSERT_EQ(steps_in(ledger.spent()), 4);
        ASSERT_EQ(ledger.next_step(), 4);
        charge(ledger, 1, kEvent, 2);
      }
      const LedgerContents resumed = read_ledger(path_);
      ASSERT_FALSE(resumed.torn);
      ASSERT_EQ(steps_in(resumed.spent), 5);
    }
  }
}

// Reserve of a step with new parameters is two lines; a cut in the first one loses a step that was never granted.
TEST_F(LedgerTest, TornAnnouncementStillChargesAStep) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
    charge(ledger, 1, kOther);
  }
  const std::string whole = content_of(path_);
  const std::size_t announcement = whole.find("{\"record\":\"event\"");
  replace_content(path_, whole.substr(0, announcement + 20));
  EXPECT_EQ(steps_in(Ledger::open(path_, keys(2)).spent()), 4);
}

TEST_F(LedgerTest, TornIncarnationIsRecoverable) {
  create();
  const std::string whole = content_of(path_);
  replace_content(path_, whole.substr(0, whole.size() - 5));
  Ledger ledger = Ledger::open(path_, keys(2));
  EXPECT_EQ(steps_in(ledger.spent()), 1);
  charge(ledger, 1, kEvent, 2);
  EXPECT_EQ(steps_in(read_ledger(path_).spent), 2);
}

TEST_F(LedgerTest, TornHeaderIsRefused) {
  create();
  const std::string whole = content_of(path_);
  for (std::size_t length : {std::size_t{0}, std::size_t{1}, whole.find('\n')}) {
    replace_content(path_, whole.substr(0, length));
    EXPECT_THROW(Ledger::open(path_, keys(2)), LedgerError) << length;
  }
}

TEST_F(LedgerTest, EveryEditOfACompleteLineIsRefusedNamingALine) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
  }
  const std::string whole = content_of(path_);
  const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
    if (whole[i] == '\n') continue;
    std::string edited = whole;
    edited[i] = edited[i] == '7' ? '3' : '7';
    replace_content(path_, edited);
    const std::string message = refusal();
    // The text inside a string of the last line is vouched for by nothing but the head hash kept elsewhere.
    if (message.empty() && i >= last_line) {
      EXPECT_NE(read_ledger(path_).head_hash, sha256_hex(whole.substr(last_line, whole.size() - last_line - 1)));
      continue;
    }
    ASSERT_NE(message.find(" line "), std::string::npos) << "byte " << i << ": " << edited.substr(i, 30);
  }
}

TEST_F(LedgerTest, RemovedSwappedAndRepeatedLinesAreRefused) {
  {
    Ledger ledger = create();
    charge(ledger, 4);
  }
  std::vector<std::string> lines;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) lines.push_back(line + '\n');
  const auto join = [](const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& part : parts) all += part;
    return all;
  };
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    auto removed = lines, swapped = lines, repeated = lines, blank = lines;
    removed.erase(removed.begin() + static_cast<std::ptrdiff_t>(i));
    std::swap(swapped[i], swapped[i + 1]);
    repeated.insert(repeated.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    blank.insert(blank.begin() + static_cast<std::ptrdiff_t>(i), "\n");
    for (const auto& bad : {removed, swapped, repeated, blank}) {
      replace_content(path_, join(bad));
      EXPECT_NE(refusal().find(" line "), std::string::npos) << i;
      EXPECT_THROW(Ledger::open(path_, keys(2)), LedgerError);
    }
  }
}

TEST_F(LedgerTest, SecondHolderIsRefused) {
  Ledger ledger = create();
  EXPECT_THROW(Ledger::open(path_, keys(2)), LedgerError);
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 0;
    try {
      Ledger second = Ledger::open(path_, keys(2));
    } catch (const LedgerError& error) {
      code = static_cast<int>(error.code());
    }
    ::_exit(code);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 78);
  EXPECT_NO_THROW(read_ledger(path_)) << "reading needs no lock";
}

TEST_F(LedgerTest, LockIsReleasedWithTheObject) {
  { Ledger ledger = create(); }
  { Ledger ledger = Ledger::open(path_, keys(2)); }
  Ledger first = Ledger::open(path_, keys(3));
  Ledger moved = std::move(first);
  EXPECT_THROW(Ledger::open(path_, keys(4)), LedgerError);
}

TEST_F(LedgerTest, ExistingAndMissingFilesAreRefused) {
  EXPECT_THROW(Ledger::open(path_, keys(1)), LedgerError);
  EXPECT_THROW(read_ledger(path_), LedgerError);
  create();
  EXPECT_THROW(create(), LedgerError);
  EXPECT_THROW(Ledger::create(folder_ / "absent" / "ledger.jsonl", header(), keys(1)), IoError);
}

// Every descriptor of this process that points at the ledger is turned into a full device.
void fill_the_disk_under(const std::filesystem::path& path) {
  int found = 0;
  for (int fd = 3; fd < 256; ++fd) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored);
    if (ignored || target != std::filesystem::canonical(path)) continue;
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(::dup2(full, fd), fd);
    ::close(full);
    ++found;
  }
  ASSERT_EQ(found, 1);
}

TEST_F(LedgerTest, FullDiskIsAnErrorAndChargesNothingFurther) {
  Ledger ledger = create();
  charge(ledger, 2);
  fill_the_disk_under(path_);
  EXPECT_THROW(charge(ledger, 1), IoError);
  EXPECT_THROW(charge(ledger, 1), LedgerError) << "no charge after a failed one";
  EXPECT_EQ(steps_in(ledger.spent()), 2);
}

TEST_F(LedgerTest, StepsAreChargedOnce) {
  Ledger ledger = create();
  ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
  ledger.reserve(5, kEvent, 0.3, keys(1).noise_key);
  for (std::int64_t step : {std::int64_t{5}, std::int64_t{4}, std::int64_t{0}, std::int64_t{-1}, kMaxCount + 1})
    EXPECT_THROW(ledger.reserve(step, kEvent, 0.3, keys(1).noise_key), LedgerError) << step;
  EXPECT_EQ(steps_in(ledger.spent()), 2);
  EXPECT_EQ(ledger.next_step(), 6);
}

TEST_F(LedgerTest, ReserveWithAKeyThatWasNotAnnouncedIsRefused) {
  Ledger ledger = create();
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.3, keys(2).noise_key), LedgerError);
}

TEST_F(LedgerTest, RefusesInvalidParameters) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto refuses = [&](auto change) {
    LedgerHeader h = header();
    change(h);
    EXPECT_THROW(Ledger::create(path_, h, keys(1)), UsageError);
    EXPECT_FALSE(std::filesystem::exists(path_));
  };
  refuses([](auto& h) { h.adjacency.reset(); });
  for (std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, kMaxCount + 1}) {
    refuses([&](auto& h) { h.dataset_size = bad; });
    refuses([&](auto& h) { h.steps = bad; });
  }
  for (double bad : {nan, infinity, 0.0, 1.0, -1e-5}) refuses([&](auto& h) { h.delta = bad; });
  for (double bad : {nan, infinity, -0.1, 1.1}) refuses([&](auto& h) { h.event.sampling_rate = bad; });
  for (double bad : {nan, infinity, -1.0}) refuses([&](auto& h) { h.event.mechanism.noise_multiplier = bad; });
  for (double bad : {nan, infinity, 0.0, -1.0}) refuses([&](auto& h) { h.sensitivity = bad; });
  refuses([](auto& h) { h.accountant_name.clear(); });
  refuses([](auto& h) { h.accountant_version.clear(); });
  refuses([](auto& h) { h.keys_are_secret = false; });
  LedgerKeys bad_keys = keys(1);
  bad_keys.noise_key[3] = 'G';
  EXPECT_THROW(Ledger::create(path_, header(), bad_keys), UsageError);
  EXPECT_THROW(Ledger::create(path_, header(), LedgerKeys{}), UsageError);

  Ledger ledger = create();
  EXPECT_THROW(ledger.reserve(0, PoissonSampled{}, 0.3, keys(1).noise_key), UsageError);
  EXPECT_THROW(ledger.reserve(0, kEvent, nan, keys(1).noise_key), UsageError);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0, keys(1).noise_key), UsageError);
  EXPECT_TRUE(ledger.spent().empty());
}

TEST(LedgerText, HexadecimalIsExactAndStrict) {
  for (double value : {0.0, 1.0, 0.1, 1e-5, 1e300, 5e-324, 60000.0, 0.3, 0x1.fffffffffffffp+1023}) {
    const std::string text = ledger_text::hexadecimal(value);
    EXPECT_EQ(ledger_text::parse_hexadecimal(text), value) << text;
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
  EXPECT_EQ(ledger_text::hexadecimal(1.5), "0x1.8p+0");
  for (const char* bad : {"", "0x", "1.5", "0x1.8p+0 ", " 0x1.8p+0", "0x1.80p+0", "0X1.8p+0", "0x3p-1", "nan", "0xnan",
                          "inf", "0xinf", "0x1p+1024", "-", "-0", "0x1.8p+0x", "+0x1p+0", "-0x1p+0"})
    EXPECT_THROW(ledger_text::parse_hexadecimal(bad), std::invalid_argument) << bad;
}

}  // namespace
}  // namespace sotto::privacy
