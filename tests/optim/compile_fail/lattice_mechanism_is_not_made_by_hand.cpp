// As of the ordinary mechanism: only private training, which samples the records itself, makes one.
#include <sotto/optim/lattice_mechanism.h>

sotto::optim::LatticeMechanism make(sotto::privacy::StepEvent event, sotto::privacy::SecretKey key,
                                    sotto::optim::LatticeMechanism mechanism) {
#ifdef SOTTO_CONTROL
  (void)event, (void)key;
  return mechanism;
#else
  (void)mechanism;
  return sotto::optim::LatticeMechanism(event, 1, std::move(key));
#endif
}
