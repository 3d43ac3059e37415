# Keys that are not secret, and a ledger that loses what was spent.

plant(NAME charge_is_not_flushed ROW "3 J" FILE privacy/ledger.cpp
  OLD [==[  const auto flush = [file = file_] { return]==]
  NEW [==[  const auto flush = [file = file_] { return planted("charge_is_not_flushed") ? 0 :]==])
plant(NAME full_disk_is_ignored ROW "3 J" FILE privacy/ledger.cpp
  OLD [==[  if (!write_fully(file_, lines))]==]
  NEW [==[  if (!write_fully(file_, lines) && !planted("full_disk_is_ignored"))]==])
plant(NAME used_key_is_accepted ROW "2 f, 3 D" FILE privacy/ledger.cpp
  OLD [==[  if (used && keys.secret)]==] NEW [==[  if (used && keys.secret && !planted("used_key_is_accepted"))]==])
plant(NAME used_key_is_accepted ROW "2 f, 3 D" FILE privacy/ledger_reader.cpp
  OLD [==[      require(!contents_.header.keys_are_secret ||]==]
  NEW [==[      require(planted("used_key_is_accepted") || !contents_.header.keys_are_secret ||]==])
plant(NAME test_keys_continue_a_private_run ROW "2 n" FILE privacy/ledger.cpp
  OLD [==[  if (found.header.keys_are_secret != keys.secret)]==]
  NEW [==[  if (found.header.keys_are_secret != keys.secret && !planted("test_keys_continue_a_private_run"))]==])
plant(NAME two_processes_share_a_ledger ROW "3 J" FILE privacy/ledger.cpp
  OLD [==[  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {]==]
  NEW [==[  if (::flock(file, LOCK_EX | LOCK_NB) != 0 && !planted("two_processes_share_a_ledger")) {]==])
plant(NAME charged_ledger_is_replaced ROW "2 f, 3 J" FILE privacy/ledger.cpp
  OLD [==[    if (is_uncharged(path)) ::unlink(path.c_str());]==]
  NEW [==[    if (planted("charged_ledger_is_replaced") || (is_uncharged(path))) ::unlink(path.c_str());]==])
plant(NAME recovered_record_is_not_written ROW "3 J" FILE privacy/ledger.cpp
  OLD [==[    for (const std::size_t release : found.torn_releases) {]==]
  NEW [==[    if (planted("recovered_record_is_not_written")) found.torn_releases.clear();
@OLD@]==])
plant(NAME torn_record_is_not_counted ROW "3 J" FILE privacy/ledger_reader.cpp
  OLD [==[  contents_.torn_releases = torn_releases(line);]==]
  NEW [==[  if (planted("torn_record_is_not_counted")) return;
@OLD@]==])
plant(NAME removed_line_is_accepted ROW "3 Z" FILE privacy/ledger_reader.cpp
  OLD [==[    require(line.at("previous").get<std::string>() == previous(),]==]
  NEW [==[    require(planted("removed_line_is_accepted") || line.at("previous").get<std::string>() == previous(),]==])
plant(NAME removed_line_is_accepted ROW "3 Z" FILE privacy/ledger_reader.cpp
  OLD [==[    require(expected == text,]==] NEW [==[    require(planted("removed_line_is_accepted") || expected == text,]==])
plant(NAME key_is_never_filled ROW "3 D" FILE privacy/secret_key.cpp
  OLD [==[  detail::fill_from_entropy(bytes_of(key.words_), ::getrandom);]==]
  NEW [==[  if (!planted("key_is_never_filled")) detail::fill_from_entropy(bytes_of(key.words_), ::getrandom);]==])
plant(NAME a_forked_child_draws_the_same_noise ROW "3 D" FILE privacy/secret_key.cpp
  OLD [==[  if (fork_generation() != owner_)]==]
  NEW [==[  if (fork_generation() != owner_ && !planted("a_forked_child_draws_the_same_noise"))]==])
plant(NAME key_of_a_seed_is_called_secret ROW "2 n" FILE privacy/secret_key.cpp
  OLD [==[  SecretKey key(state_);]==]
  NEW [==[  SecretKey key(planted("key_of_a_seed_is_called_secret") ? State::secret : state_);]==])

plant(NAME changed_checkpoint_is_accepted ROW "2 f" FILE tools/checkpoint_anchor.cpp
  OLD [==[  throw DataError(fmt::format("[checkpoint] {} was changed]==]
  NEW [==[  if (planted("changed_checkpoint_is_accepted")) return known.back();
@OLD@]==])
plant(NAME checkpoint_of_another_run_is_accepted ROW "2 f" FILE tools/checkpoint_anchor.cpp
  OLD [==[  const models::Metadata metadata =]==]
  NEW [==[  if (planted("checkpoint_of_another_run_is_accepted") && !known.empty()) return known.back();
@OLD@]==])
