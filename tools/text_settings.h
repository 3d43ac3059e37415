#pragma once
// How a published model of texts is trained where the user says nothing of it but the way, --adapt.

#include <sotto/tools/train_options.h>

namespace sotto::tools {

// Vectors of all layers (--pooling layers) less their mean over the records (--centre) in any case, and for N records:
//
//   way     batch, at most   clip norm   adapted                  rates     steps
//   head    16,384           1.4         nothing else             5         N / 70, from 20 to 60
//   lora    2,048            2           values of two layers     5, 3      the same
//   bitfit  2,048            2           biases of two layers     5, 0.02   the same
//   full    1,024            2           all                      5, 0.05   the same, at most 40
//
// by SGD and flat clipping. The rates, of the head and of the rest, fall to 0; of a regression they are a fifth. With
// the rule none a head takes 200 steps, and the others are trained by Adam. Chosen on movie-reviews and, for the head,
// on parts of it down to 240 records, at epsilon 3 and 8; checked on sms-spam and on sentences of Amazon reviews.
//
// Empty when `given`, keys of train_options.h, neither declares the number of records nor names a preset, or when it
// holds anything else that decides how good such a run is: the settings of a row belong together. Throws UsageError for
// a number of records or a rule of labels that does not read.
KeyTexts text_settings(const KeyTexts& given);

}  // namespace sotto::tools
