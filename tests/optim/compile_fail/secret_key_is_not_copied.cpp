// Two holders of one key could draw the same noise for two sums, and the difference would be noiseless.
#include <sotto/privacy/secret_key.h>

sotto::privacy::SecretKey take(sotto::privacy::SecretKey& key) {
#ifdef SOTTO_CONTROL
  return std::move(key);
#else
  return key;
#endif
}
