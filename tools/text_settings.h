#pragma once
// How a published model of texts is trained, adapted in the way that --adapt tells, where the user does not say.

#include <sotto/tools/train_options.h>

namespace sotto::tools {

// Vectors of all layers (--pooling layers) less their mean over the records (--centre) in any case, and for N declared
// records, or groups:
//
//   way     batch, at most   clip norm   adapted                                     rates     steps
//   head    16,384           1.4         nothing else                                5         N / 70, from 20 to 60
//   lora    2,048            2           values of two layers, rank 8, alpha 4       5, 3      the same
//   bitfit  2,048            2           biases of two layers                        5, 0.02   the same
//   full    1,024            2           all                                         5, 0.05   the same, at most 40
//
// by SGD with momentum 0.9 and flat clipping. The rates, of the head and of the rest, fall to 0; of a regression they
// are a fifth. With the rule none a head takes 200 steps of the same batches; the others are trained by Adam in batches
// of 64: lora (of queries and values) 4 epochs at 2e-3, bitfit 4 at 3e-3, full 2 at 1e-4. Chosen on movie-reviews and,
// for the head, on parts of it down to 240 records, at epsilon 3 and 8; checked on sms-spam and on sentences of Amazon
// reviews. lora and bitfit are for encoders of at least two layers, and keep width (tokens + layers) floats of a record
// in memory; what does not fit is refused when records are prepared, and wants --adapt-layers and the rest by hand.
//
// To be taken for the keys that `given`, keys of train_options.h without those that another excludes, does not hold;
// who says --pooling says --centre too. Empty when `given` holds batch, lr, pooling and steps, which is a whole plan,
// as the config.toml of a run is; when it neither declares the number of records nor names a preset; for a network from
// scratch, an unknown way, other rules than flat and none, and another optimizer than that of the row: its numbers mean
// nothing there. Throws UsageError for a number of records or a rule of labels that does not read.
KeyTexts text_settings(const KeyTexts& given);

}  // namespace sotto::tools
