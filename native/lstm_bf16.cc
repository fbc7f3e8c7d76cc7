// The LSTM with products of bfloat16.

#include "lstm.h"
#include "recurrence_bf16.h"

LAMINA_RECURRENCE_BF16(lstm, lamina::Lstm);
