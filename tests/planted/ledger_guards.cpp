#include <signal.h>
#include <sotto/privacy/budget_guard.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/secret_key.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/checkpoint_anchor.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "../tools/run_in_files.h"
#include "detectors.h"

namespace sotto::testing {
namespace {

using namespace sotto::privacy;

constexpr PoissonSampled kStep{0.05, Gaussian{1.1}};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// A ledger of ten planned steps of which three were charged.
class Charged {
 public:
  Charged() {
    LedgerHeader header;
    header.adjacency = Adjacency::add_remove;
    header.dataset_size = 1000;
    header.delta = 1e-5;
    header.event = kStep;
    header.weight_rule = "flat";
    header.sensitivity = 0.5;
    header.steps = 10;
    header.accountant_name = "certified";
    header.accountant_version = "1";
    header.keys_are_secret = true;
    header_ = header;
    Ledger ledger = Ledger::create(path(), header, keys(1));
    for (int i = 0; i < 3; ++i) ledger.reserve(ledger.next_step(), kStep, 0.5, keys(1).noise_key);
  }
  static LedgerKeys keys(int start, bool secret = true) { return tools::testing::RunInFiles::keys(start, secret); }
  std::filesystem::path path() const { return folder_.path() / "ledger.jsonl"; }
  const LedgerHeader& header() const { return header_; }

 private:
  ScratchFolder folder_{ScratchFolder::memory()};
  LedgerHeader header_;
};

void keys_of_a_run() {
  must_be_refused<LedgerError>("a key that was used before", [] {
    const Charged ledger;
    Ledger::open(ledger.path(), Charged::keys(1));
  });
  must_be_refused<LedgerError>("a test key in a private run", [] {
    const Charged ledger;
    Ledger::open(ledger.path(), Charged::keys(2, false));
  });
  demand(SecretKey::from_operating_system().commitment() != SecretKey::from_operating_system().commitment(),
         "two keys from the operating system are the same");
  demand(!SecretKey::insecure_for_tests(7).derive("noise").is_secret(),
         "a key that was made of a seed passes for secret");
}

// The child only reports whether it could use the parent's key.
void forked_children() {
  const SecretKey key = SecretKey::from_operating_system();
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(key.words().size() == 8 ? 1 : 2);
    } catch (const std::exception&) {
      ::_exit(0);
    }
  }
  int status = -1;
  demand(::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
         "a forked child can draw its parent's noise");
}

void ledgers_of_others() {
  const Charged charged;
  must_be_refused<LedgerError>("a new run in the place of a charged ledger",
                               [&] { Ledger::create(charged.path(), charged.header(), Charged::keys(3)); });
  Ledger held = Ledger::open(charged.path(), Charged::keys(4));
  must_be_refused<LedgerError>("a second process with the same ledger",
                               [&] { Ledger::open(charged.path(), Charged::keys(5)); });
}

void damaged_ledgers() {
  {
    const Charged charged;
    const std::string text = text_of(charged.path());
    write_text(charged.path(), text.substr(0, text.size() - 80));  // in the middle of the last line
    demand(read_ledger(charged.path()).steps_charged() == 3, "a torn record is not counted");
    const Ledger ledger = Ledger::open(charged.path(), Charged::keys(6));
    demand(ledger.contents().steps_charged() == 3, "the step of a torn record is gone after a start");
    demand(read_ledger(charged.path()).steps_charged() == 3, "the step of a torn record is gone from the file");
  }
  const Charged charged;
  std::string text = text_of(charged.path());
  const size_t second = text.find("{\"record\":\"reserve\",\"step\":1,");
  text.erase(second, text.find('\n', second) + 1 - second);
  write_text(charged.path(), text);
  must_be_refused<LedgerError>("a ledger without one of its lines", [&] { read_ledger(charged.path()); });
}

// No file may grow: what a full disk does.
void full_disks() {
  const Charged charged;
  Ledger ledger = Ledger::open(charged.path(), Charged::keys(7));
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{static_cast<rlim_t>(std::filesystem::file_size(charged.path())), before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &full);
  const Notice noticed = noticed_by([&] {
    must_be_refused("a step whose charge was not written",
                    [&] { ledger.reserve(ledger.next_step(), kStep, 0.5, Charged::keys(7).noise_key); });
  });
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  if (noticed) throw Noticed{*noticed};
}

void broken_disks() {
  const Charged charged;
  Ledger ledger = Ledger::open(charged.path(), Charged::keys(8));
  const FailingFlushes failing;
  must_be_refused("a step whose charge was not flushed",
                  [&] { ledger.reserve(ledger.next_step(), kStep, 0.5, Charged::keys(8).noise_key); });
}

void checkpoints() {
  const tools::testing::RunInFiles run;
  const tools::testing::RunInFiles other({.steps = 7, .charged = 7});
  const LedgerContents ledger = read_ledger(run.folder().ledger());
  must_be_refused("a checkpoint of another run", [&] {
    tools::anchored_checkpoint(other.folder().checkpoint(), privacy::sha256_of_file(other.folder().checkpoint()),
                               ledger);
  });
  std::string changed = text_of(run.folder().checkpoint());
  changed.back() = static_cast<char>(changed.back() ^ 1);
  write_text(run.folder().checkpoint(), changed);
  must_be_refused("a checkpoint that was changed", [&] {
    tools::anchored_checkpoint(run.folder().checkpoint(), privacy::sha256_of_file(run.folder().checkpoint()), ledger);
  });
}

// Clipping to C leaves a record that is replaced by another 2 C.
void budgets() {
  must_be_refused<UsageError>("a plan under replace-one", [] {
    PrivacyPlan plan({.adjacency = Adjacency::replace_one,
                      .dataset_size = 1000,
                      .expected_batch_size = 50,
                      .steps = 100,
                      .delta = 1e-5,
                      .noise_multiplier = 1});
  });
  const PrivacyBudget budget{.epsilon = 1, .delta = 1e-5};
  BudgetGuard guard({Adjacency::add_remove, {}, NoOp{}}, budget, Method::pld);
  must_be_refused<BudgetExhausted>("a release beyond the budget", [&] { guard.charge(Phases{{kStep, 1000}}); });
  for (const double epsilon : {1.0, 3.0}) {
    const PrivacyPlan plan({.adjacency = Adjacency::add_remove,
                            .dataset_size = 1000,
                            .expected_batch_size = 50,
                            .steps = 100,
                            .delta = 1e-5,
                            .epsilon = epsilon});
    demand(plan.epsilon() <= epsilon, "the noise for a budget exceeds it");
    const auto run = [](double noise) {
      return AccountedEvents{Adjacency::add_remove, {}, Phases{{{0.05, Gaussian{noise}}, 100}}};
    };
    const CalibrationTarget target{.budget = {.epsilon = epsilon, .delta = 1e-5}, .method = Method::pld};
    const double noise = smallest_noise_multiplier(target, run).value;
    demand(make_accountant(Method::pld, run(noise))->epsilon(1e-5).upper <= epsilon,
           "the noise that a search returns exceeds the budget");
  }
  for (const double epsilon : {1.00001, 2.71828, 0.99999})
    demand(std::stod(certificate_text::rounded_up(epsilon)) >= epsilon, "a certificate rounds its epsilon down");
}

}  // namespace

Notice ledger_guards() {
  return noticed_by([] {
    keys_of_a_run();
    forked_children();
    ledgers_of_others();
    damaged_ledgers();
    full_disks();
    broken_disks();
    checkpoints();
    budgets();
  });
}

}  // namespace sotto::testing
