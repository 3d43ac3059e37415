// A run in miniature, to be killed: ledger_writer FOLDER STEPS
//
// It begins or continues FOLDER/ledger.jsonl, charges a step after the other, and writes each to FOLDER/noise the
// moment its noise would be drawn: the number of the step and the name of the key. After every third step it writes
// FOLDER/ledger.jsonl.checkpoint. Exit codes are those of the errors.

#include <fcntl.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/secret_key.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace sotto::privacy;

constexpr PoissonSampled kRelease{0.01, Gaussian{1.0}};
constexpr PoissonSampled kOther{0.01, Gaussian{2.0}};  // every fifth step
constexpr PlannedEvaluations kEvaluations{500, 20};    // one after every second step
constexpr double kSensitivity = 0.5;

LedgerHeader header() {
  LedgerHeader result;
  result.adjacency = Adjacency::add_remove;
  result.dataset_size = 1000;
  result.delta = 1e-5;
  result.event = kRelease;
  result.weight_rule = "flat";
  result.sensitivity = kSensitivity;
  result.steps = 1000;
  result.evaluations = kEvaluations;
  result.accountant_name = "certified";
  result.accountant_version = "1";
  result.keys_are_secret = true;
  return result;
}

void draw_noise(const std::filesystem::path& file_of_draws, std::int64_t step, const std::string& key) {
  const int file = ::open(file_of_draws.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const bool written = file >= 0 && write_fully(file, std::to_string(step) + " " + key + "\n");
  if (!written || ::close(file) != 0) throw sotto::IoError("[ledger_writer] cannot write what was drawn");
}

void run(const std::filesystem::path& folder, std::int64_t steps) {
  const std::filesystem::path path = folder / "ledger.jsonl", checkpoint = path.string() + ".checkpoint";
  const SecretKey noise = SecretKey::from_operating_system(), sampler = SecretKey::from_operating_system();
  const LedgerKeys keys{noise.commitment(), sampler.commitment(), true};
  std::ifstream file(path);
  std::string first;
  const bool begun = std::getline(file, first) && !file.eof();
  Ledger ledger = begun ? Ledger::open(path, keys) : Ledger::create(path, header(), keys);
  while (ledger.contents().steps_charged() < steps) {
    const std::int64_t step = ledger.next_step();
    const PoissonSampled& release = step % 5 == 4 ? kOther : kRelease;
    ledger.begin_reserve(step, release, kSensitivity, keys.noise_key);
    ledger.reserve(step, release, kSensitivity, keys.noise_key);
    draw_noise(folder / "noise", step, keys.noise_key);
    const LedgerContents& charged = ledger.contents();
    if (evaluations_due(kEvaluations.count, charged.steps_charged(), charged.header.steps) >
        charged.evaluations_charged)
      draw_noise(folder / "evaluations", ledger.reserve_evaluation(keys.noise_key), keys.noise_key);
    if (step % 3 != 2) continue;
    const std::string_view content = "a checkpoint\n";
    write_file_atomically(checkpoint, std::span(&content, 1), [&](const std::string& sha256) {
      ledger.record_checkpoint({ledger.contents().steps_charged(), sha256});
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return static_cast<int>(sotto::ExitCode::usage);
  try {
    run(argv[1], std::atoll(argv[2]));
    return 0;
  } catch (const sotto::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(sotto::ExitCode::internal);
  }
}
