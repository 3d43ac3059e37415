#pragma once
// The certificate of a run that was stopped, for tests that change one thing of it.

#include <sotto/privacy/certificate.h>

#include <string>

namespace sotto::privacy {

inline Certificate example() {
  Certificate c;
  c.sotto_version = "0.1.0";
  c.run = "3a240727-ee10-4c65-9142-537ea3582d25";
  c.adjacency = Adjacency::add_remove;
  c.accountant_name = "rdp";
  c.accountant_version = "1";
  c.noise_multiplier = 1.1;
  c.sampling_rate = 256.0 / 64000;
  c.dataset_size_declared = 64000;
  c.expected_batch_size = 256;
  c.clip_norm = 0.5;
  c.weight_rule = "flat";
  c.weight_rule_parameters = {{"clip_norm", 0.5}};
  c.weight_rule_bound = 0.5;
  c.planned = {1000, 1.25001, 1e-5};
  c.executed = {400, 0.9, 1e-5};
  c.input_scaling = "pixels by a public constant";
  c.not_covered = {"the choice of hyper-parameters", "the time that steps take"};
  c.noise_generator = "ChaCha20";
  c.key_source = "operating system";
  c.files = {{"config.toml", std::string(64, 'b')}, {"encoder/config.json", std::string(64, 'c')}};
  c.ledger_records = 402;
  c.ledger_head_hash = std::string(64, 'a');
  return c;
}

}  // namespace sotto::privacy
